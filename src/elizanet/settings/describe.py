"""The settings as rows of text, for people: what each is called, is, and comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Final, TypeAlias

from elizanet.settings.document import dotted
from elizanet.settings.origin import DEFAULT, Origin
from elizanet.settings.ranges import spelled
from elizanet.settings.report import without_password

if TYPE_CHECKING:
    from elizanet.settings.model import (
        CallerSettings,
        GatewaySettings,
        HealthSettings,
        HedgeSettings,
        HookSettings,
        PolicySettings,
        ProviderSettings,
        RecordSettings,
        RetrySettings,
        RouteSettings,
        Settings,
        StreamSettings,
        TargetSettings,
        Timeouts,
    )

Row = tuple[str, object]
_Section: TypeAlias = (
    "Timeouts | RetrySettings | HedgeSettings | StreamSettings | PolicySettings | HookSettings"
    " | HealthSettings"
)

_MODEL_TYPES: Final = {
    "small": "ELIZANET_SMALL_MODEL",
    "large": "ELIZANET_LARGE_MODEL",
    "reasoning_small": "ELIZANET_REASONING_SMALL_MODEL",
    "reasoning_large": "ELIZANET_REASONING_LARGE_MODEL",
    "completion": "ELIZANET_COMPLETION_MODEL",
    "embedding": "ELIZANET_EMBEDDING_MODEL",
    "embedding_dimensions": "ELIZANET_EMBEDDING_DIMENSIONS",
    "image": "ELIZANET_IMAGE_MODEL",
}


def rows(settings: Settings) -> list[tuple[str, str, Origin]]:
    """Return name, shown value and origin of every setting."""
    return [
        (name, _text(value), settings.origins.get(name, DEFAULT))
        for name, value in _values(settings)
    ]


def _values(settings: Settings) -> Iterator[Row]:
    yield from _gateway(settings.gateway)
    for provider in settings.providers.values():
        yield from _provider(provider)
    for route in settings.routes:
        yield from _route(route)
    yield from _fields("timeouts", settings.timeouts)
    yield from _fields("retry", settings.retry)
    yield from _fields("hedge", settings.hedge)
    yield from _fields("stream", settings.stream)
    yield from _fields("policy", settings.policy)
    yield from _fields("hooks", settings.hooks)
    yield from _records(settings.records)
    yield from _fields("health", settings.health)
    yield from _variables(settings)


def _gateway(gateway: GatewaySettings) -> Iterator[Row]:
    yield "gateway.host", gateway.host
    yield "gateway.port", gateway.port
    if not gateway.callers:
        yield "gateway.callers", None
    for caller in gateway.callers:
        yield caller_row(caller.alias), _caller(caller)
    yield "gateway.passthrough", gateway.passthrough
    yield "gateway.max_body", spelled(gateway.max_body)
    yield "gateway.max_in_flight", gateway.max_in_flight
    yield "gateway.drain", gateway.drain


def caller_row(alias: str) -> str:
    """Return the name of the row of a caller."""
    return dotted(("gateway", "callers", alias))


def _caller(caller: CallerSettings) -> str:
    return _remarked(str(caller.key), {"models": caller.models or None, **asdict(caller.limits)})


def _provider(provider: ProviderSettings) -> Iterator[Row]:
    path = ("providers", provider.name)
    yield dotted((*path, "base_url")), provider.base_url
    key = "api_keys" if len(provider.api_keys) > 1 else "api_key"
    yield dotted((*path, key)), provider.api_keys
    limits = {name: limit for name, limit in asdict(provider.limits).items() if limit is not None}
    for part in ("headers", "paths", "timeouts"):
        yield from _mapping((*path, part), getattr(provider, part))
    yield from _mapping((*path, "limits"), limits)


def _route(route: RouteSettings) -> Iterator[Row]:
    path = ("models", route.pattern)
    yield dotted((*path, "chain")), tuple(map(_target, route.targets))
    yield dotted((*path, "allow_mixed_embeddings")), route.allow_mixed_embeddings
    yield from _mapping((*path, "timeouts"), route.timeouts)


def _target(target: TargetSettings) -> str:
    price = target.price and f"{target.price.input:g} in and {target.price.output:g} out"
    weight = None if target.weight == 1 else f"{target.weight:g}"
    return _remarked(
        f"{target.provider}/{target.model}",
        {"window": target.window, "tier": target.tier, "weight": weight, "price": price},
    )


def _remarked(text: str, remarks: Mapping[str, object]) -> str:
    """Return a text and in brackets what else is known of it."""
    known = [f"{name} {_text(value)}" for name, value in remarks.items() if value is not None]
    return f"{text} ({'; '.join(known)})" if known else text


def _variables(settings: Settings) -> Iterator[Row]:
    for name, variable in _MODEL_TYPES.items():
        yield variable, getattr(settings.model_types, name)
    yield "ELIZANET_FALLBACK_ENABLED", settings.fallback_enabled
    yield "ELIZANET_FALLBACK_ON", settings.fallback_on
    yield "ELIZANET_FALLBACK_PINNED", settings.fallback_pinned
    yield "ELIZANET_PRIMARY_TIMEOUT", _milliseconds(settings.primary_timeout)
    yield "ELIZANET_MODELS", "all" if settings.models is None else settings.models
    yield "ELIZANET_EMBEDDING_ON_FAILURE", settings.embedding_on_failure
    yield "ELIZANET_MAX_INPUT_LENGTH", settings.max_input_length
    yield "ELIZANET_DB", without_password(settings.database)


def _records(records: RecordSettings) -> Iterator[Row]:
    yield "records.capture", records.capture
    yield "records.keep_days", records.keep_days
    yield "records.max_size", spelled(records.max_size)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _fields(section: str, values: _Section) -> Iterator[Row]:
    for field in fields(values):
        yield f"{section}.{field.name}", getattr(values, field.name)


def _mapping(path: tuple[str, ...], values: Mapping[str, object]) -> Iterator[Row]:
    for name, value in values.items():
        yield dotted((*path, name)), value


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case frozenset():
            return ", ".join(sorted(map(str, value))) or "none"
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)
