"""One call of an agent's model as the host takes it, and what comes back of one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass

from elizanet import DegradedVector, ModelType
from elizaos_plugin_elizanet_fallback.agent import asked
from elizaos_plugin_elizanet_fallback.names import key_of

Params = Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class HostCall:
    """The arguments of `use_model`, and when it was called (seconds, `time.perf_counter`)."""

    model_type: str | ModelType
    params: Params
    kwargs: Mapping[str, object]
    began: float

    @property
    def is_embedding(self) -> bool:
        return key_of(self.model_type) == ModelType.TEXT_EMBEDDING

    @property
    def given(self) -> object:
        """What a handler is given: the host takes parameters in two ways."""
        if isinstance(self.params, Mapping):
            return {**self.params, **self.kwargs}
        return self.params or dict(self.kwargs)


def degraded_in(answer: object) -> DegradedVector | None:
    """Return the marker vector that an answer is, or that it begins with."""
    first = answer[0] if isinstance(answer, list) and answer else None
    return next((v for v in (answer, first) if isinstance(v, DegradedVector)), None)


def vector_length(answer: object) -> int | None:
    """Return the length of an embedding, or of the first of several; None if it is none."""
    if not isinstance(answer, list) or not answer or degraded_in(answer) is not None:
        return None
    return len(answer[0]) if isinstance(answer[0], list) else len(answer)


def closing(stream: AsyncIterator[str]) -> AbstractAsyncContextManager[AsyncIterator[str]]:
    """Close what can be closed: another plugin's wrapper may be a plain iterator."""
    return aclosing(stream) if isinstance(stream, AsyncGenerator) else nullcontext(stream)


async def asked_stream(stream: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Pass a stream on whose handler is to know that it was meant.

    A handler begins when its first piece is asked for; the mark must not be set while a
    piece is with the caller.
    """
    async with closing(stream):
        with asked():
            first = await first_piece(stream)
        if first:
            yield first
        async for piece in stream:
            yield piece


async def first_piece(stream: AsyncIterator[str]) -> str:
    """Return the first piece that is not empty, "" if there is none."""
    async for piece in stream:
        if piece:
            return piece
    return ""
