"""`elizanet drill`: rehearsed outages as tables, lines, JSON and a drawing."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree as ET

import pytest

Run = Callable[..., Awaitable[CompletedProcess[str]]]

KEY = "sk-planted-0123456789abcdef"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ONE = ("--scenario", "primary-down", "--rate", "0.5")
CONFIGURATION = """\
[providers.first]
base_url = "https://first.example/v1"
api_key = "env:THE_KEY"
[providers.second]
base_url = "https://second.example/v1"
[models."large"]
chain = ["first/large", "second/large"]
[models."small"]
chain = ["second/small"]
"""


@pytest.fixture(autouse=True)
def _configured(tmp_path: Path) -> None:
    (tmp_path / "elizanet.toml").write_text(CONFIGURATION)


async def test_an_outage_is_told_in_lines(run: Run) -> None:
    """What is rehearsed, the rows that differ, and what made no difference."""
    ended = await run("drill", *ONE, THE_KEY=KEY)
    assert (ended.returncode, ended.stderr) == (0, "")
    heading, empty, title, names, *rows = ended.stdout.splitlines()
    assert heading == "large: first/large -> second/large; streams, 0.5 calls a second"
    assert (empty, title.partition(":")[0]) == ("", "primary-down")
    assert names.split() == ["answered", "p50", "p99", "attempts", "cost"]
    assert re.match(
        r"  all protections +100\.0% +0\.\d\d s +\d\.\d\d s +1\.0\d +1\.00  █+$", rows[0]
    )
    assert any(re.match(r"  the first choice alone +\d\d\.\d% .*▁▁▁▁", row) for row in rows)
    assert re.fullmatch(r"  no difference without: [a-z, ]+", rows[-1])
    assert KEY not in ended.stdout


async def test_the_json_has_every_variation(run: Run) -> None:
    """For machines: all figures, and the share of answers over time."""
    ended = await run("drill", *ONE, "--json", "--no-stream", THE_KEY=KEY)
    report = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert (report["model"], report["stream"], report["calls_a_second"]) == ("large", False, 0.5)
    (scenario,) = report["scenarios"]
    assert (scenario["outage_begins"], scenario["outage_ends"]) == (60.0, 660.0)
    rows = {row["name"]: row for row in scenario["variations"]}
    assert rows["all protections"]["answered"] == rows["all protections"]["calls"]
    assert min(rows["the first choice alone"]["answered_over_time"]) == 0.0
    assert {"without breaker", "no protections"} <= rows.keys()


async def test_the_same_seed_prints_the_same(run: Run) -> None:
    """Nothing depends on the machine."""
    one, again, other = [
        (await run("drill", *ONE, "--seed", seed, THE_KEY=KEY)).stdout for seed in "112"
    ]
    assert one == again != other


async def test_a_model_is_chosen(run: Run) -> None:
    """Its chain is rehearsed; one that no chain serves is wrong usage."""
    small = await run("drill", *ONE, "--model", "small", THE_KEY=KEY)
    assert small.stdout.startswith("small: second/small;")
    wrong = await run("drill", "--model", "huge", THE_KEY=KEY)
    assert wrong.returncode == 2
    assert "no chain serves the model 'huge'; served are large, small" in wrong.stderr


async def test_scenarios_are_listed_and_misspelled(run: Run) -> None:
    """The nearest one is named."""
    listed = await run("drill", "--list")
    assert [line.split()[0] for line in listed.stdout.splitlines()][:2] == [
        "primary-down",
        "primary-hangs",
    ]
    assert "primary-down" in json.loads((await run("drill", "--list", "--json")).stdout)
    wrong = await run("drill", "--scenario", "primary-dwn")
    assert (wrong.returncode, "did you mean 'primary-down'?" in wrong.stderr) == (2, True)


async def test_the_drawing_is_one_file_that_needs_no_other(run: Run, tmp_path: Path) -> None:
    """Well-formed SVG with a panel for each outage, for light and dark."""
    ended = await run("drill", *ONE, "--scenario", "all-down", "--plot", "o.svg", THE_KEY=KEY)
    assert ended.returncode == 0
    text = (tmp_path / "o.svg").read_text()
    drawing = ET.fromstring(text)  # noqa: S314 -- our own
    lines = drawing.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert [line.get("class") for line in lines] == ["alone", "none", "all"] * 2
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(href|src|url\()", text)


async def test_what_cannot_be_done_is_one_sentence(run: Run) -> None:
    """A drawing that cannot be written: 1. Settings that cannot work, a wrong rate: 2."""
    nowhere = await run("drill", *ONE, "--plot", "nowhere/o.svg", THE_KEY=KEY)
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("elizanet: nowhere/o.svg: ")
    missing = await run("drill", *ONE)
    assert missing.returncode == 2
    assert "THE_KEY" in missing.stderr
    assert (await run("drill", "--rate", "0", THE_KEY=KEY)).returncode == 2
    for ended in (nowhere, missing):
        assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("columns", [80, 130])
async def test_a_terminal_shows_a_table_that_fits(run_in_terminal: Run, columns: int) -> None:
    """Colours for what was answered, a line over time."""
    ended = await run_in_terminal("drill", *ONE, columns=columns, THE_KEY=KEY)
    assert ended.returncode == 0
    assert "\x1b[32m" in ended.stdout
    assert "\x1b[31m" in ended.stdout
    lines = [line.rstrip() for line in ESCAPES.sub("", ended.stdout).splitlines()]
    assert max(map(len, lines)) <= columns
    assert any(re.match(r"all protections +100.0%.*█{8}", line) for line in lines)
    plain = await run_in_terminal("drill", *ONE, columns=columns, THE_KEY=KEY, NO_COLOR="1")
    assert "\x1b[3" not in plain.stdout


async def test_an_encoding_without_blocks_gets_other_signs(run: Run) -> None:
    """The line over time is then drawn in ASCII."""
    ended = await run("drill", *ONE, THE_KEY=KEY, PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert "####" in ended.stdout
    assert "\\u" not in ended.stdout
