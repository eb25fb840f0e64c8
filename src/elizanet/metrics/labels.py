"""Which names become labels: callers choose model names, and may choose endless ones.

A target of the settings always has its name. Where a chain keeps the caller's name, one becomes
a label when an attempt at it ends otherwise than with `model_not_found`, up to `MOST_MODELS` of
them and `LONGEST_NAME` characters. All others are `other`, together, and so is what looks like a
key.
"""

from __future__ import annotations

from typing import Final

from elizanet.errors import FailureClass
from elizanet.redact import redact
from elizanet.settings import Settings

MOST_MODELS: Final = 200
LONGEST_NAME: Final = 100
OTHER: Final = "other"

_KEEP: Final = "*"


class ModelLabels:
    """The models that have a name of their own, each at a provider."""

    def __init__(self) -> None:
        self._named: set[tuple[str, str]] = set()
        self._models: set[str] = set()
        self._room = MOST_MODELS

    def __repr__(self) -> str:
        return f"<ModelLabels {len(self._named)}>"

    def __contains__(self, model: str) -> bool:
        """Tell whether a model has a name of its own at any provider: hosts may have several."""
        return model in self._models

    def follow(self, settings: Settings) -> None:
        """Name the targets of the settings, from now on."""
        for route in settings.routes:
            for target in route.targets:
                if target.model != _KEEP:
                    self._name(target.provider, target.model)

    def of(self, provider: str, model: str, failure: FailureClass | None = None) -> str:
        """Return the label of a model after an attempt that ended like this."""
        if (provider, model) in self._named:
            return model
        unknown = failure is FailureClass.MODEL_NOT_FOUND
        if unknown or not self._room or len(model) > LONGEST_NAME or redact(model) != model:
            return OTHER
        self._room -= 1
        self._name(provider, model)
        return model

    def _name(self, provider: str, model: str) -> None:
        self._named.add((provider, model))
        self._models.add(model)
