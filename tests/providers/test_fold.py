"""Chunks become the body that OpenAI would have given."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.call import Call, Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.operation import Operation
from elizanet.providers import fold
from elizanet.providers.fold import Fold, FoldedAnswer, asking_for_stream, can_be_folded

HEAD = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
TOLD = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def chunk(index: int = 0, finish: str | None = None, **delta: object) -> dict[str, object]:
    return {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def folded(*chunks: object) -> dict[str, object]:
    whole = Fold()
    for each in chunks:
        whole.take(each if isinstance(each, bytes) else json.dumps(each).encode())
    assert repr(whole).startswith("<Fold choices=")
    body: dict[str, object] = json.loads(whole.body())
    return body


def message(*deltas: Mapping[str, object]) -> object:
    choices = folded(*(chunk(**delta) for delta in deltas))["choices"]  # type: ignore[arg-type]
    return choices[0]["message"]  # type: ignore[index]


def test_a_stream_becomes_a_chat_completion() -> None:
    """Every field is where a whole answer has it."""
    body = folded(
        {**HEAD, "choices": [], "prompt_filter_results": [1]},
        {**chunk(role="assistant", content="", refusal=None), "service_tier": "default"},
        b"",
        {**chunk(content="Hello"), "system_fingerprint": "fp", "usage": None},
        chunk(content=" there"),
        chunk(finish="stop"),
        {**HEAD, "choices": [], "usage": TOLD},
        b"[DONE]",
    )
    assert body == {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "prompt_filter_results": [1],
        "service_tier": "default",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there", "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": TOLD,
    }
    assert list(body)[-2:] == ["choices", "usage"]


def test_tool_calls_are_merged_by_their_index() -> None:
    """Arguments are joined; the index belongs to the stream; there is no content."""
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    second = {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}
    told = message(
        {"role": "assistant", "content": None, "tool_calls": [first]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [second, {"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    )
    assert told == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }


def call_of(id_: str | None, name: str | None, arguments: str, **more: object) -> dict[str, object]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"function": function, **({"id": id_} if id_ else {}), **more}


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        # Ollama gave the index 0 to every call, and each call whole
        ([[call_of("a", "f", "1", index=0)], [call_of("b", "f", "2", index=0)],
          [call_of(None, None, "3", index=0)]], {"a": "1", "b": "23"}),
        # no index at all: a call begins with its name, and the last one goes on
        ([[call_of("a", "f", "1")], [call_of("b", "f", "2")]], {"a": "1", "b": "2"}),
        ([[call_of("a", "f", ""), call_of("b", "f", "")], [call_of(None, None, "2")]],
         {"a": "", "b": "2"}),
        ([[call_of("a", None, "1")], [call_of(None, None, "2")], [call_of("b", "f", "")]],
         {"a": "12", "b": ""}),
        # name and id are repeated in every delta
        ([[call_of("a", "f", "", index=0)], [call_of("a", "f", "1", index=0)],
          [call_of("b", "f", "2", index=1)]], {"a": "1", "b": "2"}),
        # the id comes late, empty before, or is another one in every delta
        ([[call_of(None, "f", "1", index=0)], [call_of("a", None, "", index=0)],
          [call_of("b", "f", "2", index=1)], [call_of("z", None, "", index=1)]],
         {"a": "1", "b": "2"}),
        ([[{"id": "", "index": 0, "function": None}], [call_of("a", "f", "1", index=0)],
          [call_of("b", "f", "", index=1)]], {"a": "1", "b": ""}),
        # two calls come in an odd order
        ([[call_of("b", "f", "2", index=1)], [call_of("a", "f", "1", index=0)]],
         {"a": "1", "b": "2"}),
    ],
)  # fmt: skip
def test_tool_calls_of_odd_providers_are_told_apart(
    deltas: list[list[object]], expected: dict[str, str]
) -> None:
    """Neither are two calls taken for one, nor one for two."""
    told = message(*({"tool_calls": calls} for calls in deltas))
    calls = told["tool_calls"]  # type: ignore[index]
    assert {call["id"]: call["function"]["arguments"] for call in calls} == expected
    assert {call["function"].get("name", "f") for call in calls} == {"f"}


def test_what_is_no_tool_call_stays_where_it_is() -> None:
    """A provider's null in the list is not ours to judge."""
    assert message({"tool_calls": [None]}, {"tool_calls": [None, {"id": "a"}]}) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [None, None, {"id": "a"}],
    }


def test_the_last_value_holds_of_what_is_told_again_and_again() -> None:
    """Null says nothing, but a field that was only ever null is told."""
    body = folded({**HEAD, "a": None, "b": 1, "c": 1}, {"a": 2, "b": None, "c": 3, "d": None})
    assert body == {**HEAD, "object": "chat.completion", "a": 2, "b": 1, "c": 3, "d": None,
                    "choices": []}  # fmt: skip


def test_the_older_function_call_is_merged_too() -> None:
    """A name in pieces is joined, a repeated one is not."""
    told = message(
        {"role": "assistant", "content": None, "function_call": {"name": "get_", "arguments": ""}},
        {"function_call": {"name": "weather", "arguments": "{"}},
        {"function_call": {"arguments": "}"}},
    )
    assert told == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "get_weather", "arguments": "{}"},
    }


def test_a_refusal_is_the_answer() -> None:
    """OpenAI streams an empty content before it; a whole answer has null there."""
    told = message({"role": "assistant", "content": "", "refusal": None}, {"refusal": "I "},
                   {"refusal": "won't"})  # fmt: skip
    assert told == {"role": "assistant", "content": None, "refusal": "I won't"}


def test_what_is_said_before_a_tool_call_stays() -> None:
    """Content is null only where there is none; the role is the provider's."""
    calls = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]
    told = message({"role": "model", "content": "Let me see"}, {"tool_calls": calls})
    assert told == {"role": "model", "content": "Let me see", "tool_calls": calls}


def test_a_choice_without_an_index_is_the_first() -> None:
    """Some providers leave it out where there is one choice only."""
    body = folded({"choices": [{"delta": {"content": "a"}}]}, chunk(content="b"))
    assert [choice["message"]["content"] for choice in body["choices"]] == ["ab"]  # type: ignore[attr-defined]


def test_reasoning_and_fields_of_tomorrow_are_kept() -> None:
    """Texts are joined, lists appended, items merged by index, objects merged, numbers last."""
    told = message(
        {"role": "assistant", "reasoning_content": "let ", "n": 1, "list": [1], "o": {"a": "x"}},
        {"role": "assistant", "reasoning_content": "me", "n": 2, "list": [2], "o": {"b": None}},
        {"details": [{"index": 0, "type": "text", "text": "a"}], "o": {"a": "y"}},
        {"details": [{"index": 0, "type": "text", "text": "b", "signature": "s"}], "n": None},
        {"content": "yes", "annotations": [{"type": "url"}]},
        {"annotations": [{"type": "url"}], "details": [{"index": 1, "type": "more"}]},
    )
    assert told == {
        "role": "assistant",
        "content": "yes",
        "reasoning_content": "let me",
        "n": 2,
        "list": [1, 2],
        "o": {"a": "xy", "b": None},
        "details": [
            {"index": 0, "type": "text", "text": "ab", "signature": "s"},
            {"index": 1, "type": "more"},
        ],
        "annotations": [{"type": "url"}, {"type": "url"}],
    }


def test_content_in_parts_is_not_lost_beside_text() -> None:
    """Mistral streams its thinking as parts, and the answer as text."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = message({"content": [thinking]}, {"content": "4"}, {"content": "2"})
    said = [each["text"] for each in parts["content"][1:]]  # type: ignore[index]
    assert parts["content"][0] == thinking  # type: ignore[index]
    assert "".join(said) == "42"
    after = message({"content": "4"}, {"content": "2"}, {"content": [thinking]})
    assert after["content"] == [{"type": "text", "text": "42"}, thinking]  # type: ignore[index]


def test_several_choices_are_in_order() -> None:
    """However their chunks came."""
    body = folded(chunk(1, content="b"), chunk(0, content="a"), chunk(1, "length"),
                  chunk(0, "stop"))  # fmt: skip
    assert [
        (choice["index"], choice["message"]["content"], choice["finish_reason"])
        for choice in body["choices"]  # type: ignore[attr-defined]
    ] == [(0, "a", "stop"), (1, "b", "length")]


def test_logprobs_are_concatenated() -> None:
    """Of chats and of completions; null stays null."""
    token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    body = folded(*(
        {**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}]}
        for logprobs in ({"content": [token], "refusal": None}, None, {"content": [token, token]})
    ))  # fmt: skip
    assert body["choices"][0]["logprobs"] == {"content": [token] * 3, "refusal": None}  # type: ignore[index]


def test_completions_are_folded() -> None:
    """Their text is in the choice itself."""
    head = {**HEAD, "object": "text_completion"}
    pieces = [
        {"text": "a", "index": 0, "logprobs": {"tokens": ["a"], "top_logprobs": [{"a": -1}]}},
        {"text": "b", "index": 0, "logprobs": {"tokens": ["b"], "top_logprobs": [{"index": -1}]}},
        {"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"},
    ]
    assert folded(*({**head, "choices": [piece]} for piece in pieces)) == {
        **head,
        "choices": [
            {
                "index": 0,
                "text": "ab",
                "logprobs": {"tokens": ["a", "b"], "top_logprobs": [{"a": -1}, {"index": -1}]},
                "finish_reason": "stop",
            }
        ],
    }


def test_a_stream_in_halves_of_characters_becomes_whole_ones() -> None:
    """The body is valid UTF-8 or escapes that any parser joins."""
    assert message({"content": "a\ud83d"}, {"content": "\ude00b"})["content"] == "a\U0001f600b"  # type: ignore[index]


@given(st.text(), st.lists(st.integers(1, 9), min_size=1))
def test_any_text_in_any_pieces_is_the_same_text(text: str, sizes: list[int]) -> None:
    """Nothing is lost between the chunks."""
    pieces = []
    rest, turn = text, 0
    while rest:
        size = sizes[turn % len(sizes)]
        pieces.append({"content": rest[:size]})
        rest, turn = rest[size:], turn + 1
    assert message({"role": "assistant", "content": ""}, *pieces) == {
        "role": "assistant",
        "content": text,
    }


def call_with(
    operation: Operation = Operation.CHAT, *, stream: bool = False, **fields: object
) -> Call:
    return Call("r", operation, "m", json.dumps(fields).encode(), 0.0, stream=stream)


@pytest.mark.parametrize(
    ("call", "folds"),
    [
        (call_with(), True),
        (call_with(n=3, tools=[{}], response_format={"type": "json_object"}), True),
        (call_with(Operation.COMPLETION, best_of=1), True),
        (call_with(modalities=["text"], audio=None), True),
        (call_with(stream=True), False),
        (call_with(Operation.EMBEDDING), False),
        (call_with(Operation.COMPLETION, best_of=2), False),
        (call_with(modalities=["text", "audio"]), False),
        (call_with(audio={"voice": "x"}), False),
        (Call("r", Operation.CHAT, "m", b"[]", 0.0), False),
    ],
    ids=lambda value: value.body.decode() if isinstance(value, Call) else str(value),
)
def test_what_can_be_folded(call: Call, folds: bool) -> None:
    """A whole answer of text, whose stream says the same."""
    assert can_be_folded(call) is folds


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (b'{"a":1}', b'{"stream_options":{"include_usage":true},"stream":true,"a":1}'),
        (
            b'{"a" : 1.0,"stream": false}',
            b'{"stream_options":{"include_usage":true},"a" : 1.0,"stream": true}',
        ),
        (
            b'{"stream":null,"stream_options":{"include_usage":true}}',
            b'{"stream":true,"stream_options":{"include_usage":true}}',
        ),
    ],
)
def test_a_stream_is_asked_for_and_nothing_else(body: bytes, asking: bytes) -> None:
    """Other bytes stay as the caller wrote them."""
    assert asking_for_stream(body) == asking


class Scripted:
    """A stream of these events; the last one may be an error."""

    def __init__(self, *events: Event | ProviderError) -> None:
        headers = (("content-type", "text/event-stream"), ("x-request-id", "r"))
        self.head = Head(200, headers, "p", "m")
        self._events = deque(events)
        self.is_closed = False

    async def next(self) -> Event | None:
        event = self._events.popleft() if self._events else None
        if isinstance(event, ProviderError):
            raise event
        return event

    async def aclose(self) -> None:
        self.is_closed = True


def event_of(data: object, kind: EventKind) -> Event:
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Event(b"data: %b\n\n" % payload, payload, kind)


STREAM = (
    Event(b": ping\n\n", b"", EventKind.PREAMBLE),
    event_of(chunk(content="a"), EventKind.CONTENT),
    event_of(chunk(finish="stop"), EventKind.END),
    event_of(b"[DONE]", EventKind.END),
)


async def taken(answer: FoldedAnswer) -> Sequence[Event]:
    events = []
    while (event := await answer.next()) is not None:
        events.append(event)
    return events


async def test_a_folded_answer_shows_its_progress_and_then_its_body() -> None:
    """Nothing has bytes but the body, which is checked."""
    checked: list[bytes] = []
    ping, content, *rest = STREAM
    inner = Scripted(ping, content, ping, *rest)
    answer = FoldedAnswer(inner, checked.append)
    *before, body = await taken(answer)
    assert before == [Event(b"", b"", EventKind.PROGRESS)] * 3
    assert checked == [body.raw]
    assert body.kind is EventKind.CONTENT
    assert json.loads(body.raw)["choices"][0]["message"]["content"] == "a"
    assert answer.head.headers == (("x-request-id", "r"), ("content-type", "application/json"))
    assert "FoldedAnswer" in repr(answer)
    await answer.aclose()
    assert inner.is_closed
    assert await answer.next() is None


async def test_a_closed_answer_gives_nothing_more() -> None:
    """Whatever is left upstream."""
    answer = FoldedAnswer(Scripted(*STREAM), lambda body: None)
    await answer.aclose()
    assert await answer.next() is None


async def test_a_stream_that_breaks_is_no_answer() -> None:
    """Whatever had come before."""
    broken = ProviderError("cut", verdict_for(FailureClass.STREAM_INTERRUPTED))
    answer = FoldedAnswer(Scripted(*STREAM[:2], broken), lambda body: None)
    await answer.next()
    with pytest.raises(ProviderError, match="cut"):
        await answer.next()


async def test_a_body_that_is_refused_is_no_answer() -> None:
    """The check of the call holds for a folded answer, too."""

    def refuse(body: bytes) -> None:
        raise ProviderError("no", verdict_for(FailureClass.MALFORMED_RESPONSE))

    with pytest.raises(ProviderError, match="no"):
        await taken(FoldedAnswer(Scripted(*STREAM), refuse))


async def test_a_stream_without_bound_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of one answer is bounded."""
    monkeypatch.setattr(fold, "MAX_FOLDED_BYTES", 200)
    answer = FoldedAnswer(Scripted(*[STREAM[1]] * 3), lambda body: None)
    with pytest.raises(ProviderError, match="more than 200 bytes") as caught:
        await taken(answer)
    assert caught.value.failure_class is FailureClass.MALFORMED_RESPONSE
