"""Vectors of different models are not comparable, so a chain must not mix them.

A model is known by the last segment of its name, in any case: `text-embedding-3-small`,
`openai/text-embedding-3-small` and `Text-Embedding-3-Small` are one space. Names that say
nothing about embeddings are left alone, save the one that is configured as the embedding
model: what such a chain serves is known when it is asked, and then it does not move either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from elizanet.settings.model import TargetSettings

_EMBEDDING: Final = re.compile(
    r"embed|(?<![a-z0-9])(?:bge|gte|e5|voyage|all-minilm|all-mpnet)(?![a-z0-9])"
)
_RANKING: Final = "rerank"


def mixed(pattern: str, targets: Sequence[TargetSettings], embedding_model: str) -> list[str]:
    """Return the models whose vectors a route would mix, or nothing."""
    names = [pattern if target.model == "*" else target.model for target in targets]
    embeds = pattern == embedding_model or any(_is_embedding(name) for name in (pattern, *names))
    spaces = {space_of(name): name for name in names}
    return list(spaces.values()) if embeds and len(spaces) > 1 else []


def _is_embedding(name: str) -> bool:
    folded = name.casefold()
    return bool(_EMBEDDING.search(folded)) and _RANKING not in folded


def space_of(name: str) -> str:
    """Return the same for the names of one model, for all that names can tell."""
    return name.rpartition("/")[2].casefold()
