"""Our own keys do not come back in an error: not whole, and not the half that a cut leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elizanet.call import Call, Form
from elizanet.errors import ProviderError
from elizanet.http import Http
from elizanet.operation import Operation
from elizanet.providers.openai import OpenAIProvider
from elizanet.providers.own_secrets import OwnSecrets
from elizanet.providers.replies import MAX_ERROR_BYTES
from elizanet.redact import MASK
from elizanet.settings import Secret
from support.machines import MACHINE
from support.raw_server import raw_server, saying

KEY = "1234567890abcdef1234567890abcdef"
OTHER_KEY = "fedcba0987654321fedcba0987654321"
HEADER = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
"""None looks like a key to anybody who does not know it."""
SECRETS = (KEY, OTHER_KEY, HEADER)
TELLING = 8
"""So many characters of a key in a row are a leak."""


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.aclose()


async def failure_of(http: Http, status: str, body: bytes, *lines: str, form: Form | None = None,
                     operation: Operation = Operation.CHAT) -> ProviderError:  # fmt: skip
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"content-length: {len(body)}", "", ""])
    request = b'{"model":"m"}'
    deadline = asyncio.get_running_loop().time() + 5
    async with raw_server(saying(head.encode() + body)) as server:
        provider = OpenAIProvider(
            "p",
            server.url.removesuffix("/x"),
            http,
            api_key=Secret(KEY),
            other_keys=(Secret(OTHER_KEY),),
            headers={"x-account": Secret(f"Token {HEADER}")},
        )
        with pytest.raises(ProviderError) as caught:
            await provider.send(Call("req_1", operation, "m", request, deadline, form=form))
    return caught.value


def assert_silent(error: ProviderError) -> None:
    """No piece of a key is in what the error says, or keeps."""
    reply = error.reply
    said = f"{error} {error.request_id} {reply and (reply.body, reply.headers)}"
    for secret in SECRETS:
        for start in range(len(secret) - TELLING + 1):
            assert secret[start : start + TELLING] not in said


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", [0, 30, 44, 60, 75, 79])
@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.SPEECH, Operation.TRANSCRIPTION])
async def test_the_beginning_of_a_body_that_is_no_answer_shows_none(
    http: Http, secret: str, before: int, operation: Operation
) -> None:
    """It is shown up to 80 characters, and a key may stand at the last of them."""
    form = Form("x", 0, 0, response_format="vtt") if operation is Operation.TRANSCRIPTION else None
    body = b"x" * before + f" key {secret} was used".encode()
    kind = "content-type: text/plain"
    error = await failure_of(http, "200 OK", body, kind, form=form, operation=operation)
    assert_silent(error)
    assert MASK[:2] in str(error) or before > 74


@pytest.mark.parametrize("before", [470, 490, 1975, 1990, MAX_ERROR_BYTES - 20])
@pytest.mark.parametrize("template", ["{}", '{{"error":{{"message":"{}"}}}}'])
@pytest.mark.parametrize("fill", ["x", " ", "sk-ZYXWVU5TSRQPONML "])
async def test_a_message_that_is_cut_shows_none(
    http: Http, before: int, template: str, fill: str
) -> None:
    """Wherever it is cut, and also where what stood before was taken out and all moved up."""
    padding = (fill * before)[:before]
    said = template.format(f"{padding}{KEY} and {OTHER_KEY} and {HEADER}").encode()
    assert_silent(await failure_of(http, "401 No", said))


async def test_headers_of_an_error_show_none(http: Http) -> None:
    """Nor does the request's id, which callers are told."""
    lines = (f"x-request-id: {OTHER_KEY}", f"x-told: {KEY}", f"retry-after: {HEADER}")
    error = await failure_of(http, "500 No", b"{}", *lines)
    assert_silent(error)
    assert error.request_id == MASK


@pytest.mark.parametrize("name", ["transfer-encoding", "content-encoding"])
async def test_an_encoding_that_is_none_shows_none(http: Http, name: str) -> None:
    """What cannot be decoded is named, and a provider may write anything there."""
    said = "x" * 30 + f" {KEY}"
    lines = (f"{name}: {said}",) if name == "content-encoding" else (f"{name}: {said}, chunked",)
    assert_silent(await failure_of(http, "200 OK", b"", *lines))


@given(st.lists(st.sampled_from([*SECRETS, "x", " ", "é", KEY[:20]])), st.integers(1, 300))
@settings(parent=MACHINE)
def test_half_a_secret_does_not_stay_where_a_body_is_cut(pieces: list[str], most: int) -> None:
    """Only what cannot be the beginning of one stands at the end."""
    text = "".join(pieces)
    kept = OwnSecrets(SECRETS).hidden_in_body(text.encode(), most).decode(errors="replace")
    whole = OwnSecrets(SECRETS).hidden(text)
    assert len(kept.encode()) <= most + len(MASK) * len(pieces)
    assert whole.startswith(kept.rstrip("\ufffd"))


def test_a_secret_that_begins_another_hides_both() -> None:
    """The longer one is looked for first."""
    assert OwnSecrets(["abcd", "abcdefgh"]).hidden("abcdefgh abcd") == f"{MASK} {MASK}"


def test_short_secrets_and_schemes_are_words_like_others() -> None:
    """They would be taken out of sentences."""
    secrets = OwnSecrets(["key", "Bearer abcdefgh", "two words"])
    assert secrets.hidden("the Bearer of a key: abcdefgh") == f"the Bearer of a key: {MASK}"
    assert secrets.hidden("words") == "words"
    assert repr(secrets) == "<OwnSecrets some>"


def test_without_secrets_nothing_changes() -> None:
    """As for a provider that is asked anonymously."""
    secrets, headers = OwnSecrets([]), (("a", "b"),)
    assert secrets.hidden(KEY) == KEY
    assert secrets.hidden_in_headers(headers) is headers
    assert secrets.hidden_in_body(json.dumps(KEY).encode(), 5) == b'"1234'
