"""What travels through the engine: frozen data without behaviour.

A `Call` goes down to a provider, an `Answer` comes back. The wire mode is the caller's: a
unary answer is one event, a stream is many, and both take the same path. The data are msgspec
structs: like frozen dataclasses, and several times cheaper to make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, StrEnum
from typing import Protocol, Self

import msgspec

from elizanet.errors import FailureClass
from elizanet.operation import Operation

Headers = tuple[tuple[str, str], ...]
"""Header fields in the order of the wire; names are lower case, names may repeat."""


class Upload(Protocol):
    """The rest of a request body that is too large to keep: it can be read once.

    `length` is in bytes, None where nobody knows it. `begun`: some of it has been read, so
    that the request cannot be sent again.
    """

    @property
    def length(self) -> int | None: ...

    @property
    def begun(self) -> bool: ...

    async def chunk(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises `ProviderError` for a wrong body."""
        ...


class Form(msgspec.Struct, frozen=True):
    """What is known of a body that is `multipart/form-data`.

    The model's name goes to `body[start:end]`, between `before` and `after`: they are empty
    where the form names a model, and the rest of a part where it does not. `rest`: what
    follows the body, where it was too large to keep.
    """

    content_type: str
    start: int
    end: int
    before: bytes = b""
    after: bytes = b""
    response_format: str = "json"
    rest: Upload | None = None


class Bound(StrEnum):
    """What keeps a call from further targets: three from its beginning, six once it has failed."""

    CALLER = "caller"
    """The caller has forbidden fallback."""
    OPERATOR = "operator"
    """The operator has turned fallback off."""
    REFERENCE = "reference"
    """The request refers to what only one provider has."""
    UPLOAD = "upload"
    """The request was too large to be kept, and some of it had been sent."""
    FAILURE = "failure"
    """The failure is of those that end a call."""
    TIME = "time"
    """The time of the call was over."""
    ATTEMPTS = "attempts"
    """The call has made all the attempts that it may."""
    NOBODY = "nobody"
    """Everybody else refused the call, or could not have answered it either."""
    DRAINING = "draining"
    """The gateway was shutting down."""


class Call(msgspec.Struct, frozen=True):
    """One request of a caller.

    `body` is JSON exactly as the caller sent it, or a `form`; a provider replaces the value
    of `model` in it and nothing else. `deadline` is absolute, in seconds of the running
    loop's clock; it bounds everything up to the first content of a stream or the whole unary
    answer. `connect_timeout` is in seconds. `headers` go upstream beside the provider's own.
    `caller` is who asks, as records call them.
    `bound`: why only the first target may be asked, None if others may. `only_provider` names
    the one provider that may answer, because it holds what the request refers to. `repeated`:
    the caller's client is trying again already, so trying again at one target would multiply.
    `check` may refuse a complete unary body by raising `ValueError` with one sentence: the
    answer then counts as malformed and the call moves on. `one_model`: the answers of different
    models cannot be compared, and so only targets with the model of the first one may be asked.
    """

    id: str
    operation: Operation
    model: str
    body: bytes
    deadline: float
    stream: bool = False
    headers: Headers = ()
    bound: Bound | None = None
    connect_timeout: float = 3.0
    check: Callable[[bytes], None] | None = None
    form: Form | None = None
    only_provider: str | None = None
    repeated: bool = False
    caller: str = ""
    one_model: bool = False


class BodyKind(Enum):
    """How the body of an answer comes."""

    WHOLE = "whole"
    """As one event, which is complete."""
    EVENTS = "events"
    """As server-sent events; the stream may break on its way."""
    PIECES = "pieces"
    """As bytes of any kind, in pieces that mean nothing; it may break on its way."""


class Head(msgspec.Struct, frozen=True):
    """The head of an answer. `provider` and `model` name the target that gave it."""

    status: int
    headers: Headers
    provider: str
    model: str
    body: BodyKind = BodyKind.WHOLE


class EventKind(Enum):
    """What an event means for the call."""

    PREAMBLE = "preamble"
    """Role, ping, comment, empty delta: nothing a reader would miss."""
    CONTENT = "content"
    """Something a reader would miss; the first one commits the answer to its target."""
    PROGRESS = "progress"
    """Content of a whole answer that is still being put together: it has no bytes yet."""
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


class Usage(msgspec.Struct, frozen=True):
    """The tokens of one answer; `estimated`: its provider did not count them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    estimated: bool = False


class Role(StrEnum):
    """Why an attempt was made."""

    FIRST = "first"
    AGAIN = "again"
    """The same target once more."""
    NEXT = "next"
    """The one before had failed."""
    HEDGE = "hedge"
    """The one before was overdue, and went on beside this one."""
    RESCUE = "rescue"
    """The target of the one before was found down while it waited."""
    CONTINUATION = "continuation"
    """The stream of the one before had broken."""
    PANIC = "panic"
    """No target admitted the call, and this one was asked all the same."""


class Attempt(msgspec.Struct, frozen=True):
    """One try at one target.

    `failure_class` is None for the attempt that answered. `started` is in seconds since
    the call began, `duration` in seconds until the failure or until the answer could be
    committed. `message` is one sentence without keys, `key` the alias of the key. `usage` is
    counted where somebody wants it and there was content; also if nobody got to read that.
    `retryable`: after this failure another try there could have helped.
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
    role: Role = Role.FIRST
    key: str = ""
    usage: Usage | None = None
    retryable: bool = False


class ChainAnswer(Answer, Protocol):
    """An answer with the history of the call: who was asked before, and what they said."""

    @property
    def attempts(self) -> Sequence[Attempt]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...
