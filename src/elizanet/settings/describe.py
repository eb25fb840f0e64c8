"""The settings as rows of text, for people: what each is called, is, and comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeAlias

from elizanet.settings.document import dotted
from elizanet.settings.origin import DEFAULT, Origin
from elizanet.settings.ranges import spelled
from elizanet.settings.report import without_password

if TYPE_CHECKING:
    from elizanet.settings.model import (
        HookSettings,
        PolicySettings,
        ProviderSettings,
        RetrySettings,
        RouteSettings,
        Settings,
        TargetSettings,
        Timeouts,
    )

Row = tuple[str, object]
_Section: TypeAlias = "Timeouts | RetrySettings | PolicySettings | HookSettings"

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
    gateway = settings.gateway
    yield from (("gateway.host", gateway.host), ("gateway.port", gateway.port))
    yield from (("gateway.keys", gateway.keys), ("gateway.max_body", spelled(gateway.max_body)))
    for provider in settings.providers.values():
        yield from _provider(provider)
    for route in settings.routes:
        yield from _route(route)
    yield from _fields("timeouts", settings.timeouts)
    yield from _fields("retry", settings.retry)
    yield from _fields("policy", settings.policy)
    yield from _fields("hooks", settings.hooks)
    yield from _variables(settings)


def _provider(provider: ProviderSettings) -> Iterator[Row]:
    path = ("providers", provider.name)
    yield dotted((*path, "base_url")), provider.base_url
    yield dotted((*path, "api_key")), provider.api_key
    for part in ("headers", "paths", "timeouts"):
        yield from _mapping((*path, part), getattr(provider, part))


def _route(route: RouteSettings) -> Iterator[Row]:
    path = ("models", route.pattern)
    yield dotted((*path, "chain")), tuple(map(_target, route.targets))
    yield dotted((*path, "allow_mixed_embeddings")), route.allow_mixed_embeddings
    yield from _mapping((*path, "timeouts"), route.timeouts)


def _target(target: TargetSettings) -> str:
    window = f" (window {target.window})" if target.window else ""
    return f"{target.provider}/{target.model}{window}"


def _variables(settings: Settings) -> Iterator[Row]:
    for name, variable in _MODEL_TYPES.items():
        yield variable, getattr(settings.model_types, name)
    yield "ELIZANET_FALLBACK_ENABLED", settings.fallback_enabled
    yield "ELIZANET_FALLBACK_ON", settings.fallback_on
    yield "ELIZANET_FALLBACK_PINNED", settings.fallback_pinned
    yield "ELIZANET_MODELS", "all" if settings.models is None else settings.models
    yield "ELIZANET_EMBEDDING_ON_FAILURE", settings.embedding_on_failure
    yield "ELIZANET_MAX_INPUT_LENGTH", settings.max_input_length
    yield "ELIZANET_DB", without_password(settings.database)


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
