"""What is reserved is refused, and what asks for nothing new is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.settings import Settings, later

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

SOURCE = Path(later.__file__).parent
PROVIDER = '[providers.p]\nbase_url = "http://localhost"\n'
ROUTE = PROVIDER + '[models."m"]\n'


@pytest.mark.parametrize(
    ("toml", "name"),
    [
        ('[gateway]\npassthrough = "openai"', "gateway.passthrough"),
        ('[[gateway.callers]]\nalias = "a"', "gateway.callers"),
        (PROVIDER + 'api_keys = ["env:A"]', "providers.p.api_keys"),
        (PROVIDER + "limits = { rpm = 1 }", "providers.p.limits"),
        (PROVIDER + 'paths = { "audio/speech" = "/x" }', 'providers.p.paths."audio/speech"'),
        (ROUTE + 'chain = [{ target = "p/m", weight = 3 }]', "models.m.chain[0].weight"),
        (ROUTE + 'chain = [{ target = "p/m", tier = 1 }]', "models.m.chain[0].tier"),
        (ROUTE + 'chain = [{ target = "p/m", price = { input = 1 } }]', "models.m.chain[0].price"),
        ('[hooks]\ntransform_request = "a:b"', "hooks.transform_request"),
        ('[hooks]\nprocess_response = "a:b"', "hooks.process_response"),
        ('[hooks]\nhealth = "a:b"', "hooks.health"),
        ('[records]\ncapture = "off"', "records"),
        ('[hedge]\nafter = "auto"', "hedge.after"),
        ("[hedge]\nafter = 2.5", "hedge.after"),
        ('[stream]\non_break = "continue"', "stream.on_break"),
        ("[stream]\nfold_unary = true", "stream.fold_unary"),
        ("[stream]\nfold_unary = 0", "stream.fold_unary"),
        ("[stream]\ncount_usage = true", "stream.count_usage"),
        ("[health]\ninterval = 30.0", "health.interval"),
    ],
)
def test_a_reserved_key_is_refused_on_its_line(problems: Problems, toml: str, name: str) -> None:
    """By its full name, and nothing else is said."""
    (problem,) = problems(toml)
    place, _, sentence = problem.partition(": ")
    first = (
        1
        if name == "records"
        else toml.count("\n", 0, toml.rindex(name.rpartition(".")[2].strip('"'))) + 1
    )
    assert place == f"elizanet.toml:{first}"
    assert sentence.startswith(f"{name} is not available yet")


def test_what_asks_for_nothing_new_may_be_written(load: Load) -> None:
    """The defaults of the contract that are how things are anyway."""
    load(
        '[hedge]\nafter = "off"\n[health]\ninterval = 0\n'
        '[stream]\non_break = "error"\nfold_unary = false\ncount_usage = false\n'
    )
    load("[health]\ninterval = 0.0\n[hedge]\n[stream]\n")


def test_the_sentence_says_what_may_be_written(problems: Problems) -> None:
    """As TOML writes it."""
    assert problems(
        '[hedge]\nafter = "auto"\n[stream]\nfold_unary = true\n[health]\ninterval = 1'
    ) == (
        'elizanet.toml:2: hedge.after is not available yet; it may only be "off"',
        "elizanet.toml:4: stream.fold_unary is not available yet; it may only be false",
        "elizanet.toml:6: health.interval is not available yet; it may only be 0",
    )


def test_an_unknown_key_beside_a_reserved_one_is_unknown(problems: Problems) -> None:
    """And the reserved one is the nearest."""
    assert problems("[hedge]\naftr = 1\n[healt]\n") == (
        'elizanet.toml:2: unknown key hedge.aftr; did you mean "after"?',
        'elizanet.toml:3: unknown key healt; did you mean "health"?',
    )
    (problem,) = problems("hedge = 3")
    assert problem.startswith("elizanet.toml:1: hedge is 3; it must be a table")


def test_a_reserved_variable_is_refused(problems: Problems) -> None:
    """From any source."""
    (problem,) = problems(environ={"ELIZANET_DB": "sqlite:///x.db"})
    assert problem.startswith("ELIZANET_DB (environment) is not available yet")


def test_the_list_is_in_one_place() -> None:
    """The issue that builds a key deletes its line there, and nothing else names it."""
    others = [path for path in SOURCE.glob("*.py") if path.name != "later.py"]
    assert len(others) > 10
    for name in ("passthrough", "fold_unary", "api_keys", "keep_days", "not available yet"):
        assert not [path.name for path in others if name in path.read_text(encoding="utf-8")]
