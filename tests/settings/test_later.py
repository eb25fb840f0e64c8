"""What is reserved is refused, and what asks for nothing new is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.settings import Settings, later

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

SOURCE = Path(later.__file__).parent


@pytest.mark.parametrize(
    ("toml", "line", "name"),
    [
        ('[records]\ncapture = "off"', 1, "records"),
        ("[health]\n\ninterval = 30.0", 3, "health.interval"),
        ("health = { interval = true }", 1, "health.interval"),
    ],
)
def test_a_reserved_key_is_refused_on_its_line(
    problems: Problems, toml: str, line: int, name: str
) -> None:
    """By its full name, and nothing else is said."""
    (problem,) = problems(toml)
    assert problem.startswith(f"elizanet.toml:{line}: {name} is not available yet")


def test_what_asks_for_nothing_new_may_be_written(load: Load) -> None:
    """A value of the contract that is how things are anyway."""
    load("[health]\ninterval = 0\n")
    load("[health]\ninterval = 0.0\n")
    load("[health]\n")


def test_the_sentence_says_what_may_be_written(problems: Problems) -> None:
    """As TOML writes it."""
    assert problems("[health]\ninterval = 1") == (
        "elizanet.toml:2: health.interval is not available yet; it may only be 0",
    )


def test_an_unknown_key_beside_a_reserved_one_is_unknown(problems: Problems) -> None:
    """And the reserved one is the nearest."""
    assert problems("[health]\nintrval = 1\n[healt]\n") == (
        'elizanet.toml:2: unknown key health.intrval; did you mean "interval"?',
        'elizanet.toml:3: unknown key healt; did you mean "health"?',
    )
    (problem,) = problems("health = 3")
    assert problem.startswith("elizanet.toml:1: health is 3; it must be a table")


def test_a_reserved_variable_is_refused(problems: Problems) -> None:
    """From any source."""
    (problem,) = problems(environ={"ELIZANET_DB": "sqlite:///x.db"})
    assert problem.startswith("ELIZANET_DB (environment) is not available yet")


def test_the_list_is_in_one_place() -> None:
    """The issue that builds a key deletes its line there, and nothing else names it."""
    others = [path for path in SOURCE.glob("*.py") if path.name != "later.py"]
    assert len(others) > 10
    for name in ("interval", "keep_days", "not available yet"):
        assert not [path.name for path in others if name in path.read_text(encoding="utf-8")]
