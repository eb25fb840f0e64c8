"""Faults of the wire: an answer that is written wrongly, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from elizanet.testing.fault_contents import events_before
from elizanet.testing.fault_kind import Situation
from elizanet.testing.reply import HttpReply
from elizanet.testing.wire import Wire, head_bytes

BLOCK = 64 * 1024
KEEP_ALIVE = b": keep-alive\n\n"
GARBAGE = b"\x00\xff\xfe\x15\x03 this is not HTTP \x80\x81\r\n\r\n\x00"

SETTLE = 0.2
"""Seconds for the client to receive what was sent before a reset destroys what is not read."""


async def reset(_situation: Situation, wire: Wire) -> None:
    wire.reset()


async def close(_situation: Situation, wire: Wire) -> None:
    wire.close()


async def hang(_situation: Situation, wire: Wire) -> None:
    await wire.silence()


async def hang_headers(situation: Situation, wire: Wire) -> None:
    await wire.start_stream(situation.reply)
    await wire.silence()


async def half_head(situation: Situation, wire: Wire) -> None:
    head = head_bytes(situation.reply.status, (("content-type", situation.reply.content_type),))
    await wire.write(head[: len(head) // 2])
    if situation.values.text("then") == "hang":
        await wire.silence()


async def cut(situation: Situation, wire: Wire) -> None:
    """Fewer bytes than the content-length promises; at least one byte is missing."""
    reply = _as_one_body(situation.reply)
    headers = wire.head_of(reply)
    body = wire.body_of(reply)
    wanted = situation.values.optional_integer("cut")
    sent = body[: len(body) // 2 if wanted is None else wanted]
    promised = max(len(body), len(sent) + 1)
    await wire.write_head(reply.status, (*headers, ("content-length", str(promised))))
    await wire.write(sent)
    await _end(situation, wire)


def _as_one_body(reply: HttpReply) -> HttpReply:
    if reply.events is None:
        return reply
    return replace(reply, body=b"".join(e.encoded() for e in reply.events), events=None)


async def cut_stream(situation: Situation, wire: Wire) -> None:
    await _stream_until(situation, wire, situation.values.integer("cut_stream"))
    await _end(situation, wire)


async def stall_stream(situation: Situation, wire: Wire) -> None:
    await _stream_until(situation, wire, situation.values.integer("stall_stream"))
    if situation.values.by_name["keepalives"] is None:
        await wire.silence()
    await _comments(wire, situation.values.number("keepalives"))


async def keepalives(situation: Situation, wire: Wire) -> None:
    await wire.start_stream(situation.reply)
    await _comments(wire, situation.values.number("keepalives"))


async def garbage(_situation: Situation, wire: Wire) -> None:
    await wire.write(GARBAGE)


async def endless_body(situation: Situation, wire: Wire) -> None:
    """A JSON string, or an event, that goes on for as long as the client reads."""
    await wire.start_stream(situation.reply)
    await wire.chunk(b'{"padding":"' if situation.reply.events is None else b'data: {"padding":"')
    while True:
        await wire.chunk(b"x" * BLOCK)
        await asyncio.sleep(0)  # others have a turn even if the client reads at once


async def bad_chunk(situation: Situation, wire: Wire) -> None:
    """A good chunk with the first half of the body, then one whose size is no number."""
    body = _as_one_body(situation.reply).body
    await wire.start_stream(situation.reply)
    await wire.chunk(body[: len(body) // 2])
    await wire.write(b"zz\r\n" + body[len(body) // 2 :] + b"\r\n0\r\n\r\n")


async def _stream_until(situation: Situation, wire: Wire, content_events: int) -> None:
    await wire.start_stream(situation.reply)
    for event in events_before(situation.reply, content_events):
        await wire.event(event)


async def _end(situation: Situation, wire: Wire) -> None:
    how = situation.values.text("how")
    if how == "clean":
        await wire.end_stream()
    elif how == "reset":
        await asyncio.sleep(SETTLE)
        wire.reset()
    else:
        wire.close()


async def _comments(wire: Wire, interval: float) -> None:
    while True:
        await wire.chunk(KEEP_ALIVE)
        await asyncio.sleep(interval)
