"""Chat completions and completions: an answer that names the provider and the prompt."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

from elizanet.testing.json_instance import instance_of, requested_schema
from elizanet.testing.question import Json, Question, invalid, plain_text, tokens_in
from elizanet.testing.reply import (
    DONE,
    EventKind,
    HttpReply,
    StreamEvent,
    encode,
    json_reply,
    stream_reply,
)

WORDS_ECHOED = 8
MOST_CHOICES = 16
MOST_TOKENS = 1_000_000

_PIECE = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class _Text:
    """One generated text, as the pieces a stream sends."""

    pieces: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int

    @property
    def whole(self) -> str:
        return "".join(self.pieces)

    def usage(self, choices: int) -> dict[str, int]:
        completion = len(self.pieces) * choices
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }


def chat(question: Question) -> HttpReply:
    """Answer `chat/completions`, whole or as a stream."""
    text = _generate(question, _last_user_text(question), _all_text(question))
    common = {"id": f"chatcmpl-{question.number}", "created": int(time.time())}
    choices = range(question.integer("n", 1, MOST_CHOICES))
    if question.stream:
        return _chat_stream(question, text, common, choices)
    message = {"role": "assistant", "content": text.whole, "refusal": None}
    finished = {"message": message, "logprobs": None, "finish_reason": text.finish_reason}
    return json_reply({
        **common,
        "object": "chat.completion",
        "model": question.model,
        "choices": [{"index": index, **finished} for index in choices],
        "usage": text.usage(len(choices)),
    })  # fmt: skip


def completions(question: Question) -> HttpReply:
    """Answer `completions`, whole or as a stream."""
    if "prompt" not in question.body:
        raise invalid("Missing required parameter: 'prompt'.", "prompt")
    prompt = plain_text(question.body["prompt"])
    text = _generate(question, prompt, prompt)
    head = {
        "id": f"cmpl-{question.number}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": question.model,
    }
    choices = range(question.integer("n", 1, MOST_CHOICES))

    def choice(index: int, piece: str, finish_reason: str | None) -> dict[str, object]:
        rest = {"logprobs": None, "finish_reason": finish_reason}
        return {"text": piece, "index": index, **rest}

    if not question.stream:
        whole = [choice(index, text.whole, text.finish_reason) for index in choices]
        return json_reply({**head, "choices": whole, "usage": text.usage(len(choices))})
    stream = _Stream(head)
    for index in choices:
        for piece in text.pieces:
            stream.add(EventKind.CONTENT, [choice(index, piece, None)])
        stream.add(EventKind.FINISH, [choice(index, "", text.finish_reason)])
    return stream.ended(question, text.usage(len(choices)))


def _chat_stream(question: Question, text: _Text, common: Json, choices: range) -> HttpReply:
    stream = _Stream({**common, "object": "chat.completion.chunk", "model": question.model})

    def choice(index: int, delta: Json, finish_reason: str | None = None) -> list[object]:
        rest = {"logprobs": None, "finish_reason": finish_reason}
        return [{"index": index, "delta": delta, **rest}]

    for index in choices:
        start = {"role": "assistant", "content": "", "refusal": None}
        stream.add(EventKind.PREAMBLE, choice(index, start))
        for piece in text.pieces:
            stream.add(EventKind.CONTENT, choice(index, {"content": piece}))
        stream.add(EventKind.FINISH, choice(index, {}, text.finish_reason))
    return stream.ended(question, text.usage(len(choices)))


class _Stream:
    """The events of a stream, in order."""

    def __init__(self, head: Json) -> None:
        self._head = head
        self._events: list[StreamEvent] = []

    def add(self, kind: EventKind, choices: list[object] | list[dict[str, object]]) -> None:
        self._events.append(StreamEvent(kind, encode({**self._head, "choices": choices})))

    def ended(self, question: Question, usage: Json) -> HttpReply:
        if question.stream_usage:
            last = {**self._head, "choices": [], "usage": usage}
            self._events.append(StreamEvent(EventKind.USAGE, encode(last)))
        return stream_reply([*self._events, DONE])


def _generate(question: Question, prompt: str, everything: str) -> _Text:
    answer = f"{question.provider} answers: {' '.join(prompt.split()[:WORDS_ECHOED])}".strip()
    as_object = _object_text(question, answer)
    pieces = tuple(_PIECE.findall(answer if as_object is None else as_object))
    limit = question.integer("max_tokens", MOST_TOKENS, MOST_TOKENS)
    limit = question.integer("max_completion_tokens", limit, MOST_TOKENS)
    reason = "length" if len(pieces) > limit else "stop"
    return _Text(pieces[:limit], reason, tokens_in(everything))


def _object_text(question: Question, answer: str) -> str | None:
    """The JSON text that `response_format` asks for; None where it asks for plain text."""
    wanted = question.part("response_format")
    if wanted.get("type") == "json_object":
        return json.dumps({"answer": answer}, ensure_ascii=False)
    if wanted.get("type") != "json_schema":
        return None
    schema = requested_schema(wanted)
    if schema is None:
        raise invalid("Missing required parameter: 'response_format.json_schema.schema'.")
    return json.dumps(instance_of(schema), ensure_ascii=False)


def _messages(question: Question) -> list[Json]:
    messages = question.body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("Invalid 'messages': expected an array with at least one message.")
    if not all(isinstance(message, dict) and message.get("role") for message in messages):
        raise invalid("Invalid 'messages': each message needs a role.", "messages")
    return messages


def _last_user_text(question: Question) -> str:
    said = [m for m in _messages(question) if m["role"] == "user"]
    return plain_text(said[-1].get("content")) if said else ""


def _all_text(question: Question) -> str:
    return " ".join(plain_text(message.get("content")) for message in _messages(question))
