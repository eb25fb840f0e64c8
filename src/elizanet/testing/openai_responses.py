"""Responses: an answer that names the provider and the prompt, and can be asked for again."""

from __future__ import annotations

import re
import time

from elizanet.testing.openai_errors import ApiError
from elizanet.testing.openai_typed import TypedStream
from elizanet.testing.question import Json, Question, RefusedError, invalid, plain_text, tokens_in
from elizanet.testing.reply import EventKind, HttpReply, json_reply

WORDS_ECHOED = 8
MOST_TOKENS = 1_000_000

_PIECE = re.compile(r"\s*\S+")


def responses(question: Question) -> HttpReply:
    """Answer `responses`, whole or as a stream.

    A `previous_response_id` has to be one of this provider's own.
    """
    previous = question.text("previous_response_id")
    if previous and not is_own(question.provider, previous):
        raise _not_found(previous)
    prompt = _prompt(question)
    answer = f"{question.provider} answers: {' '.join(prompt.split()[:WORDS_ECHOED])}"
    pieces = _PIECE.findall(answer)
    limit = question.integer("max_output_tokens", MOST_TOKENS, MOST_TOKENS)
    cut, pieces = len(pieces) > limit, pieces[:limit]
    text = "".join(pieces)
    item = _item(question, text, "incomplete" if cut else "completed")
    response = {
        **_begun(question),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [item],
        "usage": _usage(prompt, len(pieces)),
    }
    return _stream(question, pieces, response) if question.stream else json_reply(response)


def stored(provider: str, method: str, endpoint: str) -> HttpReply:
    """Answer `GET`, `DELETE` and `POST .../cancel` of a response by its id."""
    name, _, action = endpoint.removeprefix("responses/").partition("/")
    if not is_own(provider, name):
        raise _not_found(name)
    if method == "DELETE" and not action:
        return json_reply({"id": name, "object": "response", "deleted": True})
    status = "cancelled" if action == "cancel" else "completed"
    return json_reply({"id": name, "object": "response", "status": status, "output": []})


def is_own(provider: str, name: str) -> bool:
    """Whether the id is that of a response of this provider."""
    return name.startswith(f"resp_{provider}_")


def _not_found(name: str) -> RefusedError:
    message = f"Response with id '{name}' not found."
    return RefusedError(ApiError(404, "invalid_request_error", message))


def _prompt(question: Question) -> str:
    given = question.body.get("input")
    if not given:
        raise invalid("Missing required parameter: 'input'.", "input")
    if isinstance(given, list):
        said = [each.get("content") for each in given if isinstance(each, dict)]
        return " ".join(filter(None, map(plain_text, said)))
    return plain_text(given)


def _begun(question: Question) -> Json:
    return {
        "id": f"resp_{question.provider}_{question.number}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": question.body.get("instructions"),
        "model": question.model,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _item(question: Question, text: str, status: str) -> Json:
    return {
        "id": f"msg_{question.number}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def _usage(prompt: str, tokens: int) -> Json:
    asked = tokens_in(prompt)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + tokens,
    }


def _stream(question: Question, pieces: list[str], response: Json) -> HttpReply:
    stream, text = TypedStream(), "".join(pieces)
    item = {**_item(question, text, "completed")}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    begun = _begun(question)
    stream.add(EventKind.PREAMBLE, "response.created", {"response": begun})
    stream.add(EventKind.PREAMBLE, "response.in_progress", {"response": begun})
    added = {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}}
    stream.add(EventKind.PREAMBLE, "response.output_item.added", added)
    part = {"type": "output_text", "text": "", "annotations": []}
    stream.add(EventKind.PREAMBLE, "response.content_part.added", {**place, "part": part})
    for piece in pieces:
        stream.add(
            EventKind.CONTENT,
            "response.output_text.delta",
            {**place, "delta": piece, "logprobs": []},
        )
    done = {**place, "text": text, "logprobs": []}
    stream.add(EventKind.USAGE, "response.output_text.done", done)
    part = {**part, "text": text}
    stream.add(EventKind.USAGE, "response.content_part.done", {**place, "part": part})
    stream.add(EventKind.USAGE, "response.output_item.done", {"output_index": 0, "item": item})
    stream.add(EventKind.FINISH, f"response.{response['status']}", {"response": response})
    return stream.reply()
