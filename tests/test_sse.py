"""The parser: any split of the bytes gives the same events, and no byte is lost."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.sse import SseError, SseEvent, SseParser

TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def events_of(stream: bytes, cuts: list[int]) -> list[SseEvent]:
    parser = SseParser()
    events = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        events += parser.feed(stream[start:end])
    rest = parser.finish()
    return [*events, rest] if rest else events


def payloads(events: list[SseEvent]) -> list[tuple[bytes, bytes]]:
    return [(event.name, event.data) for event in events if event.data]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A stream of one line-ending style, and the events a reader should find in it."""
    end = draw(LINE_ENDS)
    text = draw(st.sampled_from(["", "\ufeff"]))
    expected = []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(["", "message", "error"]))
        lines = draw(st.lists(TEXTS, min_size=1, max_size=3))
        if draw(st.booleans()):
            text += f": {draw(TEXTS)}{end}"
        if name:
            text += f"event: {name}{end}"
        text += "".join(f"data: {line}{end}" for line in lines) + end
        if data := "\n".join(lines):
            expected.append((name.encode(), data.encode()))
    return text.encode(), expected


@given(streams(), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_split_gives_the_same_events_and_loses_no_byte(
    case: tuple[bytes, list[tuple[bytes, bytes]]], cuts: list[int]
) -> None:
    """Whatever the network does to the chunks, the events are those that were sent."""
    stream, expected = case
    events = events_of(stream, cuts)
    assert payloads(events) == expected
    assert b"".join(event.raw for event in events) == stream


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=10))
def test_arbitrary_bytes_lose_nothing_and_split_alike(stream: bytes, cuts: list[int]) -> None:
    """Garbage is passed through whole, and its payloads do not depend on the split."""
    events = events_of(stream, cuts)
    assert b"".join(event.raw for event in events) == stream
    assert payloads(events) == payloads(events_of(stream, []))


def test_a_character_cut_in_two_arrives_whole() -> None:
    """A multi-byte character may be split between two chunks."""
    stream = 'data: {"x": "héllo – 🦀"}\n\n'.encode()
    for cut in range(len(stream)):
        events = events_of(stream, [cut])
        assert json.loads(events[0].data) == {"x": "héllo – 🦀"}


def test_an_event_is_complete_with_its_blank_line_and_not_before() -> None:
    """An event is delivered at once when its blank line has come, also one of CRs."""
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert [event.data for event in parser.feed(b"\n")] == [b"a"]
    parser = SseParser()
    assert parser.feed(b"data: a\r") == []
    assert [event.data for event in parser.feed(b"\r")] == [b"a"]


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    """CR and LF in different chunks do not make a blank line."""
    parser = SseParser()
    assert parser.feed(b"data: a\r") == []
    assert parser.feed(b"\ndata: b\r") == []
    assert [event.data for event in parser.feed(b"\n\r\n")] == [b"a\nb"]


def test_comments_and_unknown_fields_dispatch_nothing_but_are_kept() -> None:
    """A comment is no event, yet its bytes are there to be passed on."""
    parser = SseParser()
    [event] = parser.feed(b": ping\nid: 7\nretry: 10\n\n")
    assert event.data == b""
    assert event.raw == b": ping\nid: 7\nretry: 10\n\n"


def test_only_one_leading_space_belongs_to_the_field() -> None:
    """The rest of the spaces are the value's."""
    parser = SseParser()
    assert [e.data for e in parser.feed(b"data:  two\n\ndata:none\n\n")] == [b" two", b"none"]


@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n"])
def test_an_event_of_one_mebibyte_passes_and_one_byte_more_does_not(ending: bytes) -> None:
    """The bound counts the whole event, terminator included."""
    size = 1 << 20
    fits = b"data: " + b"x" * (size - 6 - len(ending)) + ending
    assert len(SseParser().feed(fits)[0].raw) == size
    with pytest.raises(SseError):
        SseParser().feed(b"x" + fits)


def test_an_event_without_end_is_refused_while_it_grows() -> None:
    """Memory stays bounded for a server that never sends a line end."""
    parser = SseParser(max_event_bytes=1000)
    parser.feed(b"data: " + b"x" * 900)
    with pytest.raises(SseError, match="more than 1000 bytes"):
        parser.feed(b"x" * 200)


def test_a_large_event_in_tiny_chunks_costs_linear_time() -> None:
    """Each byte is looked at a bounded number of times."""
    parser = SseParser()
    stream = b"data: " + b"x" * 200_000 + b"\n\n"
    events = [event for byte in stream for event in parser.feed(bytes([byte]))]
    assert len(events) == 1


def test_what_follows_the_last_blank_line_is_given_to_the_reader_to_judge() -> None:
    """Some servers forget the blank line after the last event."""
    parser = SseParser()
    parser.feed(b"data: a\n\ndata: [DONE]\n")
    rest = parser.finish()
    assert rest is not None
    assert (rest.data, rest.raw) == (b"[DONE]", b"data: [DONE]\n")
    assert parser.finish() is None


def test_the_repr_says_what_is_pending() -> None:
    """One line of state."""
    parser = SseParser()
    parser.feed(b"data: a")
    assert repr(parser) == "<SseParser pending=7 bytes>"
