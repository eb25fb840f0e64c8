"""ASGI as the gateway uses it: the three callables' types, and one exchange with a caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from elizanet.router import new_call_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]

START = "http.response.start"
BODY = "http.response.body"
DISCONNECT = "http.disconnect"


class Exchange:
    """One request and the way to answer it.

    `headers` has lower-case names and, of a header that was sent twice, the last value.
    """

    __slots__ = ("call_id", "headers", "receive", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.call_id = new_call_id()

    def __repr__(self) -> str:
        return f"<Exchange {self.call_id} {self.scope['method']} {self.scope['path']!r}>"

    def all_of(self, name: bytes) -> list[bytes]:
        """Return every value of a header that may be sent more than once."""
        if name not in self.headers:
            return []
        return [value for key, value in self.scope["headers"] if key == name]

    async def begin(self, status: int, headers: RawHeaders) -> None:
        """Send the head of the answer."""
        await self.send({"type": START, "status": status, "headers": headers})

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole answer; its length is added to the headers."""
        headers.append((b"content-length", b"%d" % len(body)))
        await self.send({"type": START, "status": status, "headers": headers})
        await self.send({"type": BODY, "body": body})
