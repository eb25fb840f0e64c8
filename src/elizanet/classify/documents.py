"""Finds documents in text: JSON, or the Python `repr` of it, with prose around them.

Clients put the answer of a provider into a sentence ("Error code: 400 - {'error': ...}"),
gateways put it into a string of another document. Both are taken apart here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from elizanet.classify.patterns import compiled

MAX_DOCUMENTS: Final = 4
"""Documents looked for in one text; real errors have one or two."""

_DECODE: Final = json.JSONDecoder(strict=False).raw_decode
_START: Final = re.compile(r"""\{\s*['"]|\[\s*\{\s*['"]|\{\\+["n]""")
_LITERAL: Final = (
    r"""(?s)b?'((?:[^'\\]|\\.)*)'|b?("(?:[^"\\]|\\.)*")|\b(True|False|None)\b|(<[^<>]*>)"""
)
_ESCAPE: Final = r"""\\x([0-9a-fA-F]{2})|\\'|\\([^"\\/bfnrtu])|(?<!\\)(")"""
_CONSTANTS: Final = {"True": "true", "False": "false", "None": "null"}
_FIELD: Final = (
    r"""(?s)['"](code|type|status|message|msg|detail|error|reason)\\*['"]\s*:\s*"""
    r"""(?:'((?:[^'\\]|\\.){0,2000})'|\\*"((?:[^"\\]|\\.){0,2000})|(\d{3,6}))"""
)


def decode(text: str) -> object:
    """Return the JSON value that the whole text is; raises ValueError if it is none."""
    text = text.strip()
    try:
        value, end = _DECODE(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end < len(text):
        raise ValueError("more than one value")
    return value


def split(text: str) -> tuple[str, list[object]]:
    """Return the prose of `text` and the documents found in it, each with at least one key."""
    documents: list[object] = []
    prose: list[str] = []
    rest = text
    while len(documents) < MAX_DOCUMENTS and (start := _START.search(rest)):
        prose.append(rest[: start.start()])
        rest = rest[start.start() :]
        for candidate in _spellings(rest):
            try:
                value, end = _DECODE(candidate)
            except (ValueError, RecursionError):
                continue
            documents.append(value)
            rest = candidate[end:]
            break
        else:
            if loose := _loose(rest):
                documents.append(loose)
            return " ".join(prose), documents
    prose.append(rest)
    return " ".join(prose), documents


def _spellings(text: str) -> Iterator[str]:
    """Yield the ways to read `text` as JSON, the likeliest first."""
    if text.startswith("{\\"):
        yield text.replace('\\"', '"').replace("\\n", "\n")
        return
    if "'" not in text[:4]:
        yield text
    yield compiled(_LITERAL).sub(_as_json, text)


def _as_json(token: re.Match[str]) -> str:
    single, double, constant, _ = token.groups()
    if single is not None:
        plain = "\\" not in single and '"' not in single
        return f'"{single if plain else compiled(_ESCAPE).sub(_as_json_escape, single)}"'
    if double is not None:
        plain = "\\" not in double
        return double if plain else f'"{compiled(_ESCAPE).sub(_as_json_escape, double[1:-1])}"'
    return _CONSTANTS.get(constant, '"object"')


def _as_json_escape(escape: re.Match[str]) -> str:
    code, other, quote = escape.groups()
    if code:
        return f"\\u00{code}"
    if quote:
        return '\\"'
    return f"\\\\{other}" if other else "'"


def _loose(text: str) -> dict[str, str]:
    """Read the fields of a document that is cut off or broken."""
    found: dict[str, str] = {}
    for name, single, double, number in compiled(_FIELD).findall(text):
        found.setdefault(name, single or double or number)
    return found
