"""The most specific pattern serves a name."""

from __future__ import annotations

import itertools
import time

import pytest

from elizanet.settings import ProviderSettings, RouteSettings, Settings, TargetSettings

PATTERNS = ("*", "gpt-*", "gpt-4o*", "gpt-4o", "*-mini", "gpt-4o-????", "openai/*", "g*t-4*")


def settings(*patterns: str) -> Settings:
    target = TargetSettings("p", "*")
    return Settings(
        providers={"p": ProviderSettings("p", "http://localhost/v1")},
        routes=tuple(RouteSettings(pattern, (target,)) for pattern in patterns),
    )


@pytest.mark.parametrize(
    ("model", "pattern"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4o-????"),
        ("gpt-4o-2024", "gpt-4o-????"),
        ("gpt-4o-audio", "gpt-4o*"),
        ("gpt-4.1", "gpt-*"),
        ("o3-mini", "*-mini"),
        ("openai/gpt-4o", "openai/*"),
        ("claude", "*"),
        ("GPT-4o", "*"),
        ("", "*"),
    ],
)
def test_the_exact_name_and_then_the_most_specific_glob_win(model: str, pattern: str) -> None:
    """Whatever the order in which they stand."""
    for patterns in itertools.islice(itertools.permutations(PATTERNS), 0, 40320, 997):
        route = settings(*patterns).route_for(model)
        assert route is not None
        assert route.pattern == pattern


def test_between_equals_the_longer_beginning_and_then_the_first_wins() -> None:
    """Every pair of patterns has an order that can be told from the file."""
    route = settings("*ab", "a*b", "ab*").route_for("ab")
    assert route is not None
    assert route.pattern == "ab*"
    for patterns in (("a*", "a?"), ("a?", "a*")):
        one_character = settings(*patterns).route_for("ab")
        assert one_character is not None
        assert one_character.pattern == "a?"
    first = settings("*a*", "*b*").route_for("ab")
    assert first is not None
    assert first.pattern == "*a*"


def test_a_model_that_no_pattern_matches_has_no_route() -> None:
    """The gateway answers it with model_not_found."""
    assert settings("gpt-*").route_for("claude") is None
    assert settings("gpt-4o").route_for("gpt-4o-mini") is None


def test_a_hostile_name_is_matched_in_no_time() -> None:
    """Many stars and a long name must not multiply."""
    hostile = settings("*a" * 40 + "b")
    began = time.perf_counter()
    assert hostile.route_for("a" * 5000) is None
    assert time.perf_counter() - began < 0.5
