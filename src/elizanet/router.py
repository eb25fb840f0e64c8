"""From a model name to the chain that serves it, and the connections all chains share."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Final, Self

from elizanet.call import Call, Headers
from elizanet.classify import Classifier, Failure
from elizanet.embedding_space import VectorLengths
from elizanet.engine import Chain
from elizanet.errors import InputError, ProviderError, Verdict
from elizanet.hooks import load_hook, report_hook_failure
from elizanet.http import Http
from elizanet.limit import Limit, LimitReached
from elizanet.operation import Operation
from elizanet.policy.retry import RetryPolicy
from elizanet.providers.openai import OpenAIProvider
from elizanet.settings import RouteSettings, Settings, TargetSettings
from elizanet.stream import CommittedAnswer
from elizanet.target import KEEP, Target, TargetLimits
from elizanet.telemetry import Emitter, Sink, log_sink

HEALTH_LIMIT_S: Final = 5.0
"""Seconds a provider has for naming its models."""


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """Whether a provider answers `GET /models`, and if not, why; true if it does."""

    healthy: bool
    reason: str
    seconds: float
    models: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.healthy


class Router:
    """Every provider, every chain, and the pool of connections under them.

    Use it as a context manager, or close it. Raises `ConfigurationError` for a hook that
    cannot be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sinks: tuple[Sink, ...] = (log_sink,),
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings
        hook = settings.hooks.classify
        rules = (load_hook(hook),) if hook else ()
        self._classifier = Classifier(rules, report_hook_failure)
        self.emit = Emitter(*sinks)
        self._chance = chance or random.Random()  # noqa: S311 -- jitter, not a secret
        self._http = Http()
        self._providers = {name: self._provider(name) for name in settings.providers}
        self._chains: dict[str, Chain] = {}
        self._lengths = VectorLengths()

    def __repr__(self) -> str:
        return f"<Router providers={list(self._providers)} routes={len(self.settings.routes)}>"

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
        """Close every connection; calls in flight fail."""
        await self._http.aclose()

    def judge(self, exception: BaseException) -> Verdict:
        """Return what an exception of somebody else's client means, by the same rules as ours.

        `fallback` follows the class; the operator's `hooks.classify` may say otherwise.
        """
        return self._classifier.verdict(Failure.from_exception("", exception))

    async def send(
        self,
        operation: Operation,
        model: str,
        body: bytes,
        *,
        stream: bool = False,
        timeout: float | None = None,
        headers: Headers = (),
        first_target_only: bool = False,
        check: Callable[[bytes], None] | None = None,
        call_id: str | None = None,
    ) -> CommittedAnswer:
        """Answer a request through the chain that serves `model`.

        `timeout` is in seconds and can only shorten the configured total. Raises
        `InputError` for a model without a chain, and `CallFailed` as `Chain.send` does.
        """
        route = self._route(model)
        total = route.timeouts.get("total", self.settings.timeouts.total)
        within = total if timeout is None else min(timeout, total)
        call = Call(
            id=call_id or new_call_id(),
            operation=operation,
            model=model,
            body=body,
            deadline=asyncio.get_running_loop().time() + within,
            stream=stream,
            headers=headers,
            first_target_only=first_target_only or not self.settings.fallback_enabled,
            check=self._checks(operation, model, body, check),
        )
        return await self._chain(route).send(call)

    async def health(self) -> dict[str, ProviderHealth]:
        """Ask every provider of a chain for its models, all at once, five seconds each."""
        used = {target.provider for route in self.settings.routes for target in route.targets}
        names = [name for name in self._providers if name in used]
        found = await asyncio.gather(*map(self._health, names))
        return dict(zip(names, found, strict=True))

    async def list_models(self) -> list[str]:
        """Return the model names a caller may use: those configured, and what globs match."""
        routes = self.settings.routes
        named = [route.pattern for route in routes if not _is_glob(route.pattern)]
        globs = [route for route in routes if _is_glob(route.pattern)]
        askable = {t.provider for route in globs for t in route.targets if t.model == KEEP}
        order = [name for name in self._providers if name in askable]
        found = await asyncio.gather(*map(self._health, order))
        offers = {name: health.models for name, health in zip(order, found, strict=True)}
        for route in globs:
            for target in route.targets:
                offered = offers.get(target.provider, ()) if target.model == KEEP else ()
                named += [model for model in offered if fnmatchcase(model, route.pattern)]
        return list(dict.fromkeys(named))

    def _route(self, model: str) -> RouteSettings:
        route = self.settings.route_for(model)
        if route is not None:
            return route
        names = [route.pattern for route in self.settings.routes]
        near = get_close_matches(model, names, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else f"served are {', '.join(names)}"
        message = f"no chain serves the model {model[:100]!r}: {hint}"
        raise InputError(message, param="model", code="model_not_found", status=404)

    def _chain(self, route: RouteSettings) -> Chain:
        chain = self._chains.get(route.pattern)
        if chain is None:
            retry = self.settings.retry
            chain = self._chains[route.pattern] = Chain(
                route.pattern,
                [self._target(route, target) for target in route.targets],
                retry=RetryPolicy(retry.same_provider, retry.max_wait),
                fall_back_on=self.settings.policy.fall_back_on,
                classifier=self._classifier,
                chance=self._chance,
                emit=self.emit,
            )
        return chain

    def _target(self, route: RouteSettings, target: TargetSettings) -> Target:
        times = self.settings.timeouts_for(route, self.settings.providers[target.provider])
        limits = TargetLimits(times.connect, times.attempt, times.first_event, times.stall)
        return Target(self._providers[target.provider], target.model, target.window, limits)

    def _provider(self, name: str) -> OpenAIProvider:
        given = self.settings.providers[name]
        return OpenAIProvider(
            name,
            given.base_url,
            self._http,
            api_key=given.api_key,
            headers=given.headers,
            paths=given.paths,
            connect_timeout=self.settings.timeouts_for(None, given).connect,
            classifier=self._classifier,
        )

    def _checks(
        self,
        operation: Operation,
        model: str,
        request: bytes,
        check: Callable[[bytes], None] | None,
    ) -> Callable[[bytes], None] | None:
        if operation is not Operation.EMBEDDING:
            return check

        def embedding_check(answer: bytes) -> None:
            if check is not None:
                check(answer)
            self._lengths.check(model, request, answer)

        return embedding_check

    async def _health(self, name: str) -> ProviderHealth:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            with Limit(began + HEALTH_LIMIT_S):
                models = await self._providers[name].list_models()
        except LimitReached:
            return ProviderHealth(False, f"no answer within {HEALTH_LIMIT_S:g} s", clock() - began)
        except ProviderError as error:
            reason = f"{error.failure_class}: {error.message}"
            return ProviderHealth(False, reason, clock() - began)
        return ProviderHealth(True, f"{len(models)} models", clock() - began, models)


def new_call_id() -> str:
    """Return an id that sorts by time: 48 bits of milliseconds, 64 bits of chance."""
    return f"req_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")
