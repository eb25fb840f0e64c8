"""Errors have OpenAI's shape, and a lone provider's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from elizanet.errors import AllTargetsFailed, Skipped
from elizanet.gateway import failures
from elizanet.settings import Timeouts
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from elizanet.testing import ReceivedRequest, Wire
    from gateway.conftest import Serve

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["unary", "stream"])
SHORT = Timeouts(total=5.0, attempt=0.3, first_event=0.3, stall=0.3)


@BOTH
async def test_a_lone_provider_speaks_for_itself(
    serve: Serve, primary: Upstream, body: bytes
) -> None:
    """Status, body to the byte, content type and `retry-after` are the provider's."""
    odd = b'{ "error": {"message":"slow \\u0064own","extra":1.0e0} }'

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(
            b"HTTP/1.1 429 Slow\r\ncontent-type: application/json; v=1\r\nretry-after: 77\r\n"
            b"openai-organization: org-a\r\ncontent-length: %d\r\n\r\n%b" % (len(odd), odd)
        )

    primary.script(script)
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=body)
    assert (heard.status, heard.body) == (429, odd)
    assert heard.header("content-type") == "application/json; v=1"
    assert heard.header("retry-after") == "77"
    assert heard.header("openai-organization") is None
    assert heard.header("x-elizanet-provider") == "primary"
    assert heard.header("x-elizanet-request-id")


async def test_secrets_are_taken_out_of_a_providers_words(serve: Serve, primary: Upstream) -> None:
    """Keys, private addresses and account ids; the rest of the error stays as it is."""
    key, account = "sk-proj-abcdefghijklmnop0123456789", "org-AbCdEfGhIjKlMnOpQrStUvWx"
    message = f"key {key} of {account} at http://10.1.2.3:8000/v1 is éxhausted"
    words = ('{ "error": {"message": "' + message + '", "n": 1.0e0} }').encode()

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(
            b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\nx-told: %b\r\n"
            b"content-length: %d\r\n\r\n%b" % (key.encode(), len(words), words)
        )

    primary.script(script)
    async with serve(primary) as gateway:
        heard = await gateway.ask()
    assert heard.status == 400
    told = heard.body.decode()
    for secret in (key, account, "10.1.2.3"):
        assert secret not in told + str(heard.headers)
    assert told.startswith('{ "error": {"message": "key ')
    assert told.endswith(' is éxhausted", "n": 1.0e0} }')


@BOTH
async def test_a_refusal_for_good_reaches_the_caller(
    serve: Serve, primary: Upstream, backup: Upstream, body: bytes
) -> None:
    """A 400 stops the call: the provider's reason, and nobody else is asked."""
    primary.fail("content_policy")
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(body=body)
    assert heard.status == 400
    assert heard.error["code"] == "content_filter"
    assert backup.requests == []


async def test_an_error_without_a_body_is_given_one(serve: Serve, primary: Upstream) -> None:
    """The status stays the provider's, the shape is OpenAI's."""

    async def script(_request: ReceivedRequest, wire: Wire) -> None:
        await wire.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    primary.script(script)
    async with serve(primary) as gateway:
        heard = await gateway.ask()
    assert heard.status == 404
    assert heard.error["type"] == "unknown"
    assert heard.error["message"] == "status 404"


NO_REPLY = {
    "hang": (504, "timeout"),
    "refuse": (502, "connection"),
    "close": (502, "connection"),
    "html200": (502, "malformed_response"),
    "status=302": (502, None),
}


@BOTH
@pytest.mark.parametrize(("fault", "expected"), NO_REPLY.items())
async def test_a_provider_without_an_answer_is_a_gateway_error(
    serve: Serve,
    primary: Upstream,
    fault: str,
    expected: tuple[int, str | None],
    body: bytes,
) -> None:
    """No HTTP error to pass on: ours has the failure class as its type."""
    primary.fail(fault)
    async with serve(primary, timeouts=SHORT) as gateway:
        heard = await gateway.ask(body=body)
    status, kind = expected
    assert heard.status == status
    assert heard.header("content-type") == "application/json"
    assert heard.error["type"] == (kind or heard.error["type"])
    assert heard.error["message"]
    assert heard.header("location") is None


async def test_an_error_under_200_gets_the_status_it_should_have_had(
    serve: Serve, primary: Upstream
) -> None:
    """The provider's error object stays as it is; 200 would make it an answer."""
    primary.fail("error200=quota")
    async with serve(primary) as gateway:
        heard = await gateway.ask()
    assert heard.status == 429
    assert heard.error["code"] == "insufficient_quota"
    assert heard.header("content-type") == "application/json"


async def test_an_error_event_before_content_is_an_error(serve: Serve, primary: Upstream) -> None:
    """A stream that begins with an error has no head of 200 for the caller."""
    primary.fail("error_event=0,error=overloaded")
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=STREAM)
    assert heard.status == 503
    assert heard.error["message"]
    assert heard.header("content-type") == "application/json"


@BOTH
async def test_when_all_fail_the_caller_learns_of_each(
    serve: Serve, primary: Upstream, backup: Upstream, body: bytes
) -> None:
    """503, every attempt in order, and the advice not to come straight back."""
    primary.fail("status=502")
    backup.fail("auth")
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask(body=body)
    assert heard.status == 503
    assert heard.header("x-should-retry") == "false"
    assert int(heard.header("retry-after") or 0) >= 1
    error = heard.error
    assert error["type"] == "all_targets_failed"
    told = [(a["provider"], a["model"], a["class"], a["status"]) for a in error["attempts"]]
    assert told[0] == ("primary", "gpt-4o", "overloaded", 502)
    assert told[-1] == ("backup", "gpt-4o", "auth", 401)
    assert all(isinstance(attempt["ms"], int) for attempt in error["attempts"])
    assert heard.header("x-elizanet-attempts") == str(len(told))
    assert "sk-of" not in heard.body.decode()


async def test_when_all_are_rate_limited_the_answer_is_429(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """`retry-after` is the shortest delay that any of them stated."""
    primary.fail("rate_limit,retry-after=40")
    backup.fail("rate_limit,retry-after=20")
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask()
    assert heard.status == 429
    assert heard.header("retry-after") == "20"
    assert heard.error["type"] == "all_targets_failed"
    assert heard.header("x-should-retry") == "false"


async def test_a_rate_limit_among_others_is_not_a_rate_limit(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Only when all say so is waiting the whole story."""
    primary.fail("rate_limit,retry-after=40")
    backup.fail("status=500")
    async with serve(primary, backup) as gateway:
        heard = await gateway.ask()
    assert heard.status == 503
    assert heard.header("retry-after") == "40"


async def test_an_unknown_model_is_a_404(serve: Serve, primary: Upstream) -> None:
    """With the code that the SDKs know, and no provider asked."""
    async with serve(primary) as gateway:
        heard = await gateway.ask(body=b'{"model":"gpt-5o"}')
    assert heard.status == 404
    assert heard.error["code"] == "model_not_found"
    assert heard.error["param"] == "model"
    assert primary.requests == []


async def test_what_our_own_fault_breaks_is_told_without_details(
    serve: Serve,
    primary: Upstream,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug is a 500 in OpenAI's shape with the id under which the log has the reason."""
    async with serve(primary) as gateway:

        async def broken(*_arguments: object, **_more: object) -> None:
            raise RuntimeError("a secret detail")

        monkeypatch.setattr(gateway.router, "send", broken)
        heard = await gateway.ask()
    assert heard.status == 500
    assert "secret" not in heard.body.decode()
    call_id = heard.header("x-elizanet-request-id") or "none"
    assert call_id in heard.error["message"]
    assert call_id in caplog.text
    assert "a secret detail" in caplog.text


async def test_provider_and_model_names_cannot_forge_headers(
    serve: Serve, primary: Upstream
) -> None:
    """Names with unusual characters are percent-encoded in headers."""
    async with serve(primary, model="*") as gateway:
        body = json.dumps(
            {"model": "größe 100%", "messages": [{"role": "user", "content": "hi"}]}
        ).encode()
        heard = await gateway.ask(body=body)
    assert heard.status == 200
    assert heard.header("x-elizanet-model") == "gr%C3%B6%C3%9Fe%20100%25"


async def test_targets_that_were_not_asked_are_told_apart(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """While all of them are known to be limited nobody is asked: 429, why, and for how long."""
    primary.fail("rate_limit,retry-after=40")
    backup.fail("rate_limit,retry-after=20")
    async with serve(primary, backup) as gateway:
        await gateway.ask()
        asked = len(primary.requests) + len(backup.requests)
        heard = await gateway.ask()
    assert len(primary.requests) + len(backup.requests) == asked
    assert heard.status == 429
    assert heard.error["type"] == "all_targets_failed"
    assert heard.error["code"] == "rate_limit_exceeded"
    assert heard.error["attempts"] == []
    told = [(each["provider"], each["model"], each["reason"]) for each in heard.error["skipped"]]
    assert told == [("primary", "gpt-4o", "rate_limited"), ("backup", "gpt-4o", "rate_limited")]
    assert [round(each["retry_after_s"], -1) for each in heard.error["skipped"]] == [40, 20]
    assert 15 < int(heard.header("retry-after") or 0) <= 20
    assert heard.header("x-should-retry") == "false"
    assert heard.header("x-elizanet-attempts") == "0"


@pytest.mark.parametrize(
    ("reasons", "status", "retry"),
    [
        (["full"], 503, "true"),
        (["full", "full"], 503, "true"),
        (["full", "rate_limited"], 503, "false"),
        (["rate_limited", "own_limit"], 429, "false"),
        (["key_quarantined"], 503, "false"),
        (["breaker_open", "own_limit"], 503, "false"),
    ],
)
def test_the_reasons_decide_what_a_client_should_do(
    reasons: list[str], status: int, retry: str
) -> None:
    """Wait where all are limits of a rate; come back at once only where there was no room."""
    skipped = [Skipped("p", "m", reason, None) for reason in reasons]
    answered, headers, body = failures.all_failed(AllTargetsFailed((), (), skipped), "req_1")
    assert answered == status
    assert dict(headers)[b"x-should-retry"] == retry.encode()
    assert dict(headers)[b"retry-after"] == b"5"
    assert [each["reason"] for each in json.loads(body)["error"]["skipped"]] == reasons
