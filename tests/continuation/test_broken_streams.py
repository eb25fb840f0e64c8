"""Streams that break anywhere: the whole answer, once, or an honest error."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.broken_streams import KINDS, broken_streams, table
from hypothesis import given, settings
from hypothesis import strategies as st

from elizanet.continuation import Seam, SeamError, Transcript
from support.chunks import FIRST, SECOND, call_with, delta, read, text

TEXTS = st.text(min_size=1, max_size=250) | st.text("ab ,1\n", min_size=1, max_size=250)
SPLITS = st.lists(st.integers(1, 20), min_size=1, max_size=8)


def pieces(whole: str, sizes: list[int]) -> Iterator[str]:
    """Cut a text into pieces of these sizes, between UTF-16 units, again and again."""
    units = whole.encode("utf-16-le")
    at = turn = 0
    while at < len(units):
        size = 2 * sizes[turn % len(sizes)]
        yield units[at : at + size].decode("utf-16-le", "surrogatepass")
        at, turn = at + size, turn + 1


def told(said: str, new: str, sizes: list[int], *, restarted: bool) -> str | None:
    """Return what the caller reads of both streams; None for an honest error."""
    transcript = Transcript(call_with())
    given_before = [*text(FIRST, *pieces(said, sizes))]
    for event in given_before:
        transcript.take(event)
    assert transcript.continuable
    seam = Seam(transcript, restarted=restarted)
    given_after = []
    try:
        for event in [*text(SECOND, *pieces(new, sizes)), delta(SECOND, "stop")]:
            given_after += seam.take(event)
        assert seam.finish() == []
    except SeamError:
        return None
    units = read([*given_before, *given_after]).encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le")


@given(TEXTS, SPLITS, st.data())
def test_a_continuation_is_exact_or_an_error(
    whole: str, sizes: list[int], data: st.DataObject
) -> None:
    """For any text, any break and any pieces."""
    said = whole[: data.draw(st.integers(0, len(whole)))]
    assert told(said, whole[len(said.rstrip()) :], sizes, restarted=False) in {whole, None}


@given(TEXTS, SPLITS, st.integers(4, 150), st.data())
def test_a_repetition_is_exact_or_an_error(
    whole: str, sizes: list[int], repeated: int, data: st.DataObject
) -> None:
    """The last words come once, however many of them were repeated."""
    said = whole[: data.draw(st.integers(0, len(whole)))]
    shown = said.rstrip()
    new = whole[max(0, len(shown) - repeated) :]
    if len(shown) >= 4:
        assert told(said, new, sizes, restarted=False) in {whole, None}


@given(TEXTS, SPLITS, st.data())
def test_a_restart_that_says_the_same_is_exact(
    whole: str, sizes: list[int], data: st.DataObject
) -> None:
    """There is nothing to guess."""
    said = whole[: data.draw(st.integers(0, len(whole)))]
    assert told(said, whole, sizes, restarted=True) == whole


@given(TEXTS, TEXTS, SPLITS)
def test_a_restart_that_says_something_else_is_an_error(
    said: str, new: str, sizes: list[int]
) -> None:
    """Another text, or a shorter one."""
    expected = new if new.startswith(said) else None
    assert told(said, new, sizes, restarted=True) == expected


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_thousands_of_broken_streams_are_whole_or_honest(seed: int) -> None:
    """The loop behind the published figure, a little of it; and it knows what wrong is."""
    counts = broken_streams(5 * len(KINDS), seed)
    assert counts.total("wrong") == 0, counts.examples
    assert counts.total("whole") + counts.total("honest") == 5 * (len(KINDS) - 1)
    assert "| **all** |" in table(counts)
