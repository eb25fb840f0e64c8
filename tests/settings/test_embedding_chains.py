"""A chain across embedding spaces is refused, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.settings import Settings, TargetSettings
from elizanet.settings.embeddings import mixed

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]


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


def test_a_chain_that_mixes_embeddings_has_to_be_allowed(load: Load, problems: Problems) -> None:
    """It is refused by its models, and only `true` allows it."""
    toml = (
        '[providers.p]\nbase_url = "http://localhost"\n'
        "[models.text-embedding-3-small]\nchain = ['p/*', 'p/text-embedding-3-large']\n"
    )
    for written in ("", "allow_mixed_embeddings = false\n"):
        (problem,) = problems(toml + written)
        assert problem == (
            "elizanet.toml:4: models.text-embedding-3-small.chain mixes embeddings of "
            "text-embedding-3-small, text-embedding-3-large, whose vectors cannot be compared; "
            "allow_mixed_embeddings = true allows it"
        )
    (route,) = load(f"{toml}allow_mixed_embeddings = true\n").routes
    assert route.allow_mixed_embeddings
