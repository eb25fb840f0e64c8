"""The settings that only have a name, and no place in the file."""

from __future__ import annotations

import re
from typing import Final, Literal

from elizanet.errors import FailureClass
from elizanet.settings import ranges
from elizanet.settings.chains import is_model
from elizanet.settings.environment import Environment
from elizanet.settings.model import DEFAULT_DATABASE, OWN_FAILURES, ModelTypeSettings
from elizanet.settings.report import nearest, shown
from elizanet.settings.sections import either

MODEL_TYPES: Final = (
    "TEXT_SMALL",
    "TEXT_LARGE",
    "REASONING_SMALL",
    "REASONING_LARGE",
    "TEXT_COMPLETION",
    "TEXT_SMALL_STREAM",
    "TEXT_LARGE_STREAM",
    "TEXT_EMBEDDING",
    "IMAGE",
    "OBJECT_SMALL",
    "OBJECT_LARGE",
    "TEXT_TOKENIZER_ENCODE",
    "TEXT_TOKENIZER_DECODE",
)
_ALL: Final = "all"
_DATABASE: Final = re.compile(r"none|sqlite:///.+|postgres(?:ql)?://[^\s/]+.*", re.ASCII)


def read_model_types(environment: Environment) -> ModelTypeSettings:
    """Read the model name of each model type."""
    default = ModelTypeSettings()
    small = _model(environment, "ELIZANET_SMALL_MODEL", "SMALL_MODEL") or default.small
    large = _model(environment, "ELIZANET_LARGE_MODEL", "LARGE_MODEL") or default.large
    dimensions = environment.whole("ELIZANET_EMBEDDING_DIMENSIONS", ranges.DIMENSIONS)
    for size in ("SMALL", "LARGE"):
        environment.inherit(f"ELIZANET_REASONING_{size}_MODEL", f"ELIZANET_{size}_MODEL")
    environment.inherit("ELIZANET_COMPLETION_MODEL", "ELIZANET_LARGE_MODEL")
    return ModelTypeSettings(
        small=small,
        large=large,
        reasoning_small=_model(environment, "ELIZANET_REASONING_SMALL_MODEL") or small,
        reasoning_large=_model(environment, "ELIZANET_REASONING_LARGE_MODEL") or large,
        completion=_model(environment, "ELIZANET_COMPLETION_MODEL") or large,
        embedding=_model(environment, "ELIZANET_EMBEDDING_MODEL") or default.embedding,
        embedding_dimensions=either(dimensions, default.embedding_dimensions),
        image=_model(environment, "ELIZANET_IMAGE_MODEL") or default.image,
    )


def _model(environment: Environment, *names: str) -> str | None:
    """Return the model of the first of these settings that is given."""
    allowed = "the name of a model"
    for name in names:
        model = environment.text(name, allowed, setting=names[0])
        if model is None:
            continue
        if is_model(model):
            return model
        environment.wrong(name, allowed)
    return None


def read_models(environment: Environment) -> frozenset[str] | None:
    """Read which model types the plugin takes care of; None is all."""
    text = environment.text("ELIZANET_MODELS", "a list of model types, with commas between them")
    if text is None or text.lower() == _ALL:
        return None
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in MODEL_TYPES:
            sentence = f"{shown(name)} is not a model type{nearest(name, MODEL_TYPES)}"
            environment.problem("ELIZANET_MODELS", f"is wrong: {sentence}")
    if not names:
        environment.wrong("ELIZANET_MODELS", 'a list of model types, or "all"')
    return frozenset(names)


def read_fallback_on(environment: Environment) -> frozenset[FailureClass]:
    """Read which failures of an agent's own provider the plugin answers for."""
    text = environment.text("ELIZANET_FALLBACK_ON", "a list of failure classes")
    if text is None:
        return OWN_FAILURES
    known = [member.value for member in FailureClass if member is not FailureClass.CANCELLED]
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            sentence = f"{shown(name)} is not a failure class{nearest(name, known)}"
            environment.problem("ELIZANET_FALLBACK_ON", f"is wrong: {sentence}")
    if not names:
        environment.wrong("ELIZANET_FALLBACK_ON", "a list of failure classes")
    return frozenset(FailureClass(name) for name in names if name in known)


def read_primary_timeout(environment: Environment) -> float | None:
    """Read how many seconds an agent's own provider has; None is as long as it takes."""
    milliseconds = environment.whole("ELIZANET_PRIMARY_TIMEOUT", ranges.WHOLE_MILLISECONDS)
    return None if milliseconds is None else milliseconds / 1000


def read_embedding_on_failure(environment: Environment) -> Literal["vector", "raise"]:
    """Read what becomes of an embedding that nobody could make."""
    choice = environment.choice("ELIZANET_EMBEDDING_ON_FAILURE", ("vector", "raise"))
    return "raise" if choice == "raise" else "vector"


def read_database(environment: Environment) -> str:
    """Read where the records go."""
    allowed = '"none", "sqlite:///PATH" or "postgresql://..."'
    database = environment.text("ELIZANET_DB", allowed)
    if database is not None and not _DATABASE.fullmatch(database):
        environment.wrong("ELIZANET_DB", allowed)
    return either(database, DEFAULT_DATABASE)
