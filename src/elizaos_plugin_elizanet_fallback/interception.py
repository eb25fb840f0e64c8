"""The model calls of a runtime, with the fallback behind them.

The host asks one handler and passes its error on, so `use_model` and `use_model_stream` of
this one runtime are replaced by versions that catch it. The fallback itself goes through the
host's own methods, pinned to this plugin: overrides of the LLM mode, trajectories and
whatever else the host does around a call happen to it too.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from elizaos.types.model import LLMMode

from elizanet import ModelType
from elizanet.errors import ProviderError
from elizanet.health import Lane
from elizanet.limit import LimitReached
from elizanet.model_types import STREAMED, TEXT
from elizaos_plugin_elizanet_fallback.agent import AgentFallback, asked
from elizaos_plugin_elizanet_fallback.host_call import (
    HostCall,
    Params,
    asked_stream,
    closing,
    degraded_in,
    first_piece,
    vector_length,
)
from elizaos_plugin_elizanet_fallback.names import PLUGIN_NAME, key_of
from elizaos_plugin_elizanet_fallback.primary import Visit, refusal_of
from elizaos_plugin_elizanet_fallback.records import Fallback, record_of, write_record
from elizaos_plugin_elizanet_fallback.wording import reason_of

if TYPE_CHECKING:
    from elizaos.runtime import AgentRuntime

_UseModel = Callable[..., Awaitable[object]]
_UseModelStream = Callable[..., AsyncIterator[str]]
_REPLACED: Final = ("use_model", "use_model_stream")


class Interception:
    """`use_model` and `use_model_stream` of one runtime, which an agent's fallback stands behind.

    Only `Exception` is caught: a cancelled call, or one whose time is up, ends as it would
    without the plugin.
    """

    def __init__(self, runtime: AgentRuntime, agent: AgentFallback) -> None:
        self._runtime = runtime
        self._agent = agent
        self._use_model: _UseModel = runtime.use_model
        self._use_model_stream: _UseModelStream = runtime.use_model_stream
        self._length: int | None = None  # of the embeddings this agent has had so far

    def __repr__(self) -> str:
        return f"<Interception of {self._agent!r}>"

    def install(self) -> None:
        """Take the place of the runtime's methods."""
        for name in _REPLACED:
            vars(self._runtime)[name] = getattr(self, name)

    def remove(self) -> None:
        """Give the runtime its methods back, unless somebody else has replaced ours."""
        for name in _REPLACED:
            if vars(self._runtime).get(name) == getattr(self, name):
                vars(self._runtime)[name] = getattr(self, f"_{name}")

    async def use_model(
        self,
        model_type: str | ModelType,
        params: Params = None,
        provider: str | None = None,
        **kwargs: object,
    ) -> object:
        """Do as the host does; where its provider fails with a fallback class, answer instead."""
        if provider == PLUGIN_NAME:
            with asked():
                return await self._use_model(model_type, params, provider, **kwargs)
        lane = self._lane_of(model_type, provider)
        if lane is None:
            return await self._use_model(model_type, params, provider, **kwargs)
        call = HostCall(model_type, params, kwargs, time.perf_counter())
        refused = refusal_of(lane)
        if refused is not None:
            try:
                return await self._answer_instead(call, refused, takes_markers=False)
            except ProviderError as error:
                if error is not refused:
                    raise
        return await self._ask(call, provider, lane, is_last=refused is not None)

    async def _ask(
        self, call: HostCall, provider: str | None, lane: Lane, *, is_last: bool
    ) -> object:
        """Ask the agent's own provider, and answer instead if it fails and is not the last."""
        visit = Visit(lane, self._agent.primary.limit, stream=False)
        error: Exception
        try:
            with visit:
                answer = await self._use_model(
                    call.model_type, call.params, provider, **call.kwargs
                )
            visit.answered()
            if call.is_embedding:
                self._length = vector_length(answer) or self._length
            return answer
        except LimitReached:
            error = visit.too_late()
        except Exception as raised:
            if not self._is_ours_to_answer(raised):
                raise
            visit.failed(self._agent.net.judge(raised), reason_of(raised))
            error = raised
        finally:
            visit.close()
        if is_last:
            raise error
        return await self._answer_instead(call, error)

    def use_model_stream(
        self,
        model_type: str | ModelType,
        params: Params = None,
        provider: str | None = None,
        **kwargs: object,
    ) -> AsyncIterator[str]:
        """Do as the host does; until the first piece of text, another stream can take over."""
        if provider == PLUGIN_NAME:
            return asked_stream(self._use_model_stream(model_type, params, provider, **kwargs))
        lane = self._lane_of(model_type, provider)
        if lane is None:
            return self._use_model_stream(model_type, params, provider, **kwargs)
        call = HostCall(model_type, params, kwargs, time.perf_counter())
        return self._stream(call, provider, lane)

    async def _stream(
        self, call: HostCall, provider: str | None, lane: Lane
    ) -> AsyncGenerator[str, None]:
        refused = refusal_of(lane)
        if refused is not None:
            try:
                async with aclosing(self._stream_instead(call, refused)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except ProviderError as error:
                if error is not refused:
                    raise
        asking = self._ask_stream(call, provider, lane, is_last=refused is not None)
        async with aclosing(asking) as pieces:
            async for piece in pieces:
                yield piece

    async def _ask_stream(
        self, call: HostCall, provider: str | None, lane: Lane, *, is_last: bool
    ) -> AsyncGenerator[str, None]:
        """Yield the text of the agent's own provider, or another one if it fails first."""
        begun = False
        visit = Visit(lane, self._agent.primary.limit, stream=True)
        stream = self._use_model_stream(call.model_type, call.params, provider, **call.kwargs)
        failure: Exception
        try:
            async with closing(stream) as pieces:
                with visit:
                    first = await first_piece(pieces)
                begun = bool(first)
                visit.answered()
                if begun:
                    yield first
                async for piece in pieces:
                    yield piece
            return
        except LimitReached:
            failure = visit.too_late()
        except Exception as error:
            if begun or not self._is_ours_to_answer(error):
                raise
            visit.failed(self._agent.net.judge(error), reason_of(error))
            failure = error
        finally:
            visit.close()
        if is_last:
            raise failure
        async with aclosing(self._stream_instead(call, failure)) as pieces:
            async for piece in pieces:
                yield piece

    def _lane_of(self, model_type: str | ModelType, provider: str | None) -> Lane | None:
        """Return the health of the agent's provider for a call that the plugin would answer.

        None for one that it would not answer, or where it is the only provider itself.
        """
        agent = self._agent
        if agent.closed or (provider and not agent.settings.fallback_pinned):
            return None
        kind = self._effective(model_type)
        ours = kind in agent.served and kind not in agent.alone_for
        return agent.primary.lane(kind) if ours else None

    def _is_ours_to_answer(self, error: Exception) -> bool:
        return not self._agent.is_own_failure(error) and self._agent.falls_back_on(error)

    def _effective(self, model_type: str | ModelType) -> str:
        """Return the model type that the host's LLM mode makes of this one."""
        key, mode = key_of(model_type), self._runtime.get_llm_mode()
        if mode == LLMMode.DEFAULT or key not in TEXT:
            return key
        size = ModelType.TEXT_SMALL if mode == LLMMode.SMALL else ModelType.TEXT_LARGE
        return f"{size}_STREAM" if key in STREAMED else size.value

    async def _answer_instead(
        self, call: HostCall, error: Exception, *, takes_markers: bool = True
    ) -> object:
        """Return the fallback's answer. Raises `error` if there is none."""
        log, reason = self._agent.log, reason_of(error)
        log.falling_back(reason)
        try:
            with asked():
                answer = await self._use_model(
                    call.model_type, call.params, PLUGIN_NAME, **call.kwargs
                )
        except Exception as second:  # noqa: BLE001 -- becomes a part of the first one
            raise self._both_failed(error, second) from error.__cause__ or second
        if (degraded := degraded_in(answer)) is not None:
            log.fallback_failed(degraded.reason)
            if not takes_markers:
                raise error
            return answer
        length = vector_length(answer) if call.is_embedding else None
        if length and self._length and length != self._length:
            log.dimensions_differ(length, self._length)
            raise error
        self._answered(call, reason, answer)
        return answer

    async def _stream_instead(self, call: HostCall, error: Exception) -> AsyncGenerator[str, None]:
        """Yield the fallback's text. Raises `error` if it fails before its first piece."""
        reason, text = reason_of(error), ""
        self._agent.log.falling_back(reason)
        stream = self._use_model_stream(call.model_type, call.params, PLUGIN_NAME, **call.kwargs)
        try:
            async with aclosing(asked_stream(stream)) as pieces:
                async for piece in pieces:
                    text += piece
                    yield piece
        except Exception as second:
            if text:
                raise
            raise self._both_failed(error, second) from error.__cause__ or second
        self._answered(call, reason, text)

    def _both_failed(self, error: Exception, second: Exception) -> Exception:
        """Put the fallback's failure beside the first one, which the caller is to see."""
        reason = reason_of(second)
        self._agent.log.fallback_failed(reason)
        error.add_note(f"The ElizaNet fallback failed too: {reason}")
        return error

    def _answered(self, call: HostCall, reason: str, answer: object) -> None:
        seconds = time.perf_counter() - call.began
        key = self._effective(call.model_type)
        self._agent.log.fell_back(key, seconds)
        done = Fallback(key, call.given, reason, seconds, answer)
        self._agent.errands.start(self._record(done))

    async def _record(self, done: Fallback) -> None:
        await write_record(self._runtime, record_of(self._runtime, done))
