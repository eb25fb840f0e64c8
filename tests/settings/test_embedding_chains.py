"""A chain across embedding spaces is refused, and nothing else is."""

from __future__ import annotations

import pytest

from elizanet.settings import TargetSettings
from elizanet.settings.embeddings import mixed


def models_mixed(pattern: str, *targets: str, embedding_model: str = "") -> list[str]:
    parts = [target.partition("/") for target in targets]
    chain = [TargetSettings(provider, model) for provider, _, model in parts]
    return mixed(pattern, chain, embedding_model)


@pytest.mark.parametrize(
    ("pattern", "targets"),
    [
        ("text-embedding-3-*", ("openai/*", "elizanet/text-embedding-3-small")),
        ("text-embedding-3-small", ("openai/*", "elizanet/text-embedding-3-large")),
        ("text-embedding-3-small", ("a/text-embedding-3-small", "b/text-embedding-ada-002")),
        ("vectors", ("a/text-embedding-3-small", "b/nomic-embed-text")),
        ("*", ("openai/*", "ollama/nomic-embed-text")),
        ("search", ("a/voyage-3", "b/BAAI/bge-m3")),
        ("bge-m3", ("a/*", "b/multilingual-e5-large")),
    ],
)
def test_different_embedding_models_are_mixed(pattern: str, targets: tuple[str, ...]) -> None:
    """By the pattern or by any target."""
    assert len(models_mixed(pattern, *targets)) > 1


@pytest.mark.parametrize(
    ("pattern", "targets"),
    [
        ("*", ("openai/*", "elizanet/*")),
        ("text-embedding-3-*", ("openai/*", "elizanet/*")),
        ("text-embedding-3-small", ("openai/*", "elizanet/text-embedding-3-small")),
        ("small", ("a/text-embedding-3-small", "b/openai/Text-Embedding-3-Small")),
        ("gpt-4o", ("openai/gpt-4o", "azure/gpt-4o-mini")),
        ("gpt-*", ("openai/*", "elizanet/claude")),
        ("rank", ("a/bge-reranker-v2", "b/rerank-3")),
        ("text-embedding-3-small", ("openai/*",)),
        ("text-embedding-3-small", ()),
    ],
)
def test_one_space_or_no_embeddings_are_not_mixed(pattern: str, targets: tuple[str, ...]) -> None:
    """The last segment of a name, in any case, is the model."""
    assert models_mixed(pattern, *targets) == []


def test_the_configured_embedding_model_is_one_whatever_its_name() -> None:
    """A name that says nothing is still what TEXT_EMBEDDING asks for."""
    targets = ("a/vectors-1", "b/vectors-2")
    assert models_mixed("vectors", *targets) == []
    assert models_mixed("vectors", *targets, embedding_model="vectors") == [
        "vectors-1",
        "vectors-2",
    ]
