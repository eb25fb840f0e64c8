"""Any API that speaks OpenAI's: OpenAI, LiteLLM, vLLM, Ollama, llama.cpp, and gateways.

The body goes up as the caller wrote it, but for the value of `model`; the answer comes back
as the provider wrote it. A success is checked to be what it claims (`shapes`, `answers`);
whatever else comes is an error with a verdict (`replies`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import msgspec

from elizanet._version import __version__
from elizanet.call import Answer, Call, Head, Headers
from elizanet.classify import Classifier, verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.http import Http, HttpReply, TransportError
from elizanet.http.decoding import ACCEPTED
from elizanet.providers import shapes
from elizanet.providers.answers import BodyAnswer, StreamAnswer
from elizanet.providers.replies import Replies, read_bounded, unreachable
from elizanet.providers.splice import replace_model
from elizanet.settings import Secret

MAX_ANSWER_BYTES: Final = 128 << 20
"""Largest unary answer in bytes (128 MiB: a full batch of embeddings as decimal numbers)."""

_SUCCESS: Final = range(200, 300)
_JSON_BODY: Final[Headers] = (("content-type", "application/json"),)
_BODY_WANTED: Final[Headers] = (("accept", "application/json"), ("accept-encoding", ACCEPTED))
_STREAM_WANTED: Final[Headers] = (("accept", "text/event-stream"), ("accept-encoding", "identity"))
"""A stream is asked for unencoded: a compressor would hold its events back."""

_NO_STREAM: Final = ("json", "html")


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


_decode_models = msgspec.json.Decoder(_Models).decode


class OpenAIProvider:
    """One service that speaks OpenAI's API.

    `base_url` holds the version path and no trailing slash. `headers` are sent with every
    request. `paths` maps an operation to a path of its own, from the root of the host.
    `connect_timeout`, in seconds, is for requests that are no call of a caller's.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        http: Http,
        *,
        api_key: Secret | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        paths: Mapping[str, str] | None = None,
        connect_timeout: float = 3.0,
        classifier: Classifier | None = None,
    ) -> None:
        self.name = name
        self._base_url = base_url
        self._http = http
        self._paths = dict(paths or {})
        self._connect_timeout = connect_timeout
        self._headers = _common_headers(api_key, headers or {})
        own = [key.reveal() for key in (api_key, *(headers or {}).values()) if _is_secret(key)]
        self._replies = Replies(name, classifier or Classifier(), own)

    def __repr__(self) -> str:
        return f"<OpenAIProvider {self.name!r} {self._base_url}>"

    async def send(self, call: Call) -> Answer:
        """Ask the API. Raises `ProviderError`."""
        try:
            body = replace_model(call.body, call.model)
        except ValueError as error:
            raise ProviderError(str(error), verdict_for(FailureClass.BAD_REQUEST)) from None
        headers = _JSON_BODY + (_STREAM_WANTED if call.stream else _BODY_WANTED) + call.headers
        url, connect = self._url(call.operation), call.connect_timeout
        reply = await self._request("POST", url, headers, body, connect)
        try:
            if reply.status not in _SUCCESS:
                raise await self._replies.refusal(reply)
            head = Head(reply.status, reply.headers, self.name, call.model)
            if call.stream and _may_be_stream(reply.headers):
                return StreamAnswer(head, reply, self._replies)
            return BodyAnswer(head, await self._checked_body(call, reply))
        except BaseException:
            reply.close()
            raise

    async def list_models(self) -> tuple[str, ...]:
        """Return the ids that `GET /models` names. Raises `ProviderError`."""
        url, connect = self._url("models"), self._connect_timeout
        reply = await self._request("GET", url, _BODY_WANTED, None, connect)
        try:
            if reply.status not in _SUCCESS:
                raise await self._replies.refusal(reply)
            body = await self._whole_body(reply)
        finally:
            reply.close()
        try:
            return tuple(model.id for model in _decode_models(body).data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._replies.malformed(reply, "not a list of models", body) from None

    def _url(self, operation: str) -> str:
        own = self._paths.get(operation)
        if own is None:
            return f"{self._base_url}/{operation}"
        root = urlsplit(self._base_url)
        return f"{root.scheme}://{root.netloc}/{own.removeprefix('/')}"

    async def _request(
        self, method: str, url: str, headers: Headers, body: bytes | None, connect: float
    ) -> HttpReply:
        try:
            return await self._http.send(
                method, url, self._headers + headers, body, connect_timeout=connect
            )
        except TransportError as error:
            raise unreachable(error) from error

    async def _checked_body(self, call: Call, reply: HttpReply) -> bytes:
        """Return the complete body. Raises `ProviderError` unless it answers the call."""
        body = await self._whole_body(reply)
        if shapes.carries_error(body):
            raise self._replies.error_of(reply, body)
        try:
            if call.stream:
                raise shapes.ShapeError("a whole answer where a stream was asked for")
            shapes.check_shape(call.operation, call.body, body)
            if call.check is not None:
                call.check(body)
        except ValueError as error:
            raise self._replies.malformed(reply, str(error), body) from None
        return body

    async def _whole_body(self, reply: HttpReply) -> bytes:
        try:
            body, complete = await read_bounded(reply, MAX_ANSWER_BYTES)
        except TransportError as error:
            raise unreachable(error) from error
        if not complete:
            raise self._replies.malformed(reply, f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        return body


def _common_headers(api_key: Secret | None, extra: Mapping[str, str | Secret]) -> Headers:
    given: dict[str, Any] = {"user-agent": f"elizanet/{__version__}"}
    if api_key is not None:
        given["authorization"] = f"Bearer {api_key.reveal()}"
    for name, value in extra.items():
        given[name.lower()] = value.reveal() if isinstance(value, Secret) else value
    return tuple(given.items())


def _is_secret(value: object) -> TypeGuard[Secret]:
    return isinstance(value, Secret)


def _may_be_stream(headers: Headers) -> bool:
    kind = next((value for name, value in headers if name == "content-type"), "")
    return not any(word in kind.lower() for word in _NO_STREAM)
