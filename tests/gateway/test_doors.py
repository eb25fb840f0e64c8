"""Who may come in, and with what: keys, bodies, routes and circles."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from elizanet.gateway.auth import Keyring
from elizanet.gateway.server import listen
from elizanet.settings import CallerSettings, Secret
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Serve

CHATS = "/v1/chat/completions"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
KEYS = ("first-key", "second-key")


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer first-key",
        "authorization: bearer  second-key ",
        "api-key: second-key",
        "X-Api-Key: first-key",
    ],
)
async def test_a_known_key_opens(serve: Serve, primary: Upstream, header: str) -> None:
    """As a bearer token or in the headers that other SDKs use."""
    async with serve(primary, keys=KEYS) as gateway:
        assert (await gateway.ask(CHATS, CHAT, header)).status == 200


@pytest.mark.parametrize(
    "header",
    [
        "Host: x",
        "Authorization: Bearer wrong-key",
        "Authorization: Bearer",
        "Authorization: Basic first-key",
        "Authorization: first-key",
        "Authorization: Bearer first-ke",
        "Authorization: Bearer first-key2",
        "api-key: ",
        "api-key: f\xefrst-key",
    ],
)
async def test_without_a_known_key_nothing_is_told(
    serve: Serve, primary: Upstream, header: str
) -> None:
    """401 in OpenAI's shape, on every path of the API, and no provider asked."""
    async with serve(primary, keys=KEYS) as gateway:
        heard = await gateway.ask(CHATS, CHAT, header)
        assert (await gateway.get("/v1/models", header)).status == 401
        assert (await gateway.get("/v1/nowhere", header)).status == 401
    assert heard.status == 401
    assert heard.error["code"] == "invalid_api_key"
    assert heard.header("www-authenticate") == "Bearer"
    assert "wrong-key" not in heard.body.decode()
    assert primary.requests == []


async def test_health_needs_no_key(serve: Serve, primary: Upstream) -> None:
    """Whoever watches the process need not be able to use it."""
    async with serve(primary, keys=KEYS) as gateway:
        assert (await gateway.get("/live")).status == 200
        assert (await gateway.get("/ready")).status == 200
        head = await gateway.ask("/live", b"", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        gateway.app.admission.draining = True
        assert (await gateway.get("/ready")).status == 503
        assert (await gateway.get("/live")).status == 200


def test_keys_are_kept_as_hashes() -> None:
    """Nobody who sees the object sees a key."""
    keyring = Keyring([CallerSettings("team-a", Secret("first-key"))])
    assert repr(keyring) == "<Keyring of 1 keys>"
    assert "first-key" not in repr(vars(keyring))
    assert keyring.find({b"authorization": b"Bearer first-key"}).alias == "team-a"


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/", "/v1/chat/completions/", "/v1/models/", "/V1"]
)
async def test_an_unknown_path_is_a_404(serve: Serve, primary: Upstream, path: str) -> None:
    """In OpenAI's shape, whatever the method."""
    async with serve(primary) as gateway:
        for heard in (await gateway.get(path), await gateway.ask(path)):
            assert heard.status == 404
            assert heard.error["code"] == "unknown_url"


async def test_a_wrong_method_is_told_the_right_one(serve: Serve, primary: Upstream) -> None:
    """405 with `Allow`."""
    async with serve(primary) as gateway:
        heard = await gateway.get(CHATS)
        assert (heard.status, heard.header("allow")) == (405, "POST")
        heard = await gateway.ask("/v1/models", CHAT)
        assert (heard.status, heard.header("allow")) == (405, "GET, HEAD")
        heard = await gateway.ask("/v1/models/gpt-4o", b"", method="DELETE")
        assert (heard.status, heard.header("allow")) == (405, "GET, HEAD")
        assert heard.error["code"] == "method_not_allowed"


WRONG_BODIES = {
    b"": None,
    b"  ": None,
    b"{": None,
    b"nonsense": None,
    b'{"model":"gpt-4o",}': None,
    b'{"model":"gpt-4o"} {}': None,
    b'{"model":"gpt-4o","x":NaN}': None,
    b'{"model":"gpt-4o","x":"\xff"}': None,
    b'\xef\xbb\xbf{"model":"gpt-4o"}': None,
    b"[]": None,
    b"null": None,
    b'"gpt-4o"': None,
    b"{}": "model",
    b'{"model":null}': "model",
    b'{"model":4}': "model",
    b'{"model":["gpt-4o"]}': "model",
    b'{"model":{"model":"gpt-4o"}}': "model",
    b'{"model":""}': "model",
    b'{"model":"a\\nb"}': "model",
    b'{"model":"a\\u0000"}': "model",
    b'{"model":"\\ud800"}': "model",
    b'{"model":"gpt-4o","x":"\\ud83d": 1}': None,
    b'{"model":"' + b"x" * 513 + b'"}': "model",
    b'{"model":"gpt-4o","stream":"yes"}': "stream",
    b'{"model":"gpt-4o","stream":1}': "stream",
    b'{"model":"gpt-4o","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}": None,
    b'{"model":"gpt-4o","x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}": None,
}


@pytest.mark.parametrize(("body", "param"), WRONG_BODIES.items(), ids=range(len(WRONG_BODIES)))
async def test_a_body_that_makes_no_sense_goes_nowhere(
    serve: Serve, primary: Upstream, body: bytes, param: str | None
) -> None:
    """One sentence that says what is wrong, and no provider asked."""
    async with serve(primary, model="*") as gateway:
        heard = await gateway.ask(body=body)
    assert heard.status == 400
    error = heard.error
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["code"]
    assert len(error["message"]) < 200
    assert "\n" not in error["message"]
    assert (param or "body") in error["message"]
    assert primary.requests == []


async def test_a_body_over_the_bound_is_refused(serve: Serve, primary: Upstream) -> None:
    """By its announced length, or while it is read; the connection can go on."""
    most = 1000
    body = CHAT[:-1] + b',"x":"' + b"y" * most + b'"}'
    async with serve(primary, max_body=most) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, body))
        announced = await connection.hear()
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunks
        )
        counted = await connection.hear()
        connection.send(gateway.request(CHATS, CHAT + b" " * (most - len(CHAT))))
        assert (await connection.hear()).status == 200
    for heard in (announced, counted):
        assert heard.status == 413
        assert str(most) in heard.error["message"]
    assert len(primary.requests) == 1


async def test_a_refusal_is_heard_by_who_is_still_sending(serve: Serve, primary: Upstream) -> None:
    """A 413 comes before megabytes are sent, and is not lost to a reset behind them."""
    async with serve(primary, max_body=1000) as gateway:
        connection = await gateway.connect()
        connection.send(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        )
        assert (await connection.hear()).status == 413
        connection.send(b"x" * 9_000_000)
        connection.send(gateway.request("/live", b"", method="GET"))
        assert (await connection.hear()).status == 200


async def test_who_asks_before_sending_is_told_at_once(serve: Serve, primary: Upstream) -> None:
    """`Expect: 100-continue` is answered, or refused before the body."""
    expect = "Expect: 100-continue"
    async with serve(primary, max_body=1000) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request(CHATS, CHAT, expect)[: -len(CHAT)])
        assert (await connection.hear(head_only=True)).status == 100
        connection.send(CHAT)
        assert (await connection.hear()).status == 200
        refused = await gateway.connect()
        refused.send(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9000\r\n\r\n"
        )
        assert (await refused.hear()).status == 413


async def test_an_encoded_request_is_refused(serve: Serve, primary: Upstream) -> None:
    """415 says what is taken instead."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(CHATS, CHAT, "Content-Encoding: gzip")
        assert (heard.status, heard.header("accept-encoding")) == (415, "identity")
        assert heard.error["code"] == "unsupported_content_encoding"
        assert (await gateway.ask(CHATS, CHAT, "Content-Encoding: identity")).status == 200


async def test_a_circle_of_gateways_is_broken(serve: Serve, primary: Upstream) -> None:
    """A request that comes back is a 508; others carry the list of gateways on."""
    async with serve(primary) as gateway:
        await gateway.ask()
        own = primary.requests[0].header("x-elizanet-hop")
        assert own
        heard = await gateway.ask(CHATS, CHAT, f"x-elizanet-hop: other, {own}")
        assert heard.status == 508
        assert heard.error["code"] == "gateway_loop"
        split = await gateway.ask(CHATS, CHAT, f"x-elizanet-hop: {own}", "x-elizanet-hop: other")
        assert split.status == 508
        assert (await gateway.ask(CHATS, CHAT, "x-elizanet-hop: other,one")).status == 200
    assert primary.requests[-1].header("x-elizanet-hop") == f"other, one, {own}"
    assert len(primary.requests) == 2


async def test_two_gateways_in_a_row_are_no_circle(serve: Serve, primary: Upstream) -> None:
    """The list grows by one gateway at a time; the answer tells of the nearer one."""
    async with serve(primary) as inner, serve(inner) as outer:
        heard = await outer.ask()
    assert heard.status == 200
    assert heard.header("x-elizanet-provider") == "gateway"
    assert len(set(primary.requests[0].header("x-elizanet-hop").split(", "))) == 2


async def test_a_gateway_that_is_its_own_provider_says_so(serve: Serve) -> None:
    """What cannot be seen at start is seen by the first request, without a storm of them."""
    sockets = listen("127.0.0.1", 0)
    itself = SimpleNamespace(
        name="itself", base_url=f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1"
    )
    async with serve(itself, sockets=sockets) as gateway:
        heard = await gateway.ask()
    assert heard.status == 508
    assert heard.error["code"] == "gateway_loop"
