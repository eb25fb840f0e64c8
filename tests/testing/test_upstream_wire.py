"""Faults of the wire: what comes over the socket when an answer is written wrongly."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

import pytest

from elizanet.testing import Upstream

if TYPE_CHECKING:
    from testing.conftest import Ask

BOTH = pytest.mark.parametrize("stream", [False, True])
PIECES = 7  # what a stream's content comes in: "upstream answers: Why is the sky blue?"


def broken(heard: object) -> bool:
    """Whether the body is not framed as promised."""
    try:
        heard.body  # type: ignore[attr-defined]  # noqa: B018 - the property raises
    except Exception as error:  # noqa: BLE001 - the class lives in conftest
        return type(error).__name__ == "BrokenBodyError"
    return False


async def test_nothing_listens_while_connections_are_refused(ask: Ask) -> None:
    """`refuse` closes the listener, from the start or later, and keeps the port."""
    async with Upstream(faults=["refuse"]) as upstream:
        assert (await ask(upstream)).end == "refused"
        address = upstream.base_url
        upstream.heal()
        assert (await ask(upstream)).status == 200
        upstream.fail("refuse")
        assert (await ask(upstream)).end == "refused"
        upstream.fail("status=500")
        assert (await ask(upstream)).status == 500
        assert upstream.base_url == address


async def test_connections_refused_at_once_after_opening_are_refused(ask: Ask) -> None:
    """Changing one's mind before the listener runs ends in the last state."""
    async with Upstream(faults=["refuse"]) as upstream:
        for _ in range(3):
            upstream.heal()
            upstream.fail("refuse")
        await asyncio.sleep(0.01)
        assert (await ask(upstream)).end == "refused"
        upstream.fail("refuse")
        upstream.heal()
        assert (await ask(upstream)).status == 200


async def test_refusing_ends_the_connections_that_are_open(ask: Ask) -> None:
    """A provider that is gone does not answer over old connections either."""
    async with Upstream(faults=["hang"]) as upstream:
        asked = asyncio.create_task(ask(upstream, patience=5))
        await upstream.wait_received()
        upstream.fail("refuse")
        assert (await asked).end in {"closed", "reset"}
        assert upstream.connections_open == 0


@BOTH
async def test_a_reset_is_a_reset(ask: Ask, stream: bool) -> None:
    """`reset` sends a RST instead of an answer."""
    async with Upstream(faults=["reset"]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert (heard.raw, heard.end) == (b"", "reset")


@BOTH
async def test_a_close_is_clean_and_empty(ask: Ask, stream: bool) -> None:
    """`close` ends the connection in order without a byte."""
    async with Upstream(faults=["close"]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert (heard.raw, heard.end) == (b"", "closed")


@BOTH
async def test_a_hang_says_nothing(ask: Ask, stream: bool) -> None:
    """`hang` takes the request and stays silent."""
    async with Upstream(faults=["hang"]) as upstream:
        heard = await ask(upstream, stream=stream, patience=0.1)
        assert len(upstream.requests) == 1
    assert (heard.raw, heard.end) == (b"", "silent")


@BOTH
async def test_a_hang_after_the_head_says_no_more(ask: Ask, stream: bool) -> None:
    """`hang_headers` is a good head and then silence."""
    async with Upstream(faults=["hang_headers"]) as upstream:
        heard = await ask(upstream, stream=stream, patience=0.1)
    assert (heard.status, heard.sent_body, heard.end) == (200, b"", "silent")


@pytest.mark.parametrize(
    ("spec", "end"), [("half_head", "closed"), ("half_head,then=hang", "silent")]
)
async def test_half_a_head_is_not_a_head(ask: Ask, spec: str, end: str) -> None:
    """`half_head` stops inside a header, and closes or hangs."""
    async with Upstream(faults=[spec]) as upstream:
        heard = await ask(upstream, patience=0.1)
    assert heard.raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in heard.raw
    assert heard.end == end


@BOTH
@pytest.mark.parametrize(("spec", "end"), [("cut", "closed"), ("cut,how=reset", "reset")])
async def test_a_cut_body_is_shorter_than_promised(
    ask: Ask,
    spec: str,
    end: str,
    stream: bool,
) -> None:
    """`cut` sends half of the body that its length promises."""
    async with Upstream(faults=[spec]) as upstream:
        heard = await ask(upstream, stream=stream)
    promised = int(heard.headers["content-length"])
    assert len(heard.sent_body) == promised // 2
    assert heard.end == end


async def test_a_cut_can_fall_anywhere(ask: Ask) -> None:
    """`cut=N` sends N bytes; a body that is whole by chance still lacks what was promised."""
    async with Upstream(faults=["cut=5"]) as upstream:
        heard = await ask(upstream)
        assert heard.sent_body == b'{"id"'
        upstream.fail("cut=1000000")
        whole = await ask(upstream)
    assert whole.sent_body.endswith(b"}")
    assert int(whole.headers["content-length"]) == len(whole.sent_body) + 1


@pytest.mark.parametrize("content_events", [0, 1, 3, 99])
@pytest.mark.parametrize("how", ["close", "reset", "clean"])
async def test_a_cut_stream_breaks_off_after_its_content(
    ask: Ask, content_events: int, how: str
) -> None:
    """`cut_stream` never reaches the finish; only a clean one is framed to its end."""
    async with Upstream(faults=[f"cut_stream={content_events},how={how}"]) as upstream:
        heard = await ask(upstream, stream=True)
    assert heard.raw.count(b'"role":"assistant"') == 1
    assert heard.raw.count(b'"delta":{"content":') == min(content_events, PIECES)
    assert b'"stop"' not in heard.raw
    assert b"[DONE]" not in heard.raw
    assert broken(heard) == (how != "clean")
    assert heard.end == ("reset" if how == "reset" else "closed")


async def test_a_stalled_stream_falls_silent(ask: Ask) -> None:
    """`stall_stream` stays open after its content."""
    async with Upstream(faults=["stall_stream=2"]) as upstream:
        heard = await ask(upstream, stream=True, patience=0.1)
    assert heard.raw.count(b'"delta":{"content":') == 2
    assert heard.end == "silent"


async def test_a_stalled_stream_can_keep_the_connection_alive(ask: Ask) -> None:
    """With keepalives the silence is filled with comments."""
    async with Upstream(faults=["stall_stream=1,keepalives=0.01"]) as upstream:
        heard = await ask(upstream, stream=True, most=2000)
    assert heard.end == "full"
    assert heard.raw.count(b": keep-alive\n\n") > 10
    assert heard.raw.count(b'"delta":{"content":') == 1


async def test_comments_are_all_that_comes(ask: Ask) -> None:
    """`keepalives` never sends an event."""
    async with Upstream(faults=["keepalives=0.01"]) as upstream:
        heard = await ask(upstream, stream=True, most=1000)
    assert heard.end == "full"
    assert b"data:" not in heard.raw
    assert heard.raw.count(b": keep-alive\n\n") > 10


async def test_garbage_is_not_http(ask: Ask) -> None:
    """`garbage` has no status line."""
    async with Upstream(faults=["garbage"]) as upstream:
        heard = await ask(upstream)
    assert heard.raw
    assert b"HTTP/1" not in heard.raw
    assert heard.end == "closed"


@BOTH
async def test_an_endless_body_goes_on_and_on(ask: Ask, stream: bool) -> None:
    """`endless_body` ends when its reader does, and the provider lives on."""
    async with Upstream(faults=["endless_body"]) as upstream:
        heard = await ask(upstream, stream=stream, most=10 * 2**20)
        assert heard.end == "full"
        await upstream.wait_closed_by_peer()
        upstream.heal()
        assert (await ask(upstream)).status == 200


@BOTH
async def test_a_chunk_size_can_be_wrong(ask: Ask, stream: bool) -> None:
    """`bad_chunk` is chunked at first and then is not."""
    async with Upstream(faults=["bad_chunk"]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert broken(heard)
    assert b"\r\nzz\r\n" in heard.raw
    assert heard.end == "closed"


async def test_a_slow_answer_comes_late(ask: Ask) -> None:
    """`slow` delays the first byte, on top of another fault too."""
    async with Upstream(faults=["slow=0.2", "status=500"]) as upstream:
        heard = await ask(upstream)
    assert heard.seconds >= 0.19
    assert heard.status == 500


async def test_a_dripping_answer_comes_byte_by_byte(ask: Ask) -> None:
    """`drip` spaces the bytes of the body; the head comes at once, unless it drips too."""
    async with Upstream(faults=["drip=0.001", "status=418,body=0123456789"]) as upstream:
        heard = await ask(upstream)
        assert heard.body == b"0123456789"
        assert 10 <= heard.pieces <= 11
        upstream.fail("drip=0.001,head", "status=418,body=0123456789")
        all_dripped = await ask(upstream)
    assert all_dripped.pieces > 100


@BOTH
async def test_a_split_answer_is_whole(ask: Ask, stream: bool) -> None:
    """`split` changes the pieces and no byte, whatever the size."""
    async with Upstream(name="p") as upstream:
        good = await ask(upstream, stream=stream)
        for size in (1, 7):
            upstream.fail(f"split={size}")
            heard = await ask(upstream, stream=stream)
            assert heard.text == good.text
            assert heard.pieces > 20


@pytest.mark.parametrize(
    ("coding", "window"), [("gzip", 16 + zlib.MAX_WBITS), ("deflate", zlib.MAX_WBITS)]
)
@BOTH
async def test_an_answer_can_be_encoded(ask: Ask, coding: str, window: int, stream: bool) -> None:
    """`gzip` and deflate wrap the body, whole and streamed, of good answers and of errors."""
    async with Upstream(name="p", faults=[coding]) as upstream:
        heard = await ask(upstream, stream=stream)
        upstream.fail(coding, "status=500")
        error = await ask(upstream)
    assert heard.headers["content-encoding"] == error.headers["content-encoding"] == coding
    assert b" answers" in zlib.decompress(heard.body, window)
    assert b'"server_error"' in zlib.decompress(error.body, window)


async def test_each_event_of_an_encoded_stream_can_be_read_at_once(ask: Ask) -> None:
    """An encoded stream is flushed at every event, so nothing waits in the encoder."""
    async with Upstream(faults=["gzip", "stall_stream=1"]) as upstream:
        heard = await ask(upstream, stream=True, patience=0.1)
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    rest, text = heard.sent_body, b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        text += decoder.decompress(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    assert text.endswith(b"\n\n")
    assert text.count(b'"delta":{"content":') == 1


async def test_an_empty_answer_is_not_encoded(ask: Ask) -> None:
    """Zero bytes stay zero bytes."""
    async with Upstream(faults=["gzip", "empty200"]) as upstream:
        heard = await ask(upstream)
    assert heard.body == b""
    assert "content-encoding" not in heard.headers
