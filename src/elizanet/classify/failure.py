"""`Failure`: the raw facts of one failed attempt, before anybody has judged them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from elizanet.classify.facts import MAX_CAUSES, MAX_TEXT, ExceptionFacts, lowered, read_exception

Kind = Literal["http", "exception", "stream"]

_MAX_BYTES: Final = 1_048_576
"""Bytes of a body that are decoded at all; of those, the head and the tail are kept."""

_SHOWN: Final = re.compile(r"([\w.]+)\(['\"]?(.*?)['\"]?\)$", re.DOTALL)
_KINDS: Final = frozenset({"http", "exception", "stream"})


@dataclass(frozen=True, slots=True)
class Failure:
    """The raw facts of one failed attempt.

    `kind` says what was seen: an HTTP answer, what a Python client raised, or a stream (then
    `body` is what arrived of it). `status` and `headers` are the answer's (names in lower
    case), `body` its text as far as it was read, None where there was none to read.
    `raised` is the live exception, for rules of the user's own.
    """

    provider: str
    kind: Kind
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    exception: ExceptionFacts | None = None
    raised: BaseException | None = None

    @classmethod
    def from_case(cls, case: Mapping[str, object]) -> Failure:
        """Read one case of an error corpus; a field of a wrong type counts as missing."""
        kind = case.get("kind")
        status = case.get("status")
        body = case.get("body")
        return cls(
            provider=_string(case.get("provider")),
            kind=cast(Kind, kind) if isinstance(kind, str) and kind in _KINDS else "http",
            status=status if type(status) is int else None,
            headers=lowered(case.get("headers")),
            body=_clip(body) if isinstance(body, str) else None,
            exception=_facts(case.get("exception")),
        )

    @classmethod
    def from_reply(
        cls,
        provider: str,
        status: int,
        headers: Mapping[str, str] | Sequence[tuple[str, str]],
        body: bytes,
        *,
        stream: bool = False,
    ) -> Failure:
        """Describe an HTTP answer; `stream` says that `body` is what arrived of a stream."""
        return cls(
            provider=provider,
            kind="stream" if stream else "http",
            status=status,
            headers=lowered(headers),
            body=_clip(body[:_MAX_BYTES].decode("utf-8", "replace")),
        )

    @classmethod
    def from_exception(cls, provider: str, exception: BaseException) -> Failure:
        """Describe what a Python client raised."""
        facts = read_exception(exception)
        return cls(provider=provider, kind="exception", exception=facts, raised=exception)


def _clip(body: str) -> str:
    """Keep the head and the tail: an error is in the one, the end of a stream in the other."""
    if len(body) <= MAX_TEXT:
        return body
    return f"{body[: MAX_TEXT // 2]}\n\n{body[-MAX_TEXT // 2 :]}"


def _string(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _facts(value: object, causes: tuple[ExceptionFacts, ...] = ()) -> ExceptionFacts | None:
    if not isinstance(value, dict):
        return None
    attributes = value.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {}
    bases = attributes.get("__mro__")
    return ExceptionFacts(
        type=_string(value.get("type")),
        bases=tuple(map(_string, bases)) if isinstance(bases, list) else (),
        message=_string(value.get("message")),
        attributes=attributes,
        causes=causes
        or _nested(attributes.get("__cause_chain__"))
        or _members(attributes.get("exceptions")),
    )


def _members(shown: object) -> tuple[ExceptionFacts, ...]:
    """Read the members of a group from how they are shown: `httpx.ConnectError('...')`."""
    if not isinstance(shown, list):
        return ()
    found = (_SHOWN.match(member) for member in shown[:MAX_CAUSES] if isinstance(member, str))
    return tuple(ExceptionFacts(match[1], message=match[2][:MAX_TEXT]) for match in found if match)


def _nested(chain: object) -> tuple[ExceptionFacts, ...]:
    """Turn a list of causes, outermost first, into causes within causes."""
    causes: tuple[ExceptionFacts, ...] = ()
    if isinstance(chain, list):
        for link in reversed(chain[:MAX_CAUSES]):
            if facts := _facts(link, causes):
                causes = (facts,)
    return causes
