"""`docs/configuration.md` says what the code does: names, defaults, examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.settings import Settings
from elizanet.settings.address import normalised
from elizanet.settings.environment import NAMES

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
CELLS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
ROWS = {cells[0].strip("`"): cells[3].strip("`") for cells in CELLS if len(cells) == 4}
P = '[providers.p]\nbase_url = "http://localhost"\n'
CALLER = "[[gateway.callers]]\nalias = 'a'\nkey = 'k'\n"
PRICED = "{ target = 'p/m', price = { input = 1, output = 1, HERE } }"

ALIASES = {
    "ELIZANET_BASE_URL": "providers.elizanet.base_url",
    "ELIZANET_API_KEY": "providers.elizanet.api_key",
}
"""Variables whose row is shown under the name of the file."""


def test_each_documented_default_is_the_code_s(load: Load) -> None:
    """And each setting that the code shows is documented."""
    defaults = {name: value for name, value, _ in load().describe()}
    for name, value in defaults.items():
        assert ROWS.get(name) == value, name
    for variable, name in ALIASES.items():
        assert ROWS[variable] == defaults[name]
    assert float(ROWS["ELIZANET_TIMEOUT"]) == 1000 * float(
        defaults["providers.elizanet.timeouts.attempt"]
    )


def test_the_defaults_of_openai_are_the_code_s(load: Load) -> None:
    """They hold once one of the two variables is set."""
    by_key = load(environ={"OPENAI_API_KEY": "k"}).providers["openai"]
    assert by_key.base_url == ROWS["OPENAI_BASE_URL"]
    by_address = load(environ={"OPENAI_BASE_URL": "http://localhost"}).providers["openai"]
    assert (by_address.api_keys, ROWS["OPENAI_API_KEY"]) == ((), "none")


def test_every_variable_is_documented_and_every_documented_one_exists() -> None:
    """No name more, no name less."""
    assert {name for name in ROWS if name.isupper()} == set(NAMES)


@pytest.mark.parametrize(
    ("toml", "documented"),
    [
        ("[gateway]\n", "gateway."),
        (CALLER, "gateway.callers."),
        (CALLER + "limits = { HERE }", "gateway.callers.limits."),
        (P, "providers.NAME."),
        (P + "limits = { HERE }", "providers.NAME.limits."),
        (P + "[models.m]\nchain = ['p/m']\n", "models.NAME."),
        (P + "[models.m]\nchain = [{ target = 'p/m', HERE }]", "models.NAME.chain."),
        (P + f"[models.m]\nchain = [{PRICED}]", "models.NAME.chain.price."),
        ("[timeouts]\n", "timeouts."),
        ("[retry]\n", "retry."),
        ("[hedge]\n", "hedge."),
        ("[stream]\n", "stream."),
        ("[policy]\n", "policy."),
        ("[hooks]\n", "hooks."),
        ("[records]\n", "records."),
        ("[health]\n", "health."),
    ],
)
def test_every_key_of_a_table_is_documented(problems: Problems, toml: str, documented: str) -> None:
    """What a table allows is what the page has rows for."""
    line = "QQQQQQ = 1"
    (problem,) = problems(toml.replace("HERE", line) if "HERE" in toml else f"{toml}{line}\n")
    allowed = set(problem.split("allowed here: ")[1].split(", "))
    rows = {name.removeprefix(documented) for name in ROWS if name.startswith(documented)}
    assert {name for name in rows if "." not in name} == allowed


def test_the_kinds_of_request_are_documented(problems: Problems) -> None:
    """Those that may have a path of their own."""
    (problem,) = problems(P + 'paths = { "QQQQQQ" = "/x" }')
    (documented,) = re.findall(r"^Kinds of request: ([^.]*)\.", PAGE, re.MULTILINE)
    assert set(problem.split("allowed here: ")[1].split(", ")) == set(
        re.findall(r"`([^`]*)`", documented)
    )


def test_the_examples_load(load: Load, problems: Problems, tmp_path: Path) -> None:
    """Together, without a warning; the file of a key is on the reader's machine only."""
    example = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    environ = {name: name for name in re.findall(r'"env:(\w+)"', example)}
    (problem,) = problems(example, environ=environ)
    assert "/run/secrets/groq" in problem
    (tmp_path / "groq").write_text("key")
    settings = load(example.replace("/run/secrets/groq", "groq"), environ=environ)
    assert settings.warnings == ()
    assert [len(tier) for tier in settings.routes[0].tiers()] == [2, 1, 1]


def test_the_example_sentences_are_what_is_said(problems: Problems) -> None:
    """Word for word, save the lines."""
    toml = '[gateway]\n\n\nprot = 1\n\n\n[providers.openai]\n\napi_key = "env:OPENAI_API_KEY"\n'
    assert problems(toml) == tuple(re.findall(r"^    (elizanet\.toml:.*)$", PAGE, re.MULTILINE))


def test_the_table_of_base_urls_is_true() -> None:
    """The written address and the request that follows from it."""
    rows = [[cell.strip("`") for cell in cells] for cells in CELLS if len(cells) == 2]
    assert len(rows) == 4
    for written, request in rows:
        assert f"{normalised(written)}/chat/completions" == request


def test_links_inside_the_page_lead_somewhere() -> None:
    """Each anchor is a heading."""
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= anchors
