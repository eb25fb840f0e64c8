"""The new stream under the name of the old one: what passes, what is dropped, what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from elizanet.call import Event, EventKind
from elizanet.continuation import Seam, SeamError, Transcript
from elizanet.continuation.chunks import added
from elizanet.operation import Operation
from support.chunks import DONE, FIRST, PING, SECOND, call_with, delta, event_of, read, text

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
SAID = "The quick brown"


def seam_after(*events: Event, restarted: bool = False) -> Seam:
    """Return a seam to a stream that sent these events and broke."""
    transcript = Transcript(call_with())
    for event in events or text(FIRST, SAID):
        transcript.take(event)
    assert transcript.continuable
    return Seam(transcript, restarted=restarted)


def passed(seam: Seam, events: Sequence[Event]) -> list[Event]:
    return [each for event in events for each in seam.take(event)] + seam.finish()


def ended(*pieces: str) -> list[Event]:
    return [*text(SECOND, *pieces), delta(SECOND, "stop"), DONE]


def fields(event: Event) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(event.data)
    return decoded


@pytest.mark.parametrize(
    "pieces", [[" fox", " jumps"], ["quick brown fox", " jumps"], [" fox jumps"]]
)
def test_the_new_stream_goes_on_in_the_name_of_the_first(pieces: list[str]) -> None:
    """One identity, no second start, the finish reason and the end of the new stream."""
    events = passed(seam_after(), ended(*pieces))
    assert read(events) == " fox jumps"
    assert events[-1] is DONE
    chunks = [fields(event) for event in events[:-1]]
    assert all(chunk | FIRST == chunk for chunk in chunks)
    assert [c["choices"][0]["finish_reason"] for c in chunks][-1] == "stop"  # type: ignore[index]
    assert not any(b"role" in event.data for event in events)


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_an_answer_that_is_told_again_goes_on_where_it_broke(restarted: bool, size: int) -> None:
    """What was sent is compared and dropped; the piece across the seam is cut."""
    whole = SAID + " fox jumps over the lazy dog"
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    events = passed(seam_after(restarted=restarted), ended(*pieces))
    assert SAID + read(events) == whole


def test_events_that_need_no_change_pass_byte_for_byte() -> None:
    """With the same identity, as from one provider; comments and `[DONE]` in any case."""
    spelled = b'{ "id":"first","created":1, "model" : "one","choices":[{"delta":{"content":" \\u0066ox"}}]}'
    event = Event(b"event: x\r\ndata:  " + spelled + b"\r\n\r\n", spelled, EventKind.CONTENT)
    seam = seam_after()
    assert seam.take(event) == [event]
    assert seam.take(PING) == [PING]
    assert seam.take(delta(FIRST, "stop")) == [delta(FIRST, "stop")]
    assert seam.take(DONE) == [DONE]


def test_only_the_identity_changes_in_an_event() -> None:
    """The bytes of all other values stay, and so do the lines around the data."""
    data = (
        b'{"id":"second","x": {"y" : 1.0e0},"model":"two","choices":[{"delta":{"content":" f"}}]}'
    )
    event = Event(b"id: 7\r\ndata: " + data + b"\r\n\r\n", data, EventKind.CONTENT)
    (changed,) = seam_after().take(event)
    expected = data.replace(b"second", b"first").replace(b"two", b"one")
    assert changed == Event(b"id: 7\r\ndata: " + expected + b"\r\n\r\n", expected, event.kind)


def test_data_on_several_lines_stays_one_event() -> None:
    """What was cut into lines is written in one again."""
    lines = json.dumps({**SECOND, "choices": [{"delta": {"content": " f"}}]}, indent=1).encode()
    raw = b"".join(b"data: " + line + b"\n" for line in lines.split(b"\n")) + b"\n"
    (changed,) = seam_after().take(Event(raw, lines, EventKind.CONTENT))
    assert b"\n\n" not in changed.raw[:-2]
    rest = b"".join(line.removeprefix(b"data: ") for line in changed.raw.split(b"\n"))
    assert json.loads(rest) == fields(changed)
    assert fields(changed)["id"] == "first"


def test_events_are_held_back_until_it_can_be_told_where_they_belong() -> None:
    """A ping passes meanwhile, so that the connection of the caller stays alive."""
    seam = seam_after()
    assert seam.take(delta(SECOND, content="The")) == []
    assert seam.take(PING) == [PING]
    assert repr(seam) == "<Seam undecided held=1>"
    assert seam.take(delta(SECOND, content=SAID[3:])) == []
    assert read(seam.take(delta(SECOND, content=" fox"))) == " fox"
    assert repr(seam) == "<Seam repeated=15 of 15>"


def test_what_is_held_back_comes_at_the_end() -> None:
    """Also if the stream ends without a finish reason of its own event, or without `[DONE]`."""
    seam = seam_after()
    assert seam.take(delta(SECOND, content=" bro")) == []
    assert read(seam.finish()) == " bro"


@pytest.mark.parametrize(
    "last", [delta(SECOND, "stop"), delta(SECOND, tool_calls=[{"index": 0}]), DONE]
)
def test_what_is_held_back_comes_before_what_ends_the_text(last: Event) -> None:
    """A finish reason, a tool call, or `[DONE]`: in the order in which they came."""
    seam = seam_after()
    assert seam.take(delta(SECOND, content=" bro")) == []
    held, end = seam.take(last)
    assert read([held]) == " bro"
    assert end.kind is last.kind
    assert read([end]) == ""


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize(
    "pieces",
    [["The quick red fox"], ["The quick", " brawn"], ["The quick brow"], ["The qu", "ick"]],
)
def test_another_answer_is_refused(restarted: bool, pieces: list[str]) -> None:
    """It differs, or it ends before it has said what was already sent."""
    with pytest.raises(SeamError):
        passed(seam_after(restarted=restarted), ended(*pieces))


def test_a_restart_is_compared_to_the_last_character() -> None:
    """White space counts; an overlap that would do after a prefill does not here."""
    for piece in ("The  quick brown fox", " fox", "\nThe quick brown fox", "brown fox"):
        with pytest.raises(SeamError, match="differs"):
            passed(seam_after(restarted=True), ended(piece))


def test_an_end_that_comes_too_early_is_not_passed_on() -> None:
    """The error takes its place: no finish reason before it."""
    seam = seam_after(restarted=True)
    assert seam.take(delta(SECOND, content="The")) == []
    with pytest.raises(SeamError, match="ended before"):
        seam.take(delta(SECOND, "stop"))


def test_a_stream_without_an_end_has_to_have_repeated_everything() -> None:
    """`finish` is asked where no `[DONE]` came."""
    seam = seam_after(restarted=True)
    assert seam.take(delta(SECOND, content="The")) == []
    with pytest.raises(SeamError, match="ended before"):
        seam.finish()


def test_reasoning_is_not_told_twice() -> None:
    """The caller has had that of the first target; a delta that has both keeps its text."""
    seam = seam_after()
    assert seam.take(delta(SECOND, reasoning_content="let me think")) == []
    (event,) = seam.take(delta(SECOND, reasoning="so", role="assistant", content=" fox"))
    assert fields(event)["choices"] == [
        {"index": 0, "delta": {"content": " fox"}, "finish_reason": None}
    ]
    assert seam.take(delta(SECOND, reasoning="more")) == []


def test_a_break_inside_the_reasoning_leads_to_the_whole_answer() -> None:
    """Nothing of the answer was said yet."""
    for restarted in (True, False):
        start = [text(FIRST)[0], delta(FIRST, reasoning="hm")]
        events = passed(seam_after(*start, restarted=restarted), ended("The", " fox"))
        assert read(events) == "The fox"


def test_a_tool_call_may_follow_the_text() -> None:
    """It belongs to the new target, and needs all that was said before it."""
    tool = delta(SECOND, tool_calls=[{"index": 0, "function": {"name": "f"}}])
    for restarted, before in ((False, " f"), (True, SAID + " f")):
        events = passed(seam_after(restarted=restarted), [delta(SECOND, content=before), tool])
        assert read(events) == " f"
        assert fields(events[-1])["choices"] == fields(tool)["choices"]
        assert events[-1].kind is EventKind.CONTENT
    with pytest.raises(SeamError, match="ended before"):
        passed(seam_after(restarted=True), [tool])


@pytest.mark.parametrize(
    "event",
    [
        delta(SECOND, refusal="I cannot"),
        delta(SECOND, index=1, content="x"),
        event_of({**SECOND, "choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}),
        event_of({**SECOND, "choices": "none"}),
    ],
    ids=lambda event: event.data.decode(),
)
def test_a_refusal_or_a_second_answer_is_no_continuation(event: Event) -> None:
    """Nor is an event that cannot be read."""
    with pytest.raises(SeamError):
        seam_after().take(event)


def test_usage_is_the_sum_of_what_is_known() -> None:
    """Details too; what only one of them told is kept, and nothing is made up."""
    first = USAGE | {"completion_tokens_details": {"reasoning_tokens": 2}, "cost": None}
    second = USAGE | {"completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0}}
    told = event_of({**FIRST, "choices": [{"delta": {"content": "x"}}], "usage": first})
    asked = event_of({**SECOND, "choices": [], "usage": second | {"cost": 0.5}}, EventKind.END)
    seam = seam_after(told, delta(FIRST, content="!"))
    events = passed(seam, [delta(SECOND, content=" y"), delta(SECOND, "stop"), asked, DONE])
    assert fields(events[2])["usage"] == {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0},
        "cost": 0.5,
    }


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (1, 2, 3),
        (1.5, 2, 3.5),
        (1, None, 1),
        (None, 2, 2),
        ({"a": 1}, None, {"a": 1}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, 2, 2),
        (1, {"a": 2}, {"a": 2}),
        (1, "2", "2"),
        (True, True, True),
        (1, True, True),
    ],
)
def test_only_numbers_are_added(first: object, second: object, both: object) -> None:
    """Of anything else the new stream's own word holds."""
    assert added({"x": first}, {"x": second}) == {"x": both}
    assert added({"x": first}, {"x": second})["x"].__class__ is both.__class__


def test_usage_of_the_new_stream_alone_stays_as_it_is() -> None:
    """A broken stream hardly ever told its own."""
    asked = event_of({**FIRST, "choices": [], "usage": USAGE}, EventKind.END)
    seam = seam_after()
    seam.take(delta(SECOND, content=" fox"))
    assert seam.take(asked) == [asked]


def test_an_event_that_the_caller_does_not_see_stays_unseen() -> None:
    """Usage that only we asked for has no bytes."""
    hidden = event_of({**SECOND, "choices": [], "usage": USAGE}, EventKind.END)
    seam = seam_after()
    seam.take(delta(SECOND, content=" fox"))
    (event,) = seam.take(Event(b"", hidden.data, hidden.kind))
    assert event.raw == b""
    assert fields(event)["usage"] == USAGE


def test_characters_may_come_in_halves() -> None:
    """Escaped surrogates, cut apart in either stream, before, across and after the seam."""
    said = "a smile \U0001f600 begins a day"
    seam = seam_after(*text(FIRST, "a smile \ud83d", "\ude00 begins a day"))
    again = ended("a smile \ud83d", "\ude00", " begins a day\ud83d", "\ude01!")
    events = passed(seam, again)
    units = read(events).encode("utf-16-le", "surrogatepass")
    assert units.decode("utf-16-le") == "\U0001f601!"
    restarted = seam_after(*text(FIRST, said), restarted=True)
    assert read(passed(restarted, ended(said + "c", "d"))) == "cd"


def test_half_a_character_tells_nothing_yet() -> None:
    """It could be the first one of the answer, begun anew."""
    seam = seam_after(*text(FIRST, "\U0001f600 begins a good day"))
    assert seam.take(delta(SECOND, content="\ud83d")) == []
    assert seam.take(delta(SECOND, content="\ude00 begins")) == []
    assert read(seam.take(delta(SECOND, content=" a good day well"))) == " well"


def test_a_finish_with_the_last_text_keeps_both() -> None:
    """Some providers send them in one event; if its text was known, the finish stays."""
    events = passed(seam_after(), [delta(SECOND, "stop", content=" fox")])
    assert read(events) == " fox"
    events = passed(seam_after(restarted=True), [delta(SECOND, "stop", content=SAID)])
    assert [(event.kind, read([event])) for event in events] == [(EventKind.END, "")]


def test_completions_are_joined_like_chats() -> None:
    """Their text is in another field."""
    transcript = Transcript(call_with(Operation.COMPLETION))
    transcript.take(event_of({**FIRST, "choices": [{"text": "one two", "index": 0}]}))
    seam = Seam(transcript, restarted=True)
    rest = event_of({**SECOND, "choices": [{"text": "one two three", "index": 0}]})
    (event,) = seam.take(rest)
    assert fields(event) == {**FIRST, "choices": [{"text": " three", "index": 0}]}


def test_a_continued_stream_can_be_continued_again() -> None:
    """The transcript goes on with what the seam passed."""
    call = call_with()
    transcript = Transcript(call)
    for event in text(FIRST, SAID):
        transcript.take(event)
    for event in Seam(transcript, restarted=False).take(delta(SECOND, content=" fox")):
        transcript.take(event)
    assert transcript.continuable
    assert transcript.said == "The quick brown fox"
    assert transcript.identity == FIRST
