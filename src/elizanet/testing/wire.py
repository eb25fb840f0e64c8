"""An answer on its way to the client: paced, encoded, or raw bytes of any kind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses

from elizanet.testing.connection import Connection
from elizanet.testing.content_encoding import Encoder, encoder
from elizanet.testing.reply import Headers, HttpReply, StreamEvent


@dataclass(frozen=True, slots=True)
class Delivery:
    """How bytes leave.

    `delay`: seconds before the first byte. `piece`: bytes a write, 0 for all at once.
    `interval`: seconds between pieces. `event_interval`: seconds between the events of a
    stream. `pace_head`: the head is cut into pieces too. `encoding`: a content coding.
    """

    delay: float = 0.0
    piece: int = 0
    interval: float = 0.0
    event_interval: float = 0.0
    pace_head: bool = True
    encoding: str | None = None


def head_bytes(status: int, headers: Headers) -> bytes:
    """A response head, complete with its empty line."""
    phrase = responses.get(status, "Unnamed")
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class Wire:
    """What a responder writes to.

    Either `reply` a whole answer, or build one from `write`, `start_stream`, `event`,
    `end_stream`. `complete` says that a whole answer was written, so that the connection
    can carry another request; any other end closes it. `headers` are part of every answer
    except raw bytes. Every method that waits raises `ConnectionError` if the connection is
    gone.
    """

    def __init__(
        self, connection: Connection, delivery: Delivery, headers: Headers, *, keep_alive: bool
    ) -> None:
        self._connection = connection
        self._encoder: Encoder | None = None
        self._headers = headers
        self.delivery = delivery
        self.keep_alive = keep_alive
        self.complete = False

    async def write(self, data: bytes) -> None:
        """Send raw bytes, in the pieces and at the pace of the delivery."""
        piece = self.delivery.piece or max(len(data), 1)
        for start in range(0, len(data), piece):
            await self._connection.write(data[start : start + piece])
            if self.delivery.piece:
                await asyncio.sleep(self.delivery.interval)

    async def write_head(self, status: int, headers: Headers) -> None:
        """Send a response head; says whether the connection stays open."""
        kept = () if self.keep_alive else (("connection", "close"),)
        head = head_bytes(status, (*headers, *kept))
        if self.delivery.pace_head:
            await self.write(head)
        else:
            await self._connection.write(head)

    async def reply(self, reply: HttpReply) -> None:
        """Send a whole answer."""
        if reply.events is None:
            await self._reply_body(reply)
        else:
            await self.start_stream(reply)
            for event in reply.events:
                await self.event(event)
            await self.end_stream()

    async def start_stream(self, reply: HttpReply) -> None:
        """Send the head of an answer whose body comes in chunks."""
        chunked = (("transfer-encoding", "chunked"), ("cache-control", "no-cache"))
        await self.write_head(reply.status, (*self.head_of(reply), *chunked))

    async def event(self, event: StreamEvent) -> None:
        """Send one event of a stream, after the interval between events."""
        if self.delivery.event_interval:
            await asyncio.sleep(self.delivery.event_interval)
        await self.chunk(event.encoded())

    async def chunk(self, data: bytes) -> None:
        """Send one chunk of a body."""
        if self._encoder:
            data = self._encoder.encode(data)
        if data:
            await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        """Send the end of a chunked body."""
        if self._encoder and (rest := self._encoder.finish()):
            await self.write(b"%x\r\n%b\r\n" % (len(rest), rest))
        await self.write(b"0\r\n\r\n")
        self.complete = True

    def head_of(self, reply: HttpReply) -> Headers:
        """The headers of an answer, without those that frame its body."""
        headers = (("content-type", reply.content_type), *self._headers, *reply.headers)
        if self.delivery.encoding is None or not (reply.body or reply.events):
            return headers
        self._encoder = encoder(self.delivery.encoding)
        return (*headers, ("content-encoding", self.delivery.encoding))

    def body_of(self, reply: HttpReply) -> bytes:
        """The body of an answer as it goes over the wire; after `head_of`."""
        if self._encoder is None:
            return reply.body
        return self._encoder.encode(reply.body) + self._encoder.finish()

    async def silence(self) -> None:
        """Say nothing more until the client leaves."""
        await self._connection.lost.wait()

    def close(self) -> None:
        """Close the connection in order."""
        self._connection.close()

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        self._connection.reset()

    async def _reply_body(self, reply: HttpReply) -> None:
        headers = self.head_of(reply)
        if reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:  # never a body
            await self.write_head(reply.status, headers)
        else:
            body = self.body_of(reply)
            length = ("content-length", str(len(body)))
            await self.write_head(reply.status, (*headers, length))
            await self.write(body)
        self.complete = True
