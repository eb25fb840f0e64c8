"""Ask a provider for the usage of a stream, and keep it from a caller who did not ask.

`stream_options.include_usage` makes OpenAI and most others send one more chunk before
`[DONE]`, without choices and with the usage, and write `"usage": null` into all the others.
Both are taken out again: what is left is, byte for byte, what would have come without. The
usage stays in the stream as an event without bytes, for whoever counts.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

from elizanet.call import Answer, Event, EventKind
from elizanet.json_fields import JsonField
from elizanet.pushing import Take, push
from elizanet.sse import with_data

_OPTIONS: Final = JsonField("stream_options")
_USAGE: Final = JsonField("usage")
_KEY: Final = b'"usage"'
_ASKED: Final = b"true"


class _Chunk(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_options = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode


def asking_for_usage(body: bytes) -> bytes:
    """Return the request, asking for the usage of its stream.

    The same bytes if it does so already, or has `stream_options` that no provider takes.
    Raises `ValueError` for a body that is not a JSON object.
    """
    raw = _OPTIONS.raw(body)
    try:
        options: dict[str, Any] = _decode_options(raw or b"null") or {}
    except msgspec.ValidationError:
        return body
    if bytes(options.get("include_usage", b"")) == _ASKED:
        return body
    return _OPTIONS.put(body, msgspec.json.encode(options | {"include_usage": True}))


class UsageHidden:
    """An answer without the usage that only we asked for."""

    __slots__ = ("_answer", "_ready", "head")

    def __init__(self, answer: Answer) -> None:
        self.head = answer.head
        self._answer = answer
        self._ready: deque[Event] = deque()

    def __repr__(self) -> str:
        return f"<UsageHidden {self._answer!r}>"

    async def next(self) -> Event | None:
        """Return the next event, None at the end. Raises `ProviderError` if it breaks."""
        if self._ready:
            return self._ready.popleft()
        event = await self._answer.next()
        if event is None or _KEY not in event.data:
            return event
        first, *rest = without_usage(event)
        self._ready.extend(rest)
        return first

    async def push(self, take: Take) -> None:
        """Give `take` each event as it arrives, as `PushingAnswer` has it."""

        def received(event: Event) -> bool:
            if _KEY not in event.data:
                return take(event)
            wants_more = True
            for each in without_usage(event):
                wants_more = take(each)
            return wants_more

        if not self._ready:
            await push(self._answer, received)

    async def aclose(self) -> None:
        self._ready.clear()
        await self._answer.aclose()


def without_usage(event: Event) -> list[Event]:
    """Return the event without usage; usage that was told follows as an event without bytes."""
    try:
        chunk = _decode_chunk(event.data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return [event]
    if chunk.usage is msgspec.UNSET:
        return [event]
    is_told = bytes(chunk.usage) != b"null"
    if is_told and not chunk.choices:
        return [Event(b"", event.data, EventKind.END)]
    data = _USAGE.removed(event.data)
    kept = Event(with_data(event.raw, event.data, data), data, event.kind)
    if not is_told:
        return [kept]
    alone = msgspec.json.encode({"choices": [], "usage": chunk.usage})
    return [kept, Event(b"", alone, EventKind.END)]
