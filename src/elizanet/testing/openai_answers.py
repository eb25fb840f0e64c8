"""The good answers of an OpenAI-compatible provider: same question, same answer."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from elizanet.testing.openai_audio import speech, transcriptions, translations
from elizanet.testing.openai_embeddings import embeddings
from elizanet.testing.openai_errors import NAMED, ApiError
from elizanet.testing.openai_files import create_file, stored_file
from elizanet.testing.openai_images import edits, images, picture, variations
from elizanet.testing.openai_moderations import moderations
from elizanet.testing.openai_responses import responses, stored
from elizanet.testing.openai_text import chat, completions
from elizanet.testing.question import Question, RefusedError
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply, json_reply

MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "dall-e-3",
)
"""The models listed by a provider that was given none; it then answers for any model."""

MODEL_CREATED = 1_700_000_000

_POST: dict[str, Callable[[Question], HttpReply]] = {
    "chat/completions": chat,
    "completions": completions,
    "embeddings": embeddings,
    "images/generations": images,
    "images/edits": edits,
    "images/variations": variations,
    "audio/speech": speech,
    "audio/transcriptions": transcriptions,
    "audio/translations": translations,
    "moderations": moderations,
    "responses": responses,
}
_DEFAULT_MODELS = {
    "images/generations": "dall-e-2",
    "images/edits": "dall-e-2",
    "images/variations": "dall-e-2",
    "moderations": "omni-moderation-latest",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """A provider that works: `name` signs its texts, `models` bounds what it serves."""

    name: str
    models: tuple[str, ...] | None = None
    api_key: str | None = None

    def answer(self, request: ReceivedRequest, base_url: str, number: int) -> HttpReply:
        """The answer to any request; `number` makes ids, `base_url` makes links."""
        try:
            return self._route(request, base_url, number)
        except RefusedError as refused:
            return refused.error.reply(refused.model)

    def _route(self, request: ReceivedRequest, base_url: str, number: int) -> HttpReply:
        endpoint = request.endpoint
        if request.method == "GET" and endpoint.startswith("pictures/"):
            return picture(endpoint)
        self._check_key(request)
        in_api = request.path.startswith("/v1/")
        if in_api and request.method == "GET" and endpoint == "models":
            return json_reply({"object": "list", "data": [self._model(m) for m in self._listed]})
        if in_api and request.method == "GET" and endpoint.startswith("models/"):
            name = endpoint.removeprefix("models/")
            self._check_model(name)
            return json_reply(self._model(name))
        if in_api and (reply := self._kept(request, number)) is not None:
            return reply
        if not in_api or request.method != "POST" or endpoint not in _POST:
            told = f"Invalid URL ({request.method} {request.path})"
            raise RefusedError(ApiError(404, "invalid_request_error", told))
        question = Question(self.name, base_url, number, request, _DEFAULT_MODELS.get(endpoint, ""))
        self._check_model(question.model)
        return _POST[endpoint](question)

    def _kept(self, request: ReceivedRequest, number: int) -> HttpReply | None:
        """The answer to a request about what this provider keeps, None to any other."""
        method, endpoint = request.method, request.endpoint
        if endpoint.startswith("responses/"):
            return stored(self.name, method, endpoint)
        if endpoint.startswith("files/"):
            return stored_file(self.name, method, endpoint)
        is_upload = method == "POST" and endpoint == "files"
        return create_file(self.name, number, request) if is_upload else None

    @property
    def _listed(self) -> tuple[str, ...]:
        return MODELS if self.models is None else self.models

    def _model(self, name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": MODEL_CREATED, "owned_by": self.name}

    def _check_model(self, model: str) -> None:
        if self.models is not None and model not in self.models:
            raise RefusedError(NAMED["model_not_found"], model)

    def _check_key(self, request: ReceivedRequest) -> None:
        if self.api_key is None:
            return
        scheme, _, key = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise RefusedError(
                ApiError(401, "invalid_request_error", "You didn't provide an API key.")
            )
        if not hmac.compare_digest(_bytes(key.strip()), _bytes(self.api_key)):
            raise RefusedError(NAMED["auth"])


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
