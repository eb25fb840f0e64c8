"""How an answer is written to its connection: in as few pieces as can be, and never two answers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from elizanet.gateway.asgi import BODY, START
from elizanet.gateway.cycle import Cycle
from elizanet.gateway.watch import Presence

TEXT = (b"content-type", b"text/plain")


class Wire:
    """A transport that keeps each piece it is given."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.pieces.append(b"".join(pieces))

    def close(self) -> None:
        self.closed = True


class Flow:
    """A caller who reads, or does not until `drain`."""

    write_paused = False

    async def drain(self) -> None:
        self.write_paused = False

    def resume_reading(self) -> None:
        """Nothing is read here."""


def cycle_on(wire: Wire, *, method: str = "POST", keep_alive: bool = True) -> Cycle:
    connection = SimpleNamespace(
        parser=SimpleNamespace(should_keep_alive=lambda: keep_alive),
        transport=wire,
        flow=Flow(),
        logger=None,
        access_logger=None,
        server_state=SimpleNamespace(default_headers=[(b"date", b"today")]),
        expect_100_continue=False,
        on_response_complete=lambda: None,
    )
    scope = {
        "http_version": "1.1",
        "method": method,
        "path": "/",
        "presence": Presence(asyncio.get_running_loop()),
    }
    return Cycle(cast("Any", connection), cast("Any", scope))


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, object]:
    return {"type": START, "status": status, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> dict[str, object]:
    return {"type": BODY, "body": data, "more_body": more}


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_a_whole_answer_leaves_in_one_piece(wire: Wire) -> None:
    """Head and body are one write, and so one packet where they fit."""
    cycle = cycle_on(wire)
    await cycle.send(start(TEXT, (b"content-length", b"2")))
    assert wire.pieces == []
    await cycle.send(body(b"hi"))
    head = (
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n"
    )
    assert wire.pieces == [head + b"hi"]
    assert cycle.response_complete
    assert not wire.closed


async def test_the_head_of_a_stream_leaves_with_its_first_event(wire: Wire) -> None:
    """Each later event is a piece of its own, and the end is one."""
    cycle = cycle_on(wire)
    await cycle.send(start(TEXT))
    await cycle.send(body(b"one", more=True))
    await cycle.send(body(b"two", more=True))
    await cycle.send(body(b""))
    assert wire.pieces[0].endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
    assert wire.pieces[1:] == [b"3\r\ntwo\r\n", b"0\r\n\r\n"]


async def test_an_empty_piece_sends_the_head_alone(wire: Wire) -> None:
    """Where the body is not there yet, the caller need not wait for the head."""
    cycle = cycle_on(wire)
    await cycle.send(start(TEXT))
    await cycle.send(body(b"", more=True))
    assert wire.pieces[0].endswith(b"\r\n\r\n")
    await cycle.send(body(b"x"))
    assert wire.pieces[1:] == [b"1\r\nx\r\n0\r\n\r\n"]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_no_chunks(wire: Wire, status: int) -> None:
    """Such a status has no body and no framing."""
    cycle = cycle_on(wire)
    await cycle.send(start(status=status))
    await cycle.send(body(b""))
    assert b"transfer-encoding" not in b"".join(wire.pieces)
    assert wire.pieces[-1].endswith(b"\r\n\r\n")


async def test_head_gets_the_headers_only(wire: Wire) -> None:
    """The length of what is not sent stays as it was told."""
    cycle = cycle_on(wire, method="HEAD")
    await cycle.send(start((b"content-length", b"2")))
    await cycle.send(body(b"hi"))
    assert wire.pieces[0].endswith(b"content-length: 2\r\n\r\n")
    assert cycle.response_complete


async def test_the_last_answer_of_a_connection_closes_it(wire: Wire) -> None:
    """The caller is told, and then the connection ends."""
    cycle = cycle_on(wire, keep_alive=False)
    await cycle.send(start((b"content-length", b"0")))
    await cycle.send(body(b""))
    assert b"connection: close\r\n" in wire.pieces[0]
    assert wire.closed


@pytest.mark.parametrize("sent", [b"h", b"hi!"])
async def test_a_body_of_another_length_is_never_finished(wire: Wire, sent: bytes) -> None:
    """What does not fit its promised length is a fault, and the connection shows it."""
    cycle = cycle_on(wire)
    await cycle.send(start((b"content-length", b"2")))
    with pytest.raises(RuntimeError, match="than its content-length"):
        await cycle.send(body(sent))
    assert not cycle.response_complete


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\nb", b"a\rb"])
async def test_a_header_never_becomes_two(wire: Wire, value: bytes) -> None:
    """A line break in a header is a fault, and nothing is sent."""
    cycle = cycle_on(wire)
    with pytest.raises(RuntimeError, match="line break"):
        await cycle.send(start((b"x-told", value)))
    assert wire.pieces == []


async def test_nothing_follows_a_complete_answer(wire: Wire) -> None:
    """Neither a second answer nor a body without a head has a place."""
    cycle = cycle_on(wire)
    with pytest.raises(RuntimeError, match="no place"):
        await cycle.send(body(b"x"))
    await cycle.send(start())
    await cycle.send(body(b""))
    for message in (start(), body(b"x")):
        with pytest.raises(RuntimeError, match="no place"):
            await cycle.send(message)


async def test_a_caller_who_left_is_sent_nothing(wire: Wire) -> None:
    """What is said to nobody is no fault."""
    cycle = cycle_on(wire)
    cycle.leave()
    await cycle.send(start())
    await cycle.send(body(b"x"))
    assert wire.pieces == []


async def test_a_caller_who_reads_slowly_is_waited_for(wire: Wire) -> None:
    """No piece is added while those before it wait."""
    cycle = cycle_on(wire)
    await cycle.send(start())
    flow = cast("Flow", cycle.flow)
    flow.write_paused = True
    await asyncio.wait_for(cycle.send(body(b"x", more=True)), 1)
    assert not flow.write_paused


async def test_pieces_that_are_pushed_follow_the_head(wire: Wire) -> None:
    """Without a turn of the event loop in between; it is told when the caller has had enough."""
    cycle = cycle_on(wire)
    await cycle.send(start(TEXT))
    assert cycle.push(b"one")
    assert wire.pieces[0].endswith(b"\r\n\r\n3\r\none\r\n")
    cast("Flow", cycle.flow).write_paused = True
    assert not cycle.push(b"two")
    assert wire.pieces[1:] == [b"3\r\ntwo\r\n"]


async def test_nothing_is_pushed_to_a_caller_who_left(wire: Wire) -> None:
    """And no more is wanted."""
    cycle = cycle_on(wire)
    await cycle.send(start(TEXT))
    cycle.leave()
    assert not cycle.push(b"one")
    assert wire.pieces == []


async def test_an_answer_that_is_given_whole_is_one_piece(wire: Wire) -> None:
    """A long body is not joined to its head, and follows it at once."""
    cycle = cycle_on(wire)
    await cycle.answer(200, [(b"content-length", b"2")], b"hi")
    assert wire.pieces == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\nhi"]
    assert cycle.response_complete
    with pytest.raises(RuntimeError, match="no place"):
        await cycle.answer(200, [(b"content-length", b"2")], b"hi")


async def test_what_comes_of_a_request_is_received_in_order(wire: Wire) -> None:
    """What is there is not waited for; the end is told once, and that the caller left."""
    cycle = cycle_on(wire)
    cycle.body_came(b"a")
    cycle.body_came(b"b")
    assert await cycle.receive() == {"type": "http.request", "body": b"ab", "more_body": True}
    waiting = asyncio.ensure_future(cycle.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    cycle.body_ended()
    assert await waiting == {"type": "http.request", "body": b"", "more_body": False}
    waiting = asyncio.ensure_future(cycle.receive())
    await asyncio.sleep(0)
    cycle.leave()
    assert await waiting == {"type": "http.disconnect"}
