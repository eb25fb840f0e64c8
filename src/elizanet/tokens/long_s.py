"""The one text the tokenizer library splits unlike OpenAI: "ſ" (long s) as a contraction.

o200k_base's pattern ignores case in contractions, and the only letter beyond ASCII that
this lets in is "ſ", the long form of "s": in "it'ſ'Tis" the first word is "it'ſ". toktok
takes "'ſ" for a word of its own and then "'T" for that word's contraction. Cut behind the
contraction, the parts come out right: no token has "ſ" beside another character, nor ends
in a letter and an apostrophe, so where else words begin cannot show in the ids.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONG_S = "\N{LATIN SMALL LETTER LONG S}"

_LETTERS = "adelmrstv"
# What o200k_base's pattern says of contractions, over shapes: "9" is any digit, "^" any mark,
# "a" any letter that is in no contraction. Upper and lower case, the threes of digits and
# the lines of white space are left out: they move no contraction.
# A string: it is compiled when the first text needs it, not on import.
_PIECE = (
    rf"[^\r\n9{_LETTERS}]?[{_LETTERS}^]+('[sdmt]|'ll|'ve|'re)?"
    rf"|9+| ?[^\s9{_LETTERS}]+[\r\n/]*|\s"
)


class _Shape(dict[int, str]):
    """For `str.translate`: one character of the pattern's alphabet for each character."""

    def __missing__(self, code: int) -> str:
        self[code] = shape = _shape(chr(code))
        return shape


def _shape(character: str) -> str:
    kind = unicodedata.category(character)[0]
    if character == _LONG_S:
        return "s"
    if kind == "L":
        plain = character.lower() if character.isascii() else "a"
        return plain if plain in _LETTERS else "a"
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f":
        return character if character in "\r\n " else "\t"
    if character in "/'":
        return character
    return {"N": "9", "M": "^"}.get(kind, ".")


def parts_between_long_s(text: str) -> Iterator[str]:
    """Yield the text in parts cut behind each contraction that ends in "ſ"."""
    start = 0
    if f"'{_LONG_S}'" in text:
        for piece in re.finditer(_PIECE, text.translate(_Shape())):
            if piece.lastindex and text[piece.end() - 1] == _LONG_S:
                yield text[start : piece.end()]
                start = piece.end()
    yield text[start:]
