"""From a model name to the chain that serves it, and the connections all chains share."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from elizanet.call import Answer, Bound, Call, Form, Headers, Provider, Upload
from elizanet.classify import Classifier, Failure
from elizanet.embedding_space import VectorLengths
from elizanet.engine import Chain
from elizanet.errors import InputError, ProviderError, Verdict
from elizanet.health import WHOLE_HOST, LaneState, Registry, state_of
from elizanet.health.evidence import Evidence, evidence_of
from elizanet.hooks import HookGuard, Hooks
from elizanet.http import Http
from elizanet.limit import Limit, LimitReached
from elizanet.logs import log_sink
from elizanet.operation import Operation
from elizanet.policy.breaker import BreakerState
from elizanet.policy.protections import Protections
from elizanet.policy.rate import RateLimit
from elizanet.policy.retry import RetryPolicy
from elizanet.providers.openai import OpenAIProvider
from elizanet.settings import ProviderSettings, RouteSettings, Secret, Settings, TargetSettings
from elizanet.stream import CommittedAnswer
from elizanet.target import KEEP, Target, TargetLimits
from elizanet.telemetry import Emitter, Sink

_ids: Final = random.Random(secrets.randbits(128))  # noqa: S311 -- unique, not secret

HEALTH_LIMIT_S: Final = 5.0
"""Seconds a provider has for naming its models."""
_NO_LIST: Final = frozenset({403, 404, 405, 429, 501})
"""What says that there is no list of models: not here, not for this key, not now."""


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """Whether a provider answers `GET /models`, and if not, why; true if it does.

    `reached`: whether its host has answered at all, None if that was not found out. `status` is
    that of an answer without a list of models.
    """

    healthy: bool
    reason: str
    seconds: float
    models: tuple[str, ...] = ()
    reached: bool | None = None
    status: int | None = None

    def __bool__(self) -> bool:
        return self.healthy

    @property
    def state(self) -> Literal["healthy", "reachable", "unhealthy"]:
        """In one word; "reachable" has answered that it has no list of models for us."""
        if self.healthy:
            return "healthy"
        return "reachable" if self.status in _NO_LIST else "unhealthy"


class ApiProvider(Provider, Protocol):
    """A provider that does more than answer calls."""

    async def list_models(self, headers: Headers = ()) -> tuple[str, ...]:
        """Return the names of its models; `headers` are sent too. Raises `ProviderError`."""
        ...

    def folds(self, call: Call) -> bool:
        """Tell whether the whole answer to this call will come as a stream."""
        ...

    async def forward(
        self, method: str, target: str, headers: Headers, body: bytes | None, rest: Upload | None
    ) -> Answer:
        """Pass on a request that is no call. Raises `ProviderError`."""
        ...


ProviderFactory = Callable[[ProviderSettings, Secret | None, int], ApiProvider]
"""Makes the provider for one key (None: anonymous), the n-th of its provider, from 0."""


class Router:
    """Every provider, every chain, the health of all, and the pool of connections under them.

    `registry` is the health that an earlier router of the same process has learnt, `hooks` the
    operator's functions beside those of the settings, `provider` makes other providers than
    those that speak OpenAI's API. Use it as a context manager, or close it. Raises
    `ConfigurationError` for a hook that cannot be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sinks: tuple[Sink, ...] = (log_sink,),
        hooks: Hooks | None = None,
        registry: Registry | None = None,
        protections: Protections = Protections(),
        provider: ProviderFactory | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.emit = Emitter(*sinks)
        self.hooks = HookGuard(Hooks.load(settings.hooks, hooks), self.emit)
        self.emit.follow(settings)
        rules = (rule,) if (rule := self.hooks.hooks.classify) else ()
        self._classifier = Classifier(rules, partial(self.hooks.failed, "classify"))
        self._chance = chance or random.Random()  # noqa: S311 -- jitter, not a secret
        self.registry = registry or Registry(
            chance=self._chance, emit=self.emit, protections=protections
        )
        self._http = Http()
        self._is_closed = False
        self._make = provider or self._openai
        self._keyed = {name: self._keyed_providers(name) for name in settings.providers}
        self._providers = {name: keyed[0] for name, keyed in self._keyed.items()}
        self._hosts = _hosts(settings)
        self._rates = {name: _rate(given) for name, given in settings.providers.items()}
        self._chains: dict[str, Chain] = {}
        self._lengths = VectorLengths()
        self._secrets = settings.secrets

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
        self._is_closed = True
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
        bound: Bound | None = None,
        check: Callable[[bytes], None] | None = None,
        call_id: str | None = None,
        form: Form | None = None,
        only_provider: str | None = None,
        repeated: bool = False,
        caller: str = "",
        may_know: Callable[[str], bool] | None = None,
    ) -> CommittedAnswer:
        """Answer a request through the chain that serves `model`.

        `timeout` is in seconds and can only shorten the configured total; the rest is as in
        `Call`. Raises `InputError` for a model without a chain, and `CallFailed` as
        `Chain.send` does. `may_know`: which models the former may name, by default all.
        """
        route = self._route(model, may_know)
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
            bound=bound if self.settings.fallback_enabled else Bound.OPERATOR,
            check=self._checks(operation, model, body, check),
            form=form,
            only_provider=only_provider,
            repeated=repeated,
            caller=caller,
            one_model=operation is Operation.EMBEDDING and not route.allow_mixed_embeddings,
        )
        return await self._chain(route).send(call)

    def provider(self, name: str) -> ApiProvider:
        """Return a provider by its name, with the first of its keys."""
        return self._providers[name]

    def states(self) -> list[LaneState]:
        """Return what is known of every target that was asked so far."""
        now = asyncio.get_running_loop().time()
        return [state_of(name, lane, now) for name, lane in self.registry.lanes]

    def force(self, target: str, state: BreakerState | None) -> None:
        """Hold a target's breaker open or closed; None leaves it to the evidence again.

        `target` is `provider/model`, or `provider` alone for all of it. Raises `InputError`
        for a provider that there is not, and for a model that no chain asks it for.
        """
        provider, _, model = target.partition("/")
        if provider not in self._hosts:
            known = ", ".join(self._hosts)
            raise InputError(
                f"there is no provider {provider!r}; known are {known}", param="target"
            )
        held = host, model = self._hosts[provider], model or WHOLE_HOST
        if model != WHOLE_HOST and held not in self.registry.forced and not self._asks(host, model):
            raise InputError(f"no chain asks {provider} for the model {model!r}", param="target")
        self.registry.force(host, model, state)

    async def health(self) -> dict[str, ProviderHealth]:
        """Check every provider of a chain, all at once, five seconds each."""
        names = self.in_use
        found = await asyncio.gather(*map(self.check, names))
        return dict(zip(names, found, strict=True))

    @property
    def in_use(self) -> list[str]:
        """The providers of the chains."""
        used = {target.provider for route in self.settings.routes for target in route.targets}
        return [name for name in self._providers if name in used]

    async def check(self, provider: str) -> ProviderHealth:
        """Ask the operator's own check, or else the provider for its models.

        Whether its host was reached is evidence for the breaker of the host, which that alone
        neither opens nor closes.
        """
        began = asyncio.get_running_loop().time()
        found = await self._health(provider)
        if found.reached is not None and not self._is_closed:
            now = asyncio.get_running_loop().time()
            self.registry.checked(self._hosts[provider], began, now, reached=found.reached)
        return found

    async def list_models(self, headers: Headers = ()) -> list[str]:
        """Return the model names a caller may use: those configured, and what globs match.

        `headers` go to the providers that are asked.
        """
        routes = self.settings.routes
        named = [route.pattern for route in routes if not _is_glob(route.pattern)]
        globs = [route for route in routes if _is_glob(route.pattern)]
        askable = {t.provider for route in globs for t in route.targets if t.model == KEEP}
        order = [name for name in self._providers if name in askable]
        found = await asyncio.gather(*[self._models(name, headers) for name in order])
        offers = {name: health.models for name, health in zip(order, found, strict=True)}
        for route in globs:
            for target in route.targets:
                offered = offers.get(target.provider, ()) if target.model == KEEP else ()
                named += [model for model in offered if fnmatchcase(model, route.pattern)]
        return list(dict.fromkeys(named))

    def _route(self, model: str, may_know: Callable[[str], bool] | None) -> RouteSettings:
        if model in self._secrets:  # before it is repeated anywhere, or sent to somebody else
            raise InputError("model is one of the configured keys, not a name", param="model")
        route = self.settings.route_for(model)
        if route is not None:
            return route
        names = list(filter(may_know, (route.pattern for route in self.settings.routes)))
        message = f"no chain serves the model {model[:100]!r}{_hint(model, names)}"
        raise InputError(message, param="model", code="model_not_found", status=404)

    def _asks(self, host: str, model: str) -> bool:
        """Tell whether a chain may ever ask a host for a model."""
        serving = self.settings.route_for(model)
        return any(
            self._hosts[target.provider] == host
            and (target.model == model or (target.model == KEEP and route is serving))
            for route in self.settings.routes
            for target in route.targets
        )

    def _chain(self, route: RouteSettings) -> Chain:
        chain = self._chains.get(route.pattern)
        if chain is None:
            settings, retry = self.settings, self.settings.retry
            chain = self._chains[route.pattern] = Chain(
                route.pattern,
                [
                    keyed
                    for position, target in enumerate(route.targets, 1)
                    for keyed in self._targets(route, target, position)
                ],
                retry=RetryPolicy(retry.same_provider, retry.max_wait),
                fall_back_on=settings.policy.fall_back_on,
                hedge=settings.hedge.after,
                continues=settings.stream.on_break == "continue",
                classifier=self._classifier,
                registry=self.registry,
                chance=self._chance,
                emit=self.emit,
            )
        return chain

    def _targets(
        self, route: RouteSettings, target: TargetSettings, position: int
    ) -> Iterator[Target]:
        """Make one target for each key of the provider; they share its tier and weight."""
        name = target.provider
        given, keyed = self.settings.providers[name], self._keyed[name]
        times = self.settings.timeouts_for(route, given)
        limits = TargetLimits(times.connect, times.attempt, times.first_event, times.stall)
        for number, provider in enumerate(keyed, 1):
            yield Target(
                self.hooks.around(provider),
                target.model,
                target.window,
                limits,
                tier=position if target.tier is None else target.tier,
                weight=target.weight / len(keyed),
                key=name if len(keyed) == 1 else f"{name} key {number}",
                host=self._hosts[name],
                rate=self._rates[name],
                folds=provider.folds if self.settings.stream.fold_unary else None,
            )

    def _keyed_providers(self, name: str) -> tuple[ApiProvider, ...]:
        given = self.settings.providers[name]
        keys = given.api_keys or (None,)
        return tuple(self._make(given, key, number) for number, key in enumerate(keys))

    def _openai(self, given: ProviderSettings, key: Secret | None, _number: int) -> OpenAIProvider:
        return OpenAIProvider(
            given.name,
            given.base_url,
            self._http,
            api_key=key,
            other_keys=given.api_keys,
            headers=given.headers,
            paths=given.paths,
            connect_timeout=self.settings.timeouts_for(None, given).connect,
            classifier=self._classifier,
            fold_unary=self.settings.stream.fold_unary,
            count_usage=self.settings.stream.count_usage,
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
                if (said := await self.hooks.health(name)) is not None:
                    return _as_told(said, clock() - began)
        except LimitReached:
            reason = f"the health hook gave no answer within {HEALTH_LIMIT_S:g} s"
            return ProviderHealth(False, reason, clock() - began)
        return await self._models(name)

    async def _models(self, name: str, headers: Headers = ()) -> ProviderHealth:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            with Limit(began + HEALTH_LIMIT_S):
                models = await self._providers[name].list_models(headers)
        except LimitReached:
            return ProviderHealth(False, f"no answer within {HEALTH_LIMIT_S:g} s", clock() - began)
        except ProviderError as error:
            reason, reached = f"{error.failure_class}: {error.message}", _has_reached(error)
            return ProviderHealth(
                False, reason, clock() - began, reached=reached, status=error.status
            )
        told = f"{len(models)} model{'s' * (len(models) != 1)}"
        return ProviderHealth(True, told, clock() - began, models, reached=True)


def _has_reached(error: ProviderError) -> bool | None:
    """Tell whether a failed check has reached the host: any answer of HTTP says that it has."""
    if evidence_of(error) is Evidence.UNREACHABLE:
        return False
    return None if error.status is None else True


def _as_told(said: bool | str, seconds: float) -> ProviderHealth:  # noqa: FBT001
    """Return what the operator's own check said: true or false, or a reason why not."""
    healthy = said is True
    reason = said if isinstance(said, str) else "by the health hook"
    return ProviderHealth(healthy, reason, seconds, reached=healthy)


def new_call_id() -> str:
    """Return an id that sorts by time: 48 bits of milliseconds, 64 bits of chance."""
    return f"req_{time.time_ns() // 1_000_000:012x}{_ids.getrandbits(64):016x}"


def _hosts(settings: Settings) -> dict[str, str]:
    """Name the host of each provider: after the first provider that has the same address.

    Its path is a part of it: one front may have several services behind it.
    """
    first: dict[str, str] = {}
    return {
        name: first.setdefault(given.base_url, name) for name, given in settings.providers.items()
    }


def _rate(given: ProviderSettings) -> RateLimit | None:
    limit = RateLimit(given.limits.rpm, given.limits.tpm)
    return limit or None


def _hint(model: str, names: list[str]) -> str:
    """Name the model that may have been meant, or else all there are."""
    folded = {name.casefold(): name for name in names}
    if near := get_close_matches(model.casefold(), folded, n=1, cutoff=0.6):
        return f": did you mean {folded[near[0]]!r}?"
    return f": served are {', '.join(names)}" if names else ""


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")
