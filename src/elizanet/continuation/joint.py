"""Where a new text takes up an old one: pure functions of two strings.

`begins_at` says at which place of the old text the new one begins: at its end (it goes on),
a little before (it repeats the last words), or at its start (it begins anew). It waits until
enough was heard to tell.

Theory of operation. The signs are the longest end of the old text, of at most 64 characters,
with which the new one begins, and the longest beginning that the two have in common. Chance
makes short ones: "Hel" + "lo" share an `l`, "))" is ordinary code, and the zeros of
"1,000" + ",000" must not be taken out of a number. So a sign is weighed by what it would take
to be chance, which is a text that says the same thing twice in a row:

    nothing      up to three characters inside a word, or no word at all
    clear        two different words, eight bytes or more; with digits or signs between them
                 three words, sixteen bytes; or one word of four letters or more that is begun
                 again where it stopped ("decora" + "decorators")
    uncertain    everything between; whole lines; and whatever continues a pattern that the
                 old text has begun, such as "1, 1, 1" or the rows of a table

Nothing means that the text goes on, clear that it is repeated, uncertain is a `SeamError`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

OVERLAP: Final = 64
"""How many characters at the end of the old text may be repeated."""
ANEW: Final = 64
"""A new text that begins with so many characters of the old one has begun anew."""

_CLEAR_PROSE: Final = (2, 8)
_CLEAR_OTHER: Final = (3, 16)
"""Different words, and bytes, of a block without and with signs: code and tables repeat more."""
_CLEAR_WORD: Final = 4
_LEAST_ANEW: Final = 8
_CHANCE: Final = 3
_WORD: Final = re.compile(r"[⺀-\U0010ffff]|[^\W⺀-\U0010ffff]+")
"""A run of letters and digits; a character of a script that has no spaces is a word."""

_START: Final = 40
_PHRASE: Final = 12
"""Characters by which a new answer is recognised that begins a little like the old one."""
_SPACED: Final = ",;:!?)"
_CAMEL_CASE: Final = re.compile(r"[a-z][A-Z]")
_ABBREVIATION: Final = re.compile(r"\.[A-Z]")


class SeamError(ValueError):
    """The new stream cannot be joined to the old one: the reason, in one sentence."""


class _Sign(Enum):
    NOTHING = 0
    UNCERTAIN = 1
    CLEAR = 2


def begins_at(said: str, heard: str, *, final: bool) -> int | None:
    """Return the place in `said` at which `heard` begins, or None if more has to be heard.

    `final`: no more will come. `said` without the white space at its end is what the new
    stream was asked to continue. Raises `SeamError` where it cannot be told, or where `heard`
    begins like `said` and then differs.
    """
    shown = said.rstrip()
    if not final and _may_change(said, shown, heard):
        return None
    overlap = _longest_overlap(shown, heard)
    lead = len(said) - len(said.lstrip())
    anew = _common(said[lead:], heard.lstrip())
    whole = anew == len(said) - lead
    if anew and (whole or anew >= overlap) and _begins_anew(said[lead:], heard, anew):
        return lead
    sign = _weigh(shown, overlap) if overlap else _Sign.NOTHING
    if sign is _Sign.UNCERTAIN:
        raise SeamError("it cannot be told whether the new stream repeats the last words")
    if sign is _Sign.CLEAR:
        return len(shown) - overlap
    if _is_another_answer(said, shown, heard):
        raise SeamError("the new stream does not go on where the old one stopped")
    return len(said) - _longest_overlap(said[len(shown) :], heard)


def _may_change(said: str, shown: str, heard: str) -> bool:
    """Tell whether more characters could still decide otherwise."""
    anew = heard.lstrip()
    begins_anew = len(anew) < ANEW and said.lstrip().startswith(anew) and anew != said.lstrip()
    gap = said[len(shown) :]
    may_be_another = _is_a_start(heard) and len(heard) < _START
    overlaps = _may_overlap(shown, heard) or _may_overlap(gap, heard)
    return begins_anew or may_be_another or overlaps


def _longest_overlap(old: str, new: str) -> int:
    """Return the length of the longest end of `old` that `new` begins with."""
    for length in range(min(len(old), len(new), OVERLAP), 0, -1):
        if old.endswith(new[:length]):
            return length
    return 0


def _may_overlap(old: str, new: str) -> bool:
    """Tell whether an end of `old` that is longer than `new` begins with it."""
    return old[-OVERLAP:].find(new, 0, -1) >= 0


def _begins_anew(said: str, heard: str, common: int) -> bool:
    """Tell whether the text begins again; its first `common` characters are the same.

    Raises `SeamError` where it does and then differs, or where it cannot be told.
    """
    block = said[:common]
    has_words = any(map(str.isalpha, block))
    repeats = said.find(block, 1) >= 0 or _goes_on_a_pattern(block, common)
    if common == len(heard.lstrip()) < min(len(said), _LEAST_ANEW) and not has_words:
        return False  # the quotation mark that closes a text which begins with one
    if common in {ANEW, len(said), len(heard.lstrip())}:
        clear = common == ANEW or _is_telling(block) or (_is_prose(block) and common >= _CLEAR_WORD)
        if repeats or not clear:
            raise SeamError("it cannot be told whether the new stream begins the answer again")
        return True
    if not repeats and (common >= _LEAST_ANEW or _breaks_a_word(said, heard, common)):
        raise SeamError("the new answer begins like the old one and then differs")
    return False


def _breaks_a_word(said: str, heard: str, common: int) -> bool:
    """Tell whether going on would glue the first word of the answer to its last one."""
    first, known = _WORD.match(heard), _WORD.match(said)
    if first is None or known is None or first[0] != known[0] or first.end() > common:
        return False
    return first.end() > 1 and said[-1].isalnum()


def _is_a_start(heard: str) -> bool:
    """Tell whether a text begins as answers do: what goes on mostly begins with a space."""
    return heard[:1].isalnum()


def _is_another_answer(said: str, shown: str, heard: str) -> bool:
    """Tell whether the text begins as an answer of its own would, and not as this one goes on.

    A capital letter inside a word or after the white space that was not sent, a letter right
    after a sign that has a space behind it, where the old text never writes so; or a phrase
    with which the old answer began.
    """
    if not shown or not _is_a_start(heard):
        return False
    first, before = heard[0], shown[-1]
    if said != shown:
        glued = first.isupper()
    elif first.isupper() and before.islower():
        glued = not _CAMEL_CASE.search(said)
    elif before in _SPACED and not (first.isdigit() and shown[-2:-1].isdigit()):
        glued = not re.search(re.escape(before) + r"\w", said)
    else:
        glued = before == "." and first.isupper() and not _ABBREVIATION.search(said)
    return glued or _shares_a_phrase(said, heard)


def _shares_a_phrase(said: str, heard: str) -> bool:
    """Tell whether both texts have a phrase in about the same place near their start."""
    for start in range(min(len(heard), _START) - _PHRASE + 1):
        phrase = heard[start : start + _PHRASE]
        near = said[max(0, start - _PHRASE) : start + 2 * _PHRASE]
        if phrase in near and len(_words(phrase)) > 1:
            return True
    return False


def _weigh(shown: str, length: int) -> _Sign:
    """Say how sure it is that the last characters of the text were repeated on purpose."""
    block = shown[-length:]
    word = _last_word(shown)
    whole_word = block.strip() == word and not _is_ideograph(word)
    if not whole_word and (length <= _CHANCE and (length == 1 or not _is_ideograph(block[-1]))):
        return _Sign.NOTHING
    if _goes_on_a_pattern(shown, length):
        return _Sign.UNCERTAIN
    begun_again = block == word and word.isalpha() and length >= _CLEAR_WORD
    return _Sign.CLEAR if begun_again or _is_telling(block) else _Sign.UNCERTAIN


def _is_telling(block: str) -> bool:
    """Tell whether nobody says this twice in a row by chance."""
    words = _words(block)
    words_needed, bytes_needed = _CLEAR_PROSE if _is_prose(block) else _CLEAR_OTHER
    whole_line = block.startswith(("\n", "\r"))
    return len(words) >= words_needed and len(block.encode()) >= bytes_needed and not whole_line


def _words(block: str) -> set[str]:
    """Return the different words that have letters."""
    return {word for word in _WORD.findall(block.casefold()) if any(map(str.isalpha, word))}


def _is_prose(block: str) -> bool:
    return all(character.isalpha() or character == " " for character in block)


def _goes_on_a_pattern(shown: str, length: int) -> bool:
    """Tell whether the text says the same thing again and again just before it stops."""
    block = shown[-length:]
    if any(block[period:] == block[:-period] for period in range(1, length // 2 + 1)):
        return True
    before = shown[-2 * length : -length]
    return _common(before[::-1], block[::-1]) >= max(1, length // 2)


def _common(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their start, at most `ANEW`."""
    longest = min(len(first), len(second), ANEW)
    return next((n for n in range(longest) if first[n] != second[n]), longest)


def _last_word(shown: str) -> str:
    words = _WORD.findall(shown[-2 * OVERLAP :])
    return words[-1] if words and shown.endswith(words[-1]) else ""


def _is_ideograph(character: str) -> bool:
    return len(character) == 1 and character >= "⺀"
