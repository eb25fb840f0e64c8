"""What a stream has said, whether that can be continued, and the call that does it."""

from __future__ import annotations

import json

import pytest

from elizanet.call import Call
from elizanet.continuation import Transcript
from elizanet.continuation.transcript import MOST_REMEMBERED
from elizanet.operation import Operation
from support.chunks import DONE, FIRST, PING, call_with, delta, event_of, text


def transcript_of(call: Call, *pieces: str) -> Transcript:
    transcript = Transcript(call)
    for event in text(FIRST, *pieces):
        transcript.take(event)
    return transcript


def last_message(call: Call) -> object:
    return json.loads(call.body)["messages"][-1]


def test_what_was_said_becomes_the_assistants_message() -> None:
    """Every other byte of the request stays as the caller wrote it."""
    body = b'{ "model":"m", "messages" : [{"role":"user","content":"caf\\u00e9"} ],\n"n":1.0 }'
    call = Call("req_1", Operation.CHAT, "m", body, 0.0, stream=True)
    transcript = transcript_of(call, "Good", ' "day"\n', "é")
    assert transcript.continuable
    addition = b',{"role":"assistant","content":"Good \\"day\\"\\n\xc3\xa9"}'
    assert transcript.prefilled(call).body == body.replace(b"} ]", b"} " + addition + b"]")
    assert transcript.restarted(call) is call


def test_messages_are_found_though_the_word_occurs_elsewhere() -> None:
    """Inside a text, deeper down, and after the list."""
    messages = [{"role": "user", "content": '"messages":[1,2]'}]
    call = call_with(metadata={"messages": [1]}, messages=messages, x=["]"])
    prefilled = transcript_of(call, "yes").prefilled(call)
    said = {"role": "assistant", "content": "yes"}
    assert json.loads(prefilled.body) == {**json.loads(call.body), "messages": [*messages, said]}


@pytest.mark.parametrize("tail", ["\n\n", " ", "\u00a0\t", ""])
def test_white_space_at_the_end_is_not_sent(tail: str) -> None:
    """Some targets refuse it, and every model says it again."""
    call = call_with()
    transcript = transcript_of(call, "Hello", tail)
    assert last_message(transcript.prefilled(call)) == {"role": "assistant", "content": "Hello"}
    assert transcript.said == "Hello" + tail


@pytest.mark.parametrize("said", ["", " \n"])
def test_with_nothing_said_the_call_stays_as_it_is(said: str) -> None:
    """A break inside the reasoning, or after white space."""
    call = call_with(max_tokens=10)
    transcript = transcript_of(call, said)
    transcript.take(delta(FIRST, reasoning_content="hmm"))
    assert transcript.continuable
    assert transcript.prefilled(call) is call


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("allowed", "left"),
    [(100, 90), (12, 2), (11, 1), (5, 1), (2, 1), (1, 1), (0, 0), ("x", "x"), (None, None)],
)
def test_the_limit_shrinks_by_what_was_said(name: str, allowed: object, left: object) -> None:
    """Four bytes are taken for a token, and at least one is left."""
    fields: dict[str, object] = {name: allowed}
    call = call_with(Operation.CHAT, stream=True, **fields)
    prefilled = transcript_of(call, "x" * 40).prefilled(call)
    assert json.loads(prefilled.body)[name] == left
    assert transcript_of(call, "x" * 40).restarted(call) is call


def test_a_completion_goes_on_in_its_prompt() -> None:
    """There the text is simply longer; escapes are the caller's and ours."""
    before, after = b'{"prompt": "Say \\u201chi\\u201d: ', b'", "model":"m"}'
    call = Call("req_1", Operation.COMPLETION, "m", before + after, 0.0, stream=True)
    transcript = Transcript(call)
    transcript.take(event_of({**FIRST, "choices": [{"index": 0, "text": '"hi"\n'}]}))
    assert transcript.continuable
    assert transcript.prefilled(call).body == before + b'\\"hi\\"' + after


POSSIBLE = [
    call_with(),
    call_with(n=1, stop=None, logprobs=False, tools=[{"type": "function"}], temperature=0),
    call_with(response_format={"type": "text"}, modalities=["text"], audio=None),
    call_with(messages=[{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]),
    call_with(Operation.COMPLETION, best_of=1, echo=False, suffix=""),
]
IMPOSSIBLE = [
    call_with(stream=False),
    call_with(Operation.EMBEDDING),
    call_with(n=2),
    call_with(response_format={"type": "json_object"}),
    call_with(response_format={"type": "json_schema", "json_schema": {}}),
    call_with(logprobs=True),
    call_with(top_logprobs=2),
    call_with(modalities=["text", "audio"]),
    call_with(audio={"voice": "x"}),
    call_with(response_format="json"),
    call_with(Operation.RESPONSE, messages=[{"role": "user", "content": "go"}]),
    Call("r", Operation.COMPLETION, "m", b'{"prompt":"a","prompt":"b"}', 0.0, stream=True),
    call_with(guided_json={"type": "object"}),
    call_with(grammar="root ::= x"),
    call_with(messages=[]),
    call_with(messages="hi"),
    call_with(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
    call_with(Operation.COMPLETION, prompt=["a", "b"]),
    call_with(Operation.COMPLETION, prompt=[1, 2]),
    call_with(Operation.COMPLETION, best_of=3),
    call_with(Operation.COMPLETION, echo=True),
    call_with(Operation.COMPLETION, suffix="end"),
    Call("r", Operation.CHAT, "m", b'{"messages":[1],"messages":[{}]}', 0.0, stream=True),
    Call("r", Operation.CHAT, "m", b"[]", 0.0, stream=True),
    Call("r", Operation.CHAT, "m", b"{", 0.0, stream=True),
]


@pytest.mark.parametrize("call", POSSIBLE, ids=lambda call: call.body.decode())
def test_a_request_for_plain_text_can_be_continued(call: Call) -> None:
    """Defaults that are spelled out change nothing; tools may be offered."""
    assert transcript_of(call, "hello").continuable


@pytest.mark.parametrize("call", IMPOSSIBLE, ids=lambda call: call.body.decode())
def test_any_other_request_cannot(call: Call) -> None:
    """Several answers, a form that a seam could break, a place that is taken, or no stream."""
    assert not transcript_of(call, "hello").continuable


@pytest.mark.parametrize(
    "event",
    [
        delta(FIRST, tool_calls=[{"index": 0, "id": "x"}]),
        delta(FIRST, function_call={"name": "f"}),
        delta(FIRST, refusal="no"),
        delta(FIRST, audio={"id": "a"}),
        delta(FIRST, reasoning_details=[{"type": "reasoning.encrypted"}]),
        delta(FIRST, nobody_knows="this"),
        delta(FIRST, content=[{"type": "text", "text": "x"}]),
        delta(FIRST, index=1, content="x"),
        delta(FIRST, "stop"),
        delta(FIRST, "length", content="x"),
        event_of({**FIRST, "choices": [{"delta": {"content": "x"}, "logprobs": {"content": []}}]}),
        event_of({**FIRST, "choices": [{"delta": {"content": "x"}}, {"delta": {"content": "y"}}]}),
        event_of({**FIRST, "choices": 3}),
        event_of([1]),
        DONE,
    ],
    ids=lambda event: event.data.decode(),
)  # fmt: skip
def test_what_is_not_plain_text_ends_it(event: object) -> None:
    """Whatever comes afterwards."""
    call = call_with()
    transcript = transcript_of(call, "hello")
    transcript.take(event)  # type: ignore[arg-type]
    transcript.take(delta(FIRST, content="x"))
    assert not transcript.continuable
    assert transcript.said == ""


@pytest.mark.parametrize(
    "event",
    [
        PING,
        delta(FIRST),
        delta(FIRST, content=""),
        delta(FIRST, content=None, refusal=None, tool_calls=None),
        delta(FIRST, reasoning="hm"),
        delta(FIRST, reasoning_content="hm", content=None),
        event_of({**FIRST, "choices": [], "prompt_filter_results": [1]}),
        event_of({**FIRST, "choices": [{"delta": {}, "content_filter_results": {"hate": 1}}]}),
        event_of({**FIRST, "choices": [], "usage": {"completion_tokens": 1}}),
    ],
    ids=lambda event: event.data.decode(),
)
def test_what_says_nothing_does_not(event: object) -> None:
    """Pings, empty deltas, reasoning, what a provider adds around the choices."""
    call = call_with()
    transcript = transcript_of(call, "hello")
    transcript.take(event)  # type: ignore[arg-type]
    assert transcript.continuable
    assert transcript.said == "hello"


@pytest.mark.parametrize("stop", ["END", ["x", "END"]])
@pytest.mark.parametrize(
    ("said", "continuable"), [("the E", False), ("EN", False), ("the e", True), ("a E b", True)]
)
def test_a_stop_sequence_that_may_have_begun_is_a_trap(
    stop: object, said: str, continuable: bool
) -> None:
    """The next target would see only the rest of it, and not stop there."""
    assert transcript_of(call_with(stop=stop), said).continuable is continuable


def test_a_stop_sequence_of_white_space_is_none() -> None:
    """White space at the end is said again, so the whole sequence is seen."""
    assert transcript_of(call_with(stop=["\n\n"]), "the\n").continuable


def test_halves_of_a_character_are_put_together() -> None:
    """Some providers cut between surrogates; the end of a text may be such a half."""
    call = call_with()
    transcript = transcript_of(call, "a\ud83d")
    assert not transcript.continuable
    transcript.take(delta(FIRST, content="\ude00"))
    assert transcript.continuable
    assert transcript.said == "a\U0001f600"
    assert last_message(transcript.prefilled(call)) == {
        "role": "assistant",
        "content": "a\U0001f600",
    }


def test_a_very_long_text_is_given_up() -> None:
    """Memory is bounded: beyond 1 MiB nothing is kept."""
    transcript = Transcript(call_with())
    for _ in range(17):
        transcript.take(delta(FIRST, content="x" * (MOST_REMEMBERED // 16)))
    assert not transcript.continuable
    assert transcript.said == ""
    assert repr(transcript).endswith("over>")


def test_the_identity_is_that_of_the_first_choice() -> None:
    """Azure sends a chunk without one before; what comes later changes nothing."""
    transcript = Transcript(call_with())
    transcript.take(event_of({"id": "", "model": "", "choices": []}))
    for event in (*text(FIRST, "a"), event_of({**FIRST, "id": "x", "choices": [{"delta": {}}]})):
        transcript.take(event)
    assert transcript.identity == FIRST


def test_the_repr_shows_the_state() -> None:
    """How much was said, and that it is open."""
    assert repr(transcript_of(call_with(), "four")) == "<Transcript characters=4 open>"
