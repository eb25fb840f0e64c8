"""Prepares sentences for the rules, so that only what the provider says itself is read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from elizanet.classify import codes
from elizanet.classify.patterns import compiled, has_any

MAX_PROSE: Final = 4000
"""Characters of one text that are looked at: its head and its tail, where reasons are."""

_LINK: Final = r"(?:https?://|www\.)[^\s)\]>\"']+"
_ECHO: Final = (
    r"(?si)(?:input_value=|received messages=|failed_generation|request body:|your prompt was:"
    r"|debug_error_string|fallbacks=).*"
)
_ECHO_CUES: Final = ("_value=", "sages=", "_generation", "ody:", "rompt was:", "debug_", "backs=")
_QUOTED: Final = (
    r"'(?<!\w')[^'\n]{0,2000}'(?!\w)|\"(?<!\w\")[^\"\n]{0,2000}\""
    r"|`[^`\n]{0,2000}`|“[^”]{0,2000}”"
)
_PARAMETER: Final = (
    r"(?:max|tool|top)_[a-z_]+|messages|tools?|roles?|temperature|model|json|contents?|prompt"
    r"|inputs?"
)
_WORD: Final = re.compile(r"(?:StatusCode\.)?[A-Za-z_]{7,}")
_CODE_CUES: Final = ("_", "Error", "Exception", "Violation", "StatusCode.", "UNA", "UNIM")
_CODE_ENDS: Final = ("Error", "Exception", "Violation")
_GRPC: Final = "StatusCode."
_GRPC_NAMES: Final = frozenset({"UNAVAILABLE", "UNAUTHENTICATED", "UNIMPLEMENTED"})
_STATUS: Final = (
    r"(?i)(?:client|server) error '(\d{3})[^']*' for url\S* '[^']*'"
    r"|\b(?:error code|status(?:[ _]code)?|http(?:[ _](?:error|status|code))?|error|returned"
    r"|an error occurred)[:=]? ?\(?([45]\d\d)\b"
    r"|^[<(]?([45]\d\d)[>)]?(?=[ ,:.-]|$)"
)
_THREE_DIGITS: Final = re.compile(r"[45]\d\d(?!\d)")


class Readable(NamedTuple):
    """Sentences in lower case, without web addresses and echoed requests.

    `bare` lacks what they quote, `whole` has it; `names` are the known codes among the words
    of `bare`, in their normal spelling.
    """

    bare: str
    whole: str
    names: list[str]


def clipped(text: str) -> str:
    """Return the part of a long text where reasons are: its head and its tail."""
    text = text.strip()
    if len(text) > MAX_PROSE:
        text = f"{text[: MAX_PROSE * 3 // 4]} {text[-MAX_PROSE // 4 :]}"
    return text


def without_statuses(text: str) -> tuple[str, list[int]]:
    """Take the HTTP statuses out of a sentence that states them: "Error code: 429 - ..."."""
    if not _THREE_DIGITS.search(text):
        return text, []
    found = compiled(_STATUS).findall(text)
    if not found:
        return text, []
    return compiled(_STATUS).sub(" ", text), [int(next(filter(None, groups))) for groups in found]


def readable(text: str) -> Readable:
    """Return the text as the rules read it."""
    if "://" in text or "www." in text:
        text = compiled(_LINK).sub(" ", text)
    if has_any(text, _ECHO_CUES):
        text = compiled(_ECHO).sub(" ", text)
    text = bare = " ".join(text.split())
    if "'" in text or '"' in text or "`" in text or "“" in text:
        bare = compiled(_QUOTED).sub(_unquoted, text)
    names = _names_in(bare) if has_any(bare, _CODE_CUES) else []
    return Readable(bare.lower(), text.lower(), names)


def _unquoted(quote: re.Match[str]) -> str:
    """Keep the name of a parameter; everything else in quotes may be the caller's words."""
    inside = quote[0][1:-1]
    return inside if compiled(_PARAMETER).fullmatch(inside.lower()) else "~"


def _names_in(text: str) -> list[str]:
    words = [word for word in _WORD.findall(text) if _is_code(word)]
    found = [codes.normal(word.removeprefix(_GRPC)) for word in words]
    return [name for name in found if name in codes.SPECIFIC or name in codes.GENERIC]


def _is_code(word: str) -> bool:
    return "_" in word or word.endswith(_CODE_ENDS) or word in _GRPC_NAMES or word.startswith(_GRPC)
