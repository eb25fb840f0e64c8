"""What arrived of a stream: content, an end, an error, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from elizanet.classify import documents
from elizanet.classify.evidence import Evidence

_BLANK: Final = re.compile(r"\r?\n\r?\n")
_FIELD: Final = re.compile(r"^(data|event|id|retry)\s?: ?", re.MULTILINE)
_CONTENT_KEYS: Final = (
    "content", "reasoning_content", "reasoning", "text", "tool_calls", "function_call", "thinking",
    "partial_json", "refusal", "audio", "arguments", "parts", "tool_plan",
)  # fmt: skip
_ENDS: Final = frozenset(
    {"message_stop", "message-end", "response.completed", "response.incomplete", "stream-end"}
)
_FAILED: Final = frozenset({"error", "response.failed", "exception", "response.error"})


class Transcript:
    """One pass over the bytes received: `content`, `ended`, `failed` and `events` are the news."""

    __slots__ = ("content", "ended", "events", "evidence", "failed")

    def __init__(self, body: str, evidence: Evidence) -> None:
        self.content = False
        self.ended = False
        self.failed = False
        self.events = 0
        self.evidence = evidence
        for name, data in _events(body):
            self._read(name, data)

    def _read(self, name: str, data: str) -> None:
        if data == "[DONE]":
            self.ended = True
            return
        self.events += 1
        try:
            value = documents.decode(data)
        except ValueError:
            if name in _FAILED or '"error"' in data or "'error'" in data:
                self._fail(data)
            return
        if isinstance(value, list):
            value = value[-1] if value else None
        if isinstance(value, Mapping):
            self._read_event(name, value, data)

    def _read_event(self, name: str, event: Mapping[str, object], data: str) -> None:
        if _is_error(name, event):
            self._fail(data)
            return
        self.content = self.content or _has_content(event)
        reasons = list(_finish_reasons(event))
        if any(reason.lower() == "error" for reason in reasons):
            self._fail(data)
        for reason in reasons:
            self.ended = True
            self.evidence.add_name(reason, 1)
        kind = event.get("type")
        if event.get("done") is True or (isinstance(kind, str) and kind in _ENDS):
            self.ended = True

    def _fail(self, data: str) -> None:
        self.failed = True
        self.evidence.add_body(data, 1)


def _events(body: str) -> Iterator[tuple[str, str]]:
    """Yield (event name, data) of a server-sent stream, or the lines of any other."""
    if not _FIELD.search(body[:2000]):
        for line in body.splitlines():
            if line.strip():
                yield "", line.strip()
        return
    for block in _BLANK.split(body):
        name = ""
        data: list[str] = []
        for line in block.splitlines():
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value.strip())
            elif data and field not in ("", "id", "retry"):
                data.append(line)
        if data:
            yield name, "\n".join(data)


def _is_error(name: str, event: Mapping[str, object]) -> bool:
    kind = event.get("type")
    if event.get("error") or name in _FAILED or (isinstance(kind, str) and kind in _FAILED):
        return True
    if "choices" in event or "candidates" in event:
        return False
    told = event.get("message") or event.get("msg") or event.get("detail")
    return isinstance(told, str) and ("code" in event or "status" in event or len(event) == 1)


def _has_content(event: Mapping[str, object]) -> bool:
    """Tell whether an event carries anything a reader would see, in any known shape."""
    kind = event.get("type")
    if isinstance(kind, str) and kind.endswith("delta") and kind != "message_delta":
        return True
    if event.get("response") and isinstance(event["response"], str):
        return True
    return any(bool(holder.get(key)) for holder in _holders(event) for key in _CONTENT_KEYS)


def _holders(event: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    answers: list[object] = [event.get("message"), event.get("delta")]
    for key in ("choices", "candidates"):
        several = event.get(key)
        if isinstance(several, list):
            for one in several[:4]:
                if isinstance(one, Mapping):
                    answers += [one, one.get("delta"), one.get("message"), one.get("content")]
    for answer in answers:
        if isinstance(answer, Mapping):
            yield answer


def _finish_reasons(event: Mapping[str, object]) -> Iterator[str]:
    holders: list[object] = [event, event.get("delta"), event.get("promptFeedback")]
    response = event.get("response")
    if isinstance(response, Mapping):
        holders.append(response.get("incomplete_details"))
    for key in ("choices", "candidates"):
        several = event.get(key)
        if isinstance(several, list):
            holders += several[:4]
    for holder in holders:
        if isinstance(holder, Mapping):
            for key in ("finish_reason", "finishReason", "stop_reason", "blockReason", "reason"):
                reason = holder.get(key)
                if isinstance(reason, str) and reason:
                    yield reason
