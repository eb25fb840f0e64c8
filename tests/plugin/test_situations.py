"""The table of situations in docs/elizaos.md is what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.situations import SITUATIONS, Situation, outcome_of

GUIDE = Path(__file__).parents[2] / "docs" / "elizaos.md"
HEAD = "| situation | outcome | asked: provider | asked: ElizaNet |"


def rows() -> dict[str, str]:
    """Return the outcome of each situation that the guide has."""
    lines = GUIDE.read_text(encoding="utf-8").partition(HEAD)[2].splitlines()[2:]
    table = lines[: lines.index("")]
    cells = (line.removeprefix("| ").removesuffix(" |").partition(" | ") for line in table)
    return {name: outcome for name, _, outcome in cells}


def test_the_table_has_every_situation() -> None:
    """Each once, in the order in which they are tried."""
    assert list(rows()) == [situation.name for situation in SITUATIONS]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
async def test_the_outcome_is_what_the_table_says(situation: Situation) -> None:
    """`python scripts/elizaos_situations.py --write` writes it anew."""
    assert rows()[situation.name] == await outcome_of(situation)
