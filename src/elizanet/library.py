"""The library: `Elizanet`, one object that answers by model type."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, overload

from elizanet import tokens
from elizanet.call import EventKind
from elizanet.errors import CallFailed, InputError, Verdict
from elizanet.health import LaneState
from elizanet.hooks import Hooks
from elizanet.logs import log_sink
from elizanet.model_types import (
    OBJECT,
    STREAMED,
    TEXT,
    ModelType,
    embedding,
    image,
    model_name,
    model_type,
    structured,
    text,
)
from elizanet.model_types.parameters import Parameters, checked_text, encoded, normalised
from elizanet.model_types.served import OnServed, tell, usage_in
from elizanet.operation import Operation
from elizanet.policy.breaker import BreakerState
from elizanet.providers.shapes import vector_length
from elizanet.records.opening import open_recorder
from elizanet.router import ProviderHealth, Router
from elizanet.settings import Settings, load_settings
from elizanet.stream import CommittedAnswer
from elizanet.telemetry import EmbeddingDegraded, Sink

logger = logging.getLogger("elizanet")

Given = Mapping[str, object] | str | None

_TextType = Literal[
    ModelType.TEXT_SMALL,
    ModelType.TEXT_LARGE,
    ModelType.REASONING_SMALL,
    ModelType.REASONING_LARGE,
    ModelType.TEXT_COMPLETION,
    ModelType.TEXT_TOKENIZER_DECODE,
]


class Elizanet:
    """Answers model calls through chains of providers.

        async with Elizanet.from_env() as net:
            await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})

    `sinks` receive the telemetry events; by default they are logged. Calls are recorded as well,
    where `ELIZANET_DB` says. `hooks` are your own functions (see `Hooks`); each one wins over
    that of the settings. Raises `ConfigurationError` for a hook that cannot be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sinks: Sequence[Sink] = (log_sink,),
        hooks: Hooks | None = None,
    ) -> None:
        self.settings = settings
        self._recorder = open_recorder(settings)
        recorder = () if self._recorder is None else (self._recorder,)
        self._router = Router(settings, sinks=(*sinks, *recorder), hooks=hooks)
        self._plain_objects: set[str] = set()
        for warning in settings.warnings:
            logger.warning("%s", warning)

    @classmethod
    def from_env(
        cls,
        explicit: Mapping[str, object] | None = None,
        *,
        sinks: Sequence[Sink] = (log_sink,),
        hooks: Hooks | None = None,
    ) -> Self:
        """Read the settings from `explicit`, the environment, `.env` and `elizanet.toml`.

        `explicit` holds `ELIZANET_*` names and wins. Raises `ConfigurationError`.
        """
        return cls(load_settings(explicit=explicit or {}), sinks=sinks, hooks=hooks)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        sinks: Sequence[Sink] = (log_sink,),
        hooks: Hooks | None = None,
    ) -> Self:
        """Read the settings from a file, below the environment. Raises `ConfigurationError`."""
        return cls(load_settings(config_file=path), sinks=sinks, hooks=hooks)

    def __repr__(self) -> str:
        return f"<Elizanet {self._router!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to all providers, and write the records that wait."""
        await self._router.aclose()
        if self._recorder is not None:
            await self._recorder.aclose()

    @overload
    async def use_model(
        self, kind: _TextType, params: Given = None, *, on_served: OnServed | None = None
    ) -> str: ...
    @overload
    async def use_model(
        self,
        kind: Literal[ModelType.TEXT_TOKENIZER_ENCODE],
        params: Given = None,
        *,
        on_served: OnServed | None = None,
    ) -> list[int]: ...
    @overload
    async def use_model(
        self,
        kind: Literal[ModelType.TEXT_EMBEDDING],
        params: Given = None,
        *,
        on_served: OnServed | None = None,
    ) -> list[float]: ...
    @overload
    async def use_model(
        self,
        kind: Literal[ModelType.IMAGE],
        params: Given = None,
        *,
        on_served: OnServed | None = None,
    ) -> list[dict[str, str]]: ...
    @overload
    async def use_model(
        self, kind: ModelType | str, params: Given = None, *, on_served: OnServed | None = None
    ) -> object: ...

    async def use_model(
        self, kind: ModelType | str, params: Given = None, *, on_served: OnServed | None = None
    ) -> object:
        """Return the answer of a model of that kind.

        TEXT_*, REASONING_*: `str`. TEXT_EMBEDDING: `list[float]`, or a list of them for a
        list of texts. IMAGE: `[{"url": ...}]`. OBJECT_*: the value. Tokenizers: `list[int]`
        and `str`. Parameter names may be camelCase or snake_case. `on_served` is told who
        answered and the usage. Raises `InputError` for a request that is wrong in itself and
        `CallFailed` if no provider answered.
        """
        wanted = model_type(kind)
        if wanted in STREAMED:
            raise InputError(f"{wanted} is a stream: use stream() for it", param="model_type")
        if wanted in TEXT:
            return await self._text(wanted, params, on_served)
        if wanted in OBJECT:
            return await self._object(wanted, params, on_served)
        match wanted:
            case ModelType.TEXT_EMBEDDING:
                return await self._embedding(params, on_served)
            case ModelType.IMAGE:
                return await self._image(params, on_served)
            case ModelType.TEXT_TOKENIZER_ENCODE:
                return self._encode(params)
            case _:
                return self._decode(params)

    async def stream(
        self, kind: ModelType | str, params: Given = None, *, on_served: OnServed | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the pieces of a text as they arrive.

        A failure before the first piece moves on unseen; one after it raises
        `ProviderError`, so that a cut text is never taken for a whole one. `on_served` is
        told at the end of the text who gave it, and the usage if the stream had it.
        """
        wanted = model_type(kind)
        if wanted not in TEXT:
            raise InputError(f"{wanted} cannot be streamed", param="model_type")
        request = self._text_request(wanted, params, stream=True)
        async with await self._router.send(
            request.operation, request.model, request.body, stream=True
        ) as answer:
            usage = None
            while (event := await answer.next()) is not None:
                if event.kind is EventKind.END:
                    usage = usage_in(event.data) or usage
                if event.data and (piece := text.piece_in(event.data)):
                    yield piece
            tell(on_served, answer, usage)

    async def send(
        self,
        operation: Operation,
        fields: Mapping[str, object],
        *,
        stream: bool = False,
        timeout: float | None = None,
    ) -> CommittedAnswer:
        """Send a request of your own making, and get the raw answer with its attempts.

        `fields` is the request's body and names its `model`. Close the answer, or use it as
        a context manager. Raises as `use_model` does.
        """
        model = checked_text(fields.get("model"), "model", self.settings.max_input_length)
        body = encoded({**fields, "stream": True} if stream else fields)
        return await self._router.send(operation, model, body, stream=stream, timeout=timeout)

    def judge(self, exception: BaseException) -> Verdict:
        """Return what an exception of another client means, by the rules of the chains."""
        return self._router.judge(exception)

    def states(self) -> list[LaneState]:
        """Return what is known of every target that was asked so far."""
        return self._router.states()

    def force(self, target: str, state: Literal["open", "closed"] | None) -> None:
        """Hold the breaker of a target open or closed; None leaves it to the evidence again.

        `target` is "provider/model", or "provider" for all of it. Raises `InputError` for a
        provider that there is not, and for a model that no chain asks it for.
        """
        self._router.force(target, None if state is None else BreakerState(state))

    async def health_check(self) -> dict[str, ProviderHealth]:
        """Ask every provider for its models; the result is true for those that answered."""
        return await self._router.health()

    def _text_request(
        self, wanted: ModelType, params: Given, *, stream: bool = False
    ) -> text.TextRequest:
        return text.text_request(
            normalised(params, "prompt"),
            model_name(wanted, self.settings.model_types),
            most=self.settings.max_input_length,
            stream=stream,
            completion=wanted is ModelType.TEXT_COMPLETION,
        )

    async def _read(self, answer: CommittedAnswer, on_served: OnServed | None) -> bytes:
        body = await answer.read()
        if on_served is not None:
            tell(on_served, answer, usage_in(body))
        return body

    async def _text(self, wanted: ModelType, params: Given, on_served: OnServed | None) -> str:
        request = self._text_request(wanted, params)
        answer = await self._router.send(request.operation, request.model, request.body)
        return text.text_in(await self._read(answer, on_served))

    async def _object(self, wanted: ModelType, params: Given, on_served: OnServed | None) -> object:
        parameters = normalised(params, "prompt")
        reader = structured.ObjectReader(parameters.pop("schema", None))
        default = model_name(wanted, self.settings.model_types)
        model = str(parameters.get("model", default))
        if model not in self._plain_objects:
            try:
                return await self._object_by(reader, parameters, model, on_served, formatted=True)
            except CallFailed as error:
                if not structured.refused_format(error):
                    raise
            self._plain_objects.add(model)
        return await self._object_by(reader, parameters, model, on_served, formatted=False)

    async def _object_by(
        self,
        reader: structured.ObjectReader,
        parameters: Parameters,
        model: str,
        on_served: OnServed | None,
        *,
        formatted: bool,
    ) -> object:
        most = self.settings.max_input_length
        fields = structured.object_fields(parameters, model, reader, most, formatted=formatted)
        answer = await self._router.send(Operation.CHAT, model, encoded(fields), check=reader.check)
        body = await self._read(answer, on_served)
        if self._router.hooks.hooks.process_response is not None:
            with contextlib.suppress(ValueError):  # the value as it was serves, too
                reader.check(body)
        return reader.value

    async def _image(self, params: Given, on_served: OnServed | None) -> list[dict[str, str]]:
        most = self.settings.max_input_length
        fields = image.image_fields(
            normalised(params, "prompt"), self.settings.model_types.image, most
        )
        answer = await self._router.send(Operation.IMAGE, str(fields["model"]), encoded(fields))
        return image.images_in(await self._read(answer, on_served))

    async def _embedding(
        self, params: Given, on_served: OnServed | None
    ) -> list[float] | list[list[float]]:
        parameters: Parameters = {}
        try:
            parameters = normalised(params, "text")
            texts = embedding.texts_of(params, parameters, self.settings.max_input_length)
        except embedding.UnusableText as unusable:
            return self._unusable(unusable)
        try:
            vectors = await self._vectors(texts, parameters, on_served)
        except CallFailed as error:
            if self.settings.embedding_on_failure == "raise":
                raise
            marked = self._degraded(embedding.marker_for(error), str(error))
            vectors = [copy(marked) for _ in ([texts] if isinstance(texts, str) else texts)]
        return vectors[0] if isinstance(texts, str) else vectors

    async def _vectors(
        self, texts: list[str] | str, parameters: Parameters, on_served: OnServed | None
    ) -> list[list[float]]:
        names = self.settings.model_types
        model = checked_text(parameters.pop("model", names.embedding), "model", 1000)
        asked = parameters.get("dimensions", names.embedding_dimensions)

        def check(body: bytes) -> None:
            if (length := vector_length(body)) != asked:
                raise ValueError(f"an embedding of {length} numbers instead of {asked}")

        fields = embedding.embedding_fields(texts, model, names.embedding_dimensions, parameters)
        answer = await self._router.send(Operation.EMBEDDING, model, encoded(fields), check=check)
        return embedding.vectors_in(await self._read(answer, on_served))

    def _unusable(self, unusable: embedding.UnusableText) -> list[float]:
        """A null input asks for the length of the vectors, and always gets one."""
        probe = unusable.marker is embedding.Marker.NULL_INPUT
        if self.settings.embedding_on_failure == "raise" and not probe:
            raise embedding.as_input_error(unusable)
        return self._degraded(unusable.marker, unusable.reason)

    def _degraded(self, marker: embedding.Marker, reason: str) -> embedding.DegradedVector:
        length = self.settings.model_types.embedding_dimensions
        probe = marker is embedding.Marker.NULL_INPUT
        self._router.emit(EmbeddingDegraded(marker.value, reason, probe))
        return embedding.DegradedVector(marker, length, reason)

    def _encode(self, params: Given) -> list[int]:
        parameters = normalised(params, "prompt")
        return tokens.encode(*self._tokenizer_input(parameters))

    def _tokenizer_input(self, parameters: Parameters) -> tuple[str, str]:
        name = next((n for n in ("prompt", "text", "input") if n in parameters), "prompt")
        value = checked_text(parameters.get(name), name, self.settings.max_input_length)
        return value, self._tokenizer_model(parameters)

    def _decode(self, params: Given) -> str:
        parameters = normalised(params, "tokens")
        given = parameters.get("tokens")
        if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
            kind = type(given).__name__
            raise InputError(
                f"`tokens` must be a list of whole numbers, not {kind}", param="tokens"
            )
        return tokens.decode(given, self._tokenizer_model(parameters))

    def _tokenizer_model(self, parameters: Parameters) -> str:
        kind = model_type(str(parameters.get("model_type", ModelType.TEXT_LARGE)))
        return str(parameters.get("model", model_name(kind, self.settings.model_types)))
