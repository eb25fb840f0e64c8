"""The models that chains ask for, and that their providers do not list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from elizanet.router import ProviderHealth
from elizanet.settings import RouteSettings, Settings
from elizanet.settings.embeddings import space_of
from elizanet.target import KEEP

_GLOB: Final = frozenset("*?[")
_USUAL_TAG: Final = ":latest"
"""What Ollama adds to a name without a tag."""


def unlisted_models(settings: Settings, health: Mapping[str, ProviderHealth]) -> list[str]:
    """Return a sentence for each such model.

    It may be there all the same: not every provider lists all that it has, nor under the names by
    which it can be asked for. Of one without a list nothing is known.
    """
    listed = {
        name: {_folded(model) for model in found.models}
        for name, found in health.items()
        if found.healthy and (found.models or not settings.hooks.health)  # which lists none
    }
    return [
        f"{provider} does not list {model}, which models.{route.pattern}.chain asks for"
        for route in settings.routes
        for provider, model in _asked_for(route)
        if provider in listed and _folded(model) not in listed[provider]
    ]


def _asked_for(route: RouteSettings) -> Iterator[tuple[str, str]]:
    """Yield the providers of a chain with the models they are asked for, where that is known."""
    for target in route.targets:
        model = route.pattern if target.model == KEEP else target.model
        if target.model != KEEP or not _GLOB & set(model):
            yield target.provider, model


def _folded(model: str) -> str:
    return space_of(model).removesuffix(_USUAL_TAG)
