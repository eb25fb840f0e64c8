"""What can be read of an exception without trusting it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, cast

MAX_TEXT: Final = 16_384
"""Characters kept of any text; error messages that matter are shorter."""
MAX_CAUSES: Final = 16
"""Exceptions read of one chain or group."""

CANCELLING: Final = "asyncio.current_task().cancelling()"
"""The attribute that says how many callers asked for the cancelled task to stop."""

_ATTRIBUTES: Final = (
    "status_code", "status", "http_status", "code", "type", "error_type", "reason", "errno",
    "body", "error", "message", "details", "headers", "response", "retry_after",
    "retry_after_seconds",
)  # fmt: skip
_STATUSES: Final = ("status_code", "status", "http_status", "code", "response.status_code")
_STATUS_CODES: Final = range(100, 600)
_RESPONSE_STATUS: Final = ("status_code", "status")
_ROOTS: Final = frozenset({object, BaseException, Exception})


@dataclass(frozen=True, slots=True)
class ExceptionFacts:
    """An exception as plain data.

    `type` is its qualified name, `bases` the qualified names of what it derives from,
    `attributes` the public attributes that clients are known to set (a response's own are
    named `response.status_code`, `response.headers` and `response.body`), `causes` the
    errors it wraps: its cause or context, or the members of a group.
    """

    type: str
    bases: tuple[str, ...] = ()
    message: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)
    causes: tuple[ExceptionFacts, ...] = ()

    def status(self) -> int | None:
        """Return the HTTP status that this error carries itself."""
        if self.attributes:
            for name in _STATUSES:
                value = self.attributes.get(name)
                if type(value) is int and value in _STATUS_CODES:
                    return value
        return None

    def chain(self) -> Iterator[ExceptionFacts]:
        """Yield this error and everything inside it, the outermost first."""
        yield self
        for cause in self.causes:
            yield from cause.chain()


def read_exception(exception: BaseException) -> ExceptionFacts:
    """Return the facts of a live exception, whatever its properties do when they are read."""
    return _read(exception, set())


def _read(exception: BaseException, seen: set[int]) -> ExceptionFacts:
    seen.add(id(exception))
    kind = type(exception)
    causes = tuple(
        _read(inner, seen)
        for inner in _inner(exception)
        if id(inner) not in seen and len(seen) < MAX_CAUSES
    )
    return ExceptionFacts(
        type=_qualified(kind),
        bases=tuple(_qualified(base) for base in kind.__mro__[1:] if base not in _ROOTS),
        message=_text(exception),
        attributes=_attributes(exception),
        causes=causes,
    )


def _inner(exception: BaseException) -> Iterator[BaseException]:
    if isinstance(exception, BaseExceptionGroup):
        yield from exception.exceptions
    if exception.__cause__ is not None:
        yield exception.__cause__
    elif exception.__context__ is not None and not exception.__suppress_context__:
        yield exception.__context__


def _qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _text(exception: BaseException) -> str:
    return cast(str, _guarded(lambda: str(exception)[:MAX_TEXT], ""))


def _guarded(read: Callable[[], object], otherwise: object = None) -> object:
    """Read something of a foreign object: its properties may raise whatever they like."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - the boundary to foreign code; its failure is no news
        return otherwise


def _attributes(exception: BaseException) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in _ATTRIBUTES:
        value = _guarded(lambda name=name: getattr(exception, name, None))  # type: ignore[misc]
        if value is not None and not callable(value):
            found[name] = value
    response = found.get("response")
    if response is not None and not isinstance(response, Mapping):
        del found["response"]
        found |= _response(response)
    if isinstance(exception, asyncio.CancelledError):
        found[CANCELLING] = _cancelling()
    if type(exception).__name__ == "ResponseNotRead":
        found |= _response_of_frames(exception.__traceback__)
    return found


def _response(response: object) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in _RESPONSE_STATUS:
        status = _guarded(lambda name=name: getattr(response, name, None))  # type: ignore[misc]
        if isinstance(status, int):
            found["response.status_code"] = status
            break
    headers = _guarded(lambda: dict(response.headers))  # type: ignore[attr-defined]
    if headers:
        found["response.headers"] = headers
    # What httpx and requests have already read. Their public properties would read the rest.
    content = _guarded(lambda: vars(response).get("_content"))
    if isinstance(content, bytes):
        found["response.body"] = content[:MAX_TEXT].decode("utf-8", "replace")
    return found


def _cancelling() -> int:
    """Return how many callers asked for this task to stop; 0 outside a task."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return 0
    return task.cancelling() if task else 0


def _response_of_frames(traceback: TracebackType | None) -> dict[str, object]:
    """Find the response that httpx would not read: its status is only in a caller's frame."""
    found: dict[str, object] = {}
    while traceback is not None:
        response = traceback.tb_frame.f_locals.get("response")
        if response is not None:
            found |= _response(response)
        traceback = traceback.tb_next
    return found


def lowered(headers: object) -> dict[str, str]:
    """Return headers with lower-case names; of what is no header, nothing."""
    if not headers:
        return {}
    if isinstance(headers, Mapping):
        headers = tuple(headers.items())
    if not isinstance(headers, (list, tuple)):
        return {}
    return {
        name.lower(): str(value)[:MAX_TEXT]
        for name, value in filter(_is_pair, headers)
        if isinstance(name, str) and isinstance(value, (str, int, float))
    }


def _is_pair(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == len(("name", "value"))
