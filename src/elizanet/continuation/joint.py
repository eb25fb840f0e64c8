"""Where a new text takes up an old one: a pure function of two strings.

`begins_at` says at which place of the old text the new one begins: at its end (it goes on),
a little before (it repeats the last words), or at its start (it begins anew). It waits until
enough was heard to tell: most of the time one character, forty for a text that begins as an
answer of its own could, sixty-four for one that repeats.

The signs are the longest end of the old text, of at most 64 characters, with which the new one
begins; the longest beginning that the two have in common; and 64 characters that were said
among the last thousand, from the last line or paragraph on. Chance makes short ones, so they
are weighed (`signs`): what means nothing goes on, what is clear is a repetition, what is
uncertain is a `SeamError`, and no guess.
"""

from __future__ import annotations

from typing import Final

from elizanet.continuation.signs import (
    START,
    Sign,
    breaks_a_word,
    common_length,
    goes_on_a_pattern,
    is_a_start,
    is_another_answer,
    is_telling,
    weigh,
)

LONG: Final = 64
"""So many characters that were said before are a repetition; fewer only at the end of the text."""
NEAR: Final = 1024
"""Characters at the end of the old text in which a passage may be that is repeated."""
LEAST_ANEW: Final = 8
"""With so many it has begun anew too, and then said something else."""


class SeamError(ValueError):
    """The new stream cannot be joined to the old one: the reason, in one sentence."""


def begins_at(said: str, heard: str, *, final: bool) -> int | None:
    """Return the place in `said` at which `heard` begins, or None if more has to be heard.

    `final`: no more will come. `said` without the white space at its end is what the new
    stream was asked to continue. Raises `SeamError` where it cannot be told, or where `heard`
    begins like `said` and then differs.
    """
    shown = said.rstrip()
    if not final and _may_repeat(said, shown, heard):
        return None
    repeated = _repeats_from(said, shown, heard)
    if repeated is not None:
        return repeated
    if shown and is_a_start(heard):
        if not final and len(heard) < START:
            return None
        if is_another_answer(said, shown, heard):
            raise SeamError("the new stream does not go on where the old one stopped")
    return len(said) - _longest_overlap(said[len(shown) :], heard)


def _may_repeat(said: str, shown: str, heard: str) -> bool:
    """Tell whether with more characters this could become a repetition, or a longer one."""
    if len(heard) >= LONG:
        return False
    anew = heard.lstrip()
    begins_anew = said.lstrip().startswith(anew) and anew != said.lstrip()
    gap, overlap = said[len(shown) :], _longest_overlap(shown, heard)
    # what follows the repeated characters tells whether they were meant twice
    unfinished = overlap > 0 and heard[:overlap].startswith(heard[overlap:])
    within = max(shown[-NEAR:].find(heard, 0, -1), gap.find(heard, 0, -1)) >= 0
    return begins_anew or unfinished or within


def _repeats_from(said: str, shown: str, heard: str) -> int | None:
    """Return the place from which on `heard` repeats the text; None if it goes on."""
    overlap = _longest_overlap(shown, heard)
    lead = len(said) - len(said.lstrip())
    anew = common_length(said[lead:], heard.lstrip())
    whole = anew == len(said) - lead
    if anew and (whole or anew >= overlap) and _begins_anew(said[lead:], heard, anew):
        return lead
    passage = _passage_at(shown, heard)
    if passage is not None:
        return passage
    sign = weigh(shown, heard, overlap) if overlap else Sign.NOTHING
    if sign is Sign.UNCERTAIN:
        raise SeamError("it cannot be told whether the new stream repeats the last words")
    return len(shown) - overlap if sign is Sign.CLEAR else None


def _passage_at(shown: str, heard: str) -> int | None:
    """Return the place from which on a whole passage is said again; None if none is."""
    passage = heard[:LONG]
    place = shown.find(passage, max(0, len(shown) - NEAR))
    if place < 0 or len(passage) < LONG:
        return None
    if shown.find(passage) != shown.rfind(passage) or goes_on_a_pattern(passage, LONG):
        raise SeamError("it cannot be told whether the new stream repeats a passage")
    return place


def _longest_overlap(old: str, new: str) -> int:
    """Return the length of the longest end of `old` that `new` begins with."""
    for length in range(min(len(old), len(new), LONG), 0, -1):
        if old.endswith(new[:length]):
            return length
    return 0


def _begins_anew(said: str, heard: str, common: int) -> bool:
    """Tell whether the text begins again; its first `common` characters are the same.

    Raises `SeamError` where it does and then differs, or where it cannot be told.
    """
    block = said[:common]
    has_words = any(map(str.isalpha, block))
    repeats = said.find(block, 1) >= 0 or goes_on_a_pattern(block, common)
    if common == len(heard.lstrip()) < min(len(said), LEAST_ANEW) and not has_words:
        return False  # the quotation mark that closes a text which begins with one
    if common in {LONG, len(said), len(heard.lstrip())}:
        if repeats or not (common == LONG or is_telling(block)):
            raise SeamError("it cannot be told whether the new stream begins the answer again")
        return True
    if not repeats and (common >= LEAST_ANEW or breaks_a_word(said, heard, common)):
        raise SeamError("the new answer begins like the old one and then differs")
    return False
