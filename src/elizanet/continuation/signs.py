"""What the signs mean by which a repetition, or another answer, is recognised.

Theory of operation. A sign is weighed by what it would take to be chance: a text that says
the same thing twice in a row. "Hel" + "lo" share an `l`, "))" is ordinary code, and the zeros
of "1,000" + ",000" must not be taken out of a number.

    nothing      up to three characters inside a word, or no word at all
    clear        two different words, eight characters or more; with digits or signs between
                 them three words, sixteen characters; or one word of four letters or more that
                 is begun again and gets longer ("decora" + "decorators")
    uncertain    everything between; whole lines; and whatever continues a pattern that the
                 old text has begun, such as "1, 1, 1" or the rows of a table

Of an answer of its own it is a sign that it begins where nothing goes on: with a capital letter
inside a word, with a letter right after a comma; and that it begins a little like the old one.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

_CLEAR_WORD: Final = 4
"""Letters of a word that nobody says twice in a row."""
START: Final = 40
"""Characters at the start of an answer by which it is compared with the old one."""

_CHANCE: Final = 3
_CLEAR_PROSE: Final = (2, 8)
_CLEAR_OTHER: Final = (3, 16)
"""Different words, and characters, of a block without and with signs: code and tables repeat
more. A character of a script without spaces counts twice."""
_MOST_COMPARED: Final = 64
_LAST_WORD: Final = 128
_PHRASE: Final = 12
_SPACED: Final = ",;:!?)"
"""Signs that have a space behind them, in prose."""
_CAMEL_CASE: Final = re.compile(r"[a-z][A-Z]")
_ABBREVIATION: Final = re.compile(r"\.[A-Z]")
_WORD: Final = re.compile(r"[\u2e80-\U0010ffff]|[^\W\u2e80-\U0010ffff]+")
"""A run of letters and digits; a character of a script that has no spaces is a word."""


class Sign(Enum):
    """How sure it is that something was repeated on purpose."""

    NOTHING = 0
    UNCERTAIN = 1
    CLEAR = 2


def weigh(shown: str, heard: str, length: int) -> Sign:
    """Say how sure it is that the last `length` characters of the text are repeated.

    They are the first ones of `heard`.
    """
    block = shown[-length:]
    word = _last_word(shown)
    whole_word = block.strip() == word and not _is_ideograph(word)
    if not whole_word and length <= _CHANCE and (length == 1 or not _is_ideograph(block[-1])):
        return Sign.NOTHING
    if goes_on_a_pattern(shown, length) or _has_two_readings(block):
        return Sign.UNCERTAIN
    begun_again = block == word and _is_begun_again(shown, heard, length)
    return Sign.CLEAR if begun_again or is_telling(block) else Sign.UNCERTAIN


def _has_two_readings(block: str) -> bool:
    """Tell whether a block ends as it begins: then its end alone may be what is repeated."""
    ends = range(_CHANCE + 1, len(block))
    return any(block.startswith(block[-length:]) for length in ends)


def _is_begun_again(shown: str, heard: str, length: int) -> bool:
    """Tell whether the last word, which stands alone, is told again and longer than before.

    A word that is told twice as it was could be meant so, and one that goes on with itself.
    """
    word, before = heard[:length], shown[-length - 1 : -length]
    whole = _WORD.match(heard)
    longer = whole is not None and whole.end() > length and not heard.startswith(word, length)
    return longer and length >= _CLEAR_WORD and word.isalpha() and (not before or before.isspace())


def is_telling(block: str) -> bool:
    """Tell whether nobody says this twice in a row by chance."""
    words_needed, length_needed = _CLEAR_PROSE if _is_prose(block) else _CLEAR_OTHER
    length = len(block) + sum(map(_is_ideograph, block))
    is_long = len(_words(block)) >= words_needed and length >= length_needed
    return is_long and not block.startswith(("\n", "\r"))


def _is_prose(block: str) -> bool:
    """Tell whether there are letters and spaces only."""
    return all(character.isalpha() or character == " " for character in block)


def goes_on_a_pattern(shown: str, length: int) -> bool:
    """Tell whether the text says the same thing again and again just before it stops."""
    block = shown[-length:]
    if any(block[period:] == block[:-period] for period in range(1, length // 2 + 1)):
        return True
    before = shown[-2 * length : -length]
    return common_length(before[::-1], block[::-1]) >= max(1, length // 2)


def common_length(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their start, at most 64."""
    longest = min(len(first), len(second), _MOST_COMPARED)
    return next((n for n in range(longest) if first[n] != second[n]), longest)


def breaks_a_word(said: str, heard: str, common: int) -> bool:
    """Tell whether going on would glue the first word of the answer to its last one."""
    first, known = _WORD.match(heard), _WORD.match(said)
    if first is None or known is None or first[0] != known[0] or first.end() > common:
        return False
    return first.end() > 1 and said[-1].isalnum()


def is_a_start(heard: str) -> bool:
    """Tell whether a text begins as answers do: what goes on mostly begins with a space."""
    return heard[:1].isalnum()


def is_another_answer(said: str, shown: str, heard: str) -> bool:
    """Tell whether a text that `is_a_start` is an answer of its own.

    A capital letter inside a word, or after the white space that was not sent; a letter right
    after a sign that has a space behind it; unless the old text writes so itself.
    """
    first, before = heard[0], shown[-1]
    if said != shown:
        glued = first.isupper()
    elif first.isupper() and before.islower():
        glued = not _CAMEL_CASE.search(said)
    elif before in _SPACED:
        in_number = first.isdigit() and shown[-2:-1].isdigit()
        glued = not (in_number or re.search(re.escape(before) + r"\w", said))
    else:
        glued = before == "." and first.isupper() and not _ABBREVIATION.search(said)
    return glued or _begins_alike(said, heard)


def _begins_alike(said: str, heard: str) -> bool:
    """Tell whether both texts have a phrase in about the same place near their start."""
    for start in range(min(len(heard), START) - _PHRASE + 1):
        phrase = heard[start : start + _PHRASE]
        near = said[max(0, start - _PHRASE) : start + 2 * _PHRASE]
        if phrase in near and len(_words(phrase)) > 1:
            return True
    return False


def _words(block: str) -> set[str]:
    """Return the different words that have letters."""
    return {word for word in _WORD.findall(block.casefold()) if any(map(str.isalpha, word))}


def _last_word(shown: str) -> str:
    words = _WORD.findall(shown[-_LAST_WORD:])
    return words[-1] if words and shown.endswith(words[-1]) else ""


def _is_ideograph(character: str) -> bool:
    return len(character) == 1 and character >= "\u2e80"
