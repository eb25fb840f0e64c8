"""The settings as the rest of the package reads them: frozen, complete, checked.

`load_settings` makes them from files and variables; a program may also build them by hand.
Times are seconds, sizes are bytes, windows are tokens, prices are US dollars a million tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from elizanet.errors import STOPPING, ConfigurationError, FailureClass
from elizanet.settings import describe, gateway_check, patterns
from elizanet.settings.frozen import FrozenMapping
from elizanet.settings.origin import Origin
from elizanet.settings.secret import Secret

DEFAULT_DATABASE: Final = "sqlite:///elizanet.db"
"""A file in the user's data directory."""
DEFAULT_MAX_INPUT_LENGTH: Final = 1_000_000
"""Characters of one input string."""
OWN_FAILURES: Final = frozenset(
    {
        FailureClass.RATE_LIMIT,
        FailureClass.QUOTA_EXHAUSTED,
        FailureClass.OVERLOADED,
        FailureClass.TIMEOUT,
        FailureClass.CONNECTION,
        FailureClass.STREAM_INTERRUPTED,
    }
)
"""The failures of an agent's own provider after which the plugin answers in its place."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each part of a call may take, in seconds."""

    total: float = 600.0
    """The whole call: retries, waits, fallbacks, and a stream until its first content."""
    connect: float = 3.0
    """Reaching a provider: name, TCP and TLS."""
    attempt: float = 300.0
    """A unary answer of one attempt, complete."""
    first_event: float = 30.0
    """A stream's first content, of one attempt."""
    stall: float = 20.0
    """Silence inside a stream."""


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """Trying the same provider again."""

    same_provider: int = 1
    """How many more tries at the same provider; 0 moves on at once."""
    max_wait: float = 2.5
    """Obey a stated delay of up to this many seconds before moving on; 0 moves on at once."""


@dataclass(frozen=True, slots=True)
class HedgeSettings:
    """A second attempt of a stream, elsewhere, while the first is still silent."""

    after: float | Literal["auto", "p95", "off"] = "auto"
    """The silence after which it starts: seconds; "auto", three times what this model usually
    takes for its first content and at least a second; "p95", the time in which 95 % of its
    recent streams had theirs; "off", never."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What is done with streams beyond passing them on."""

    on_break: Literal["error", "continue"] = "error"
    """What follows a break after content was sent: an honest error, or another target that
    goes on where the first one stopped."""
    fold_unary: bool = False
    """Ask for a stream upstream also when the caller wants one answer, and fold it into one:
    a silent provider is noticed at `first_event`, at the cost of the answer's exact bytes."""
    count_usage: bool = False
    """Ask providers for usage in streams, and take it out again if the caller did not ask."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Which failures move a call to the next target."""

    fall_back_on: frozenset[FailureClass] = frozenset(FailureClass) - STOPPING


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What we allow ourselves towards a provider, a minute; None is no limit of ours."""

    rpm: int | None = None
    """Requests a minute."""
    tpm: int | None = None
    """Tokens a minute, of prompts and answers together."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A service that answers calls."""

    name: str
    base_url: str
    """With the version path and without a trailing slash: request paths are appended to it."""
    api_keys: tuple[Secret, ...] = ()
    """Sent as bearer tokens, one to a request; none is anonymous."""
    headers: Mapping[str, str | Secret] = field(default_factory=FrozenMapping)
    paths: Mapping[str, str] = field(default_factory=FrozenMapping)
    """A kind of request -> the path, from the root of the host, that it is sent to instead."""
    timeouts: Mapping[str, float] = field(default_factory=FrozenMapping)
    """Only the fields of `Timeouts` that were given for this provider."""
    limits: RateLimits = RateLimits()


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost, in US dollars a million."""

    input: float
    output: float


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """One model at one provider."""

    provider: str
    model: str
    """`*` keeps the name that the caller sent."""
    window: int | None = None
    """The model's context window in tokens, where known."""
    price: Price | None = None
    weight: float = 1.0
    """Its share of the load among the targets of its tier."""
    tier: int | None = None
    """Targets of a lower tier are asked first, those of one tier share the load. None is the
    target's position in the chain, counted from 1: a plain list is an order of preference."""


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """The chain that serves the models whose names match `pattern`."""

    pattern: str
    """A model name, in which `*` stands for any characters and `?` for one."""
    targets: tuple[TargetSettings, ...]
    timeouts: Mapping[str, float] = field(default_factory=FrozenMapping)
    """Only the fields of `Timeouts` that were given for this chain."""
    allow_mixed_embeddings: bool = False

    def tiers(self) -> tuple[tuple[TargetSettings, ...], ...]:
        """Return the targets by tier: those that are asked first, first."""
        tiers: dict[int, list[TargetSettings]] = {}
        for position, target in enumerate(self.targets, 1):
            tiers.setdefault(target.tier or position, []).append(target)
        return tuple(tuple(tiers[tier]) for tier in sorted(tiers))


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """What one caller may ask of the gateway; None is no limit."""

    rpm: int | None = None
    """Requests a minute."""
    tpm: int | None = None
    """Tokens a minute, of prompts and answers together."""
    concurrent: int | None = None
    """Calls at once."""


@dataclass(frozen=True, slots=True)
class CallerSettings:
    """Somebody who may call the gateway."""

    alias: str
    """What logs and records call them; `key-1`, `key-2` for the short form."""
    key: Secret
    models: tuple[str, ...] = ()
    """Names and globs of the models they may ask for; none is all."""
    limits: CallerLimits = CallerLimits()


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where the gateway listens, to whom, and how much it takes on."""

    host: str = "127.0.0.1"
    port: int = 8787
    callers: tuple[CallerSettings, ...] = ()
    """Who may call; none is everybody, which only a loopback host may allow."""
    passthrough: str | None = None
    """The provider of paths that name no model, such as files and batches; None answers 404."""
    max_body: int = 20 * 1024 * 1024
    max_in_flight: int = 1000
    """Calls at once in the process."""
    drain: float = 120.0
    """Seconds that running calls get after SIGTERM."""


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What is kept of calls, and for how long."""

    capture: Literal["off", "errors", "all"] = "off"
    """Whether prompts and answers are kept: of no call, of those in which something failed, of
    all."""
    keep_days: float = 30.0
    """Days after which a record is deleted."""
    max_size: int = 2 * 1024**3
    """Bytes of the database beyond which the oldest records are deleted."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How providers are watched."""

    interval: float = 30.0
    """Seconds between two checks of a provider by the gateway; 0 is never."""


@dataclass(frozen=True, slots=True)
class HookSettings:
    """The operator's own functions, each `module:function`."""

    classify: str | None = None
    """Says what an error means."""
    transform_request: str | None = None
    """Changes what is sent to a provider."""
    process_response: str | None = None
    """Changes what a provider answered."""
    health: str | None = None
    """Says whether a provider is healthy."""


@dataclass(frozen=True, slots=True)
class ModelTypeSettings:
    """The model name behind each model type."""

    small: str = "gpt-4o-mini"
    large: str = "gpt-4o"
    reasoning_small: str = "gpt-4o-mini"
    reasoning_large: str = "gpt-4o"
    completion: str = "gpt-4o"
    embedding: str = "text-embedding-3-small"
    embedding_dimensions: int = 1536
    image: str = "dall-e-3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured, resolved."""

    gateway: GatewaySettings = GatewaySettings()
    providers: Mapping[str, ProviderSettings]
    routes: tuple[RouteSettings, ...]
    """In the order of the file."""
    timeouts: Timeouts = Timeouts()
    retry: RetrySettings = RetrySettings()
    hedge: HedgeSettings = HedgeSettings()
    stream: StreamSettings = StreamSettings()
    policy: PolicySettings = PolicySettings()
    hooks: HookSettings = HookSettings()
    records: RecordSettings = RecordSettings()
    health: HealthSettings = HealthSettings()
    model_types: ModelTypeSettings = ModelTypeSettings()
    fallback_enabled: bool = True
    """False: only the first target of a chain is tried."""
    embedding_on_failure: Literal["vector", "raise"] = "vector"
    max_input_length: int = DEFAULT_MAX_INPUT_LENGTH
    """Characters of one input string."""
    fallback_pinned: bool = False
    """True: a call pinned to one provider may be moved all the same."""
    fallback_on: frozenset[FailureClass] = OWN_FAILURES
    """The failures of an agent's own provider after which the plugin answers."""
    models: frozenset[str] | None = None
    """The model types the plugin takes care of; None is all of them."""
    primary_timeout: float | None = None
    """The longest an agent's own provider may take before the plugin answers in its place;
    None waits for it."""
    database: str = DEFAULT_DATABASE
    """Where the records go: `sqlite:///PATH`, `postgresql://...`, or `none`."""
    origins: Mapping[str, Origin] = field(default_factory=FrozenMapping)
    warnings: tuple[str, ...] = ()

    def route_for(self, model: str) -> RouteSettings | None:
        """Return the route of this model name: the exact name, else the most specific glob."""
        return patterns.most_specific(self.routes, model)

    def timeouts_for(
        self, route: RouteSettings | None, provider: ProviderSettings | None
    ) -> Timeouts:
        """Return the time-outs of an attempt: the route's over the provider's over the rest.

        No part is longer than the whole: `total` bounds what comes before the first content
        too, which is all that it means where only a provider has it.
        """
        given = dict(provider.timeouts) if provider else {}
        given |= route.timeouts if route else {}
        limits = replace(self.timeouts, **given)
        return replace(
            limits,
            connect=min(limits.connect, limits.total),
            attempt=min(limits.attempt, limits.total),
            first_event=min(limits.first_event, limits.total),
        )

    def serving(self, host: str | None = None, port: int | None = None) -> Settings:
        """Return the settings a gateway on `host:port` starts with (default: the configured).

        Raises ConfigurationError if the host is not loopback and there are no keys, or if
        a provider is this gateway itself.
        """
        gateway = replace(
            self.gateway,
            host=self.gateway.host if host is None else host,
            port=self.gateway.port if port is None else port,
        )
        if problems := gateway_check.problems(gateway, self.providers.values()):
            raise ConfigurationError(problems)
        return replace(self, gateway=gateway)

    @property
    def secrets(self) -> frozenset[str]:
        """Every key and secret header value in clear, for taking them out of what is told."""
        values: list[object] = [caller.key for caller in self.gateway.callers]
        for provider in self.providers.values():
            values += (*provider.api_keys, *provider.headers.values())
        return frozenset(value.reveal() for value in values if isinstance(value, Secret))

    def describe(self) -> list[tuple[str, str, Origin]]:
        """Return name, shown value and origin of every setting; secrets are masked."""
        return describe.rows(self)

    def __repr__(self) -> str:
        providers = ", ".join(self.providers)
        routes = ", ".join(route.pattern for route in self.routes)
        where = f"{self.gateway.host}:{self.gateway.port}"
        return f"Settings(gateway={where}, providers=[{providers}], routes=[{routes}])"
