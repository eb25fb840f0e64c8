"""Any API that speaks OpenAI's: OpenAI, LiteLLM, vLLM, Ollama, llama.cpp, and gateways.

The body goes up as the caller wrote it, but for the value of `model`; the answer comes back
as the provider wrote it. A success is checked to be what it claims (`shapes`, `answers`);
whatever else comes is an error with a verdict (`replies`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import msgspec

from elizanet._version import __version__
from elizanet.call import Answer, BodyKind, Call, Head, Headers, Upload
from elizanet.classify import Classifier
from elizanet.errors import ProviderError
from elizanet.http import Http, HttpReply, TransportError
from elizanet.operation import Operation
from elizanet.providers import shapes
from elizanet.providers.additions import Additions
from elizanet.providers.answers import BodyAnswer, PiecesAnswer, StreamAnswer
from elizanet.providers.fold import FoldedAnswer
from elizanet.providers.own_secrets import OwnSecrets
from elizanet.providers.replies import Replies, read_bounded
from elizanet.providers.typed_events import GRAMMARS, follower_for
from elizanet.providers.usage import UsageHidden
from elizanet.providers.wire import (
    BODY_WANTED,
    MAY_IGNORE_STREAM,
    body_for,
    content_type,
    headers_for,
    may_be_audio,
    may_be_stream,
)
from elizanet.settings import Secret
from elizanet.sse import MAX_EVENT_BYTES

MAX_ANSWER_BYTES: Final = 128 << 20
"""Largest unary answer in bytes (128 MiB: a full batch of embeddings as decimal numbers)."""

_SUCCESS: Final = range(200, 300)
_NOT_MODIFIED: Final = 304
_ENCODING: Final[Headers] = (("accept-encoding", "identity"),)
_MAX_TYPED_EVENT_BYTES: Final = 32 << 20
"""Largest event that may hold an image."""


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


_decode_models = msgspec.json.Decoder(_Models).decode


class OpenAIProvider:
    """One service that speaks OpenAI's API.

    `base_url` holds the version path and no trailing slash. `headers` are sent with every
    request. `other_keys` are not sent, but kept out of errors like the one that is. `paths` maps
    an operation to a path of its own, from the root of the host.
    `connect_timeout`, in seconds, is for requests that are no call of a caller's.
    `fold_unary` asks for a stream where the caller wants one whole answer and puts it together,
    `count_usage` asks for the usage of streams and takes it out again (both default to false).
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        http: Http,
        *,
        api_key: Secret | None = None,
        other_keys: Sequence[Secret] = (),
        headers: Mapping[str, str | Secret] | None = None,
        paths: Mapping[str, str] | None = None,
        connect_timeout: float = 3.0,
        classifier: Classifier | None = None,
        fold_unary: bool = False,
        count_usage: bool = False,
    ) -> None:
        self.name = name
        self._base_url = base_url
        self._http = http
        self._paths = dict(paths or {})
        self._urls: dict[str, str] = {}
        self._connect_timeout = connect_timeout
        self._headers = _common_headers(api_key, headers or {})
        own = (api_key, *other_keys, *(headers or {}).values())
        secrets = OwnSecrets(key.reveal() for key in own if _is_secret(key))
        self._replies = Replies(name, classifier or Classifier(), secrets)
        self._additions = Additions(fold_unary=fold_unary, count_usage=count_usage)

    def __repr__(self) -> str:
        return f"<OpenAIProvider {self.name!r} {self._base_url}>"

    async def send(self, call: Call) -> Answer:
        """Ask the API, with what is added to the call, or without if that is refused.

        Raises `ProviderError`.
        """
        asked = self._additions.asked(call)
        try:
            return await self._asked(call, asked)
        except ProviderError as error:
            if asked is call or not self._additions.refused(call, error):
                raise
        return await self._asked(call, call)

    async def forward(
        self, method: str, target: str, headers: Headers, body: bytes | None, rest: Upload | None
    ) -> Answer:
        """Pass on a request that is no call: `target` is its path below `/v1/`, and its query.

        Raises `ProviderError`, also for the API's refusal, which it holds.
        """
        url = f"{self._base_url}/{target}"
        connect = self._connect_timeout
        try:
            reply = await self._request(method, url, headers + _ENCODING, body, connect, rest)
            return await self._passed_on(reply)
        except ProviderError as error:
            error.provider = self.name
            raise

    def folds(self, call: Call) -> bool:
        """Tell whether the whole answer to this call will come as a stream."""
        return self._additions.folds(call)

    async def _asked(self, call: Call, asked: Call) -> Answer:
        """Send `asked`, and return what it answers to `call`."""
        try:
            reply = await self._http.send(
                "POST",
                self._url(call.operation),
                self._headers + headers_for(asked),
                body_for(asked),
                connect_timeout=call.connect_timeout,
                rest=call.form.rest if call.form is not None else None,
            )
            try:
                if reply.status not in _SUCCESS:
                    raise await self._replies.refusal(reply)
                return await self._answer(call, asked, reply)
            except BaseException:
                reply.close()
                raise
        except TransportError as error:
            raise self._replies.unreachable(error) from error

    async def _answer(self, call: Call, asked: Call, reply: HttpReply) -> Answer:
        operation, kind = call.operation, content_type(reply.headers)
        if may_be_stream(asked, kind):
            most = _MAX_TYPED_EVENT_BYTES if operation in GRAMMARS else MAX_EVENT_BYTES
            state = follower_for(operation)
            head = self._head(reply, call.model, BodyKind.EVENTS)
            answer = StreamAnswer(head, reply, self._replies, state, most)
            if asked is call:
                return answer
            if call.stream:
                return UsageHidden(answer)
            return FoldedAnswer(answer, partial(self._check_body, call, reply))
        if operation is Operation.SPEECH and may_be_audio(kind):
            head = self._head(reply, call.model, BodyKind.PIECES)
            return PiecesAnswer(head, reply, self._replies)
        if asked is not call:
            self._additions.give_up(call)
        body = await self._whole_body(reply)
        self._check_body(call, reply, body)
        return BodyAnswer(self._head(reply, call.model, BodyKind.WHOLE), body)

    def _head(self, reply: HttpReply, model: str, body: BodyKind) -> Head:
        return Head(reply.status, reply.headers, self.name, model, body)

    async def _passed_on(self, reply: HttpReply) -> Answer:
        try:
            if reply.status not in _SUCCESS and reply.status != _NOT_MODIFIED:
                raise await self._replies.refusal(reply)
            head = self._head(reply, "", BodyKind.PIECES)
            return PiecesAnswer(head, reply, self._replies, may_be_empty=True)
        except BaseException:
            reply.close()
            raise

    async def list_models(self, headers: Headers = ()) -> tuple[str, ...]:
        """Return the ids that `GET /models` names. Raises `ProviderError`."""
        url, connect = self._url("models"), self._connect_timeout
        reply = await self._request("GET", url, BODY_WANTED + headers, None, connect)
        try:
            if reply.status not in _SUCCESS:
                raise await self._replies.refusal(reply)
            body = await self._whole_body(reply)
        except TransportError as error:
            raise self._replies.unreachable(error) from error
        finally:
            reply.close()
        try:
            return tuple(model.id for model in _decode_models(body).data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._replies.malformed(reply, "not a list of models", body) from None

    def _url(self, operation: str) -> str:
        url = self._urls.get(operation)
        if url is None:
            url = self._urls[operation] = _joined(self._base_url, operation, self._paths)
        return url

    async def _request(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        connect: float,
        rest: Upload | None = None,
    ) -> HttpReply:
        try:
            return await self._http.send(
                method, url, self._headers + headers, body, connect_timeout=connect, rest=rest
            )
        except TransportError as error:
            raise self._replies.unreachable(error) from error

    def _check_body(self, call: Call, reply: HttpReply, body: bytes) -> None:
        """Raise `ProviderError` unless the body answers the call."""
        if shapes.carries_error(body):
            raise self._replies.error_of(reply, body)
        try:
            if call.stream and call.operation not in MAY_IGNORE_STREAM:
                raise shapes.ShapeError("a whole answer where a stream was asked for")
            text_format = call.form.response_format if call.form is not None else "json"
            shapes.check_shape(call.operation, call.body, body, text_format)
            if call.check is not None:
                call.check(body)
        except shapes.ShapeError as error:
            shows = error.shows_body
            raise self._replies.malformed(reply, str(error), body, shows=shows) from None
        except ValueError as error:
            raise self._replies.malformed(reply, str(error), body) from None

    async def _whole_body(self, reply: HttpReply) -> bytes:
        """Return the complete body. Raises `TransportError`, and `ProviderError` for a huge one."""
        body, complete = await read_bounded(reply, MAX_ANSWER_BYTES)
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


def _joined(base_url: str, operation: str, paths: Mapping[str, str]) -> str:
    own = paths.get(operation)
    if own is None:
        return f"{base_url}/{operation}"
    root = urlsplit(base_url)
    return f"{root.scheme}://{root.netloc}/{own.removeprefix('/')}"


def _is_secret(value: object) -> TypeGuard[Secret]:
    return isinstance(value, Secret)
