"""ASGI as the gateway uses it: the three callables' types, and one exchange with a caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from elizanet.router import new_call_id

if TYPE_CHECKING:
    from elizanet.gateway.visit import Visit
    from elizanet.gateway.watch import Presence

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Send(Protocol):
    """Sends a message to the caller, once the caller has taken most of what was sent before."""

    def __call__(self, message: Message) -> Awaitable[None]: ...

    def push(self, piece: bytes) -> bool:
        """Send a piece of the body now; false if the caller has to be waited for before more."""
        ...

    def answer(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Awaitable[None]:
        """Send a whole answer at once; its length is among the headers."""
        ...


class Application(Protocol):
    """What answers requests. `max_body`: bytes of the largest one."""

    @property
    def max_body(self) -> int: ...

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]: ...


START = "http.response.start"
BODY = "http.response.body"
REQUEST = "http.request"
DISCONNECT = "http.disconnect"


class Exchange:
    """One request and the way to answer it.

    `headers` has lower-case names and, of a header that was sent twice, the last value. `visit`
    is set once the call was let in. `begun` are the headers of an answer whose body is coming.
    """

    __slots__ = ("begun", "call_id", "headers", "receive", "scope", "send", "visit")

    visit: Visit

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers: dict[bytes, bytes] = scope["fields"]
        self.call_id = new_call_id()
        self.begun: list[tuple[bytes, bytes]] | None = None

    def __repr__(self) -> str:
        return f"<Exchange {self.call_id} {self.scope['method']} {self.scope['path']!r}>"

    def all_of(self, name: bytes) -> list[bytes]:
        """Return every value of a header that may be sent more than once."""
        if name not in self.headers:
            return []
        return [value for key, value in self.scope["headers"] if key == name]

    @property
    def presence(self) -> Presence:
        """Whether the caller is still there."""
        presence: Presence = self.scope["presence"]
        return presence

    async def begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the head of the answer."""
        self.begun = headers
        await self.send({"type": START, "status": status, "headers": headers})

    async def break_off(self, event: bytes) -> None:
        """End an answer that is not complete: with the event if it has events.

        Of any other the server cuts the connection, so that nobody takes it for complete.
        """
        kinds = [value for name, value in self.begun or () if name == b"content-type"]
        if kinds and kinds[0].startswith(b"text/event-stream"):
            await self.send({"type": BODY, "body": event, "more_body": False})

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole answer; its length is added to the headers."""
        headers.append((b"content-length", b"%d" % len(body)))
        self.begun = headers
        await self.send.answer(status, headers, body)
