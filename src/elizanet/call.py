"""What travels through the engine: frozen data without behaviour.

A `Call` goes down to a provider, an `Answer` comes back. The wire mode is the caller's: a
unary answer is one event, a stream is many, and both take the same path. The data are msgspec
structs: like frozen dataclasses, and several times cheaper to make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol, Self

import msgspec

from elizanet.errors import FailureClass
from elizanet.operation import Operation

Headers = tuple[tuple[str, str], ...]
"""Header fields in the order of the wire; names are lower case, names may repeat."""


class Call(msgspec.Struct, frozen=True):
    """One request of a caller.

    `body` is JSON exactly as the caller sent it; a provider replaces the value of `model`
    in it and nothing else. `deadline` is absolute, in seconds of the running loop's clock;
    it bounds everything up to the first content of a stream or the whole unary answer.
    `connect_timeout` is in seconds. `headers` go upstream beside the provider's own.
    `first_target_only` forbids fallback. `check` may refuse a complete unary body by raising
    `ValueError` with one sentence: the answer then counts as malformed and the call moves on.
    """

    id: str
    operation: Operation
    model: str
    body: bytes
    deadline: float
    stream: bool = False
    headers: Headers = ()
    first_target_only: bool = False
    connect_timeout: float = 3.0
    check: Callable[[bytes], None] | None = None


class Head(msgspec.Struct, frozen=True):
    """The head of an answer. `provider` and `model` name the target that gave it."""

    status: int
    headers: Headers
    provider: str
    model: str


class EventKind(Enum):
    """What an event means for the call."""

    PREAMBLE = "preamble"
    """Role, ping, comment, empty delta: nothing a reader would miss."""
    CONTENT = "content"
    """Something a reader would miss; the first one commits the answer to its target."""
    END = "end"
    """A finish reason, usage, or `[DONE]`: what follows the last content."""


class Event(msgspec.Struct, frozen=True):
    """A piece of a body: `raw` as it was on the wire, `data` the payload inside it."""

    raw: bytes
    data: bytes
    kind: EventKind


class Answer(Protocol):
    """An answer whose head is known and whose body is still coming. Always close it."""

    @property
    def head(self) -> Head: ...

    async def next(self) -> Event | None:
        """Return the next event, or None once the answer is complete.

        Raises `ProviderError` where the rest cannot come; never returns None then.
        """
        ...

    async def aclose(self) -> None:
        """Release the upstream connection; an unfinished one is cut. May be repeated."""
        ...


class Provider(Protocol):
    """Anything that can answer a call: an API, a chain of them, a cache in front of either."""

    @property
    def name(self) -> str: ...

    async def send(self, call: Call) -> Answer:
        """Answer the call. Raises `CallFailed`."""
        ...


class Attempt(msgspec.Struct, frozen=True):
    """One try at one target.

    `failure_class` is None for the attempt that answered. `started` is in seconds since
    the call began, `duration` in seconds until the failure or until the answer could be
    committed. `message` is one sentence without keys.
    """

    number: int
    provider: str
    model: str
    started: float
    duration: float
    failure_class: FailureClass | None = None
    status: int | None = None
    message: str = ""
    request_id: str | None = None


class ChainAnswer(Answer, Protocol):
    """An answer with the history of the call: who was asked before, and what they said."""

    @property
    def attempts(self) -> Sequence[Attempt]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...
