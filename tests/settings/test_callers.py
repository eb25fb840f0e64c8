"""Who may call the gateway: the short form, the long form, and both together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.settings import CallerLimits, CallerSettings, Secret, Settings

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

KEYS = {"A": "key of a", "B": "key of b", "C": "key of c"}
CALLER = '[[gateway.callers]]\nalias = "team-a"\nkey = "env:A"\n'


def test_keys_are_callers_without_a_name_of_their_own(load: Load) -> None:
    """They are counted from one, and may ask for everything."""
    gateway = load('[gateway]\nkeys = ["env:A", "env:B"]', environ=KEYS).gateway
    assert gateway.callers == (
        CallerSettings("key-1", Secret("key of a")),
        CallerSettings("key-2", Secret("key of b")),
    )


def test_a_caller_is_what_its_table_says(load: Load) -> None:
    """In the order of the file, keys first; what is left out is no limit."""
    toml = (
        '[gateway]\nkeys = ["env:A"]\n'
        '[[gateway.callers]]\nalias = "team.b@home"\nkey = "env:B"\nmodels = ["gpt-4o*", "o?"]\n'
        "limits = { rpm = 60, tpm = 9_000, concurrent = 2 }\n"
        '[[gateway.callers]]\nalias = "c"\nkey = "env:C"\nlimits = { concurrent = 1 }\n'
    )
    assert load(toml, environ=KEYS).gateway.callers == (
        CallerSettings("key-1", Secret("key of a")),
        CallerSettings(
            "team.b@home", Secret("key of b"), ("gpt-4o*", "o?"), CallerLimits(60, 9_000, 2)
        ),
        CallerSettings("c", Secret("key of c"), (), CallerLimits(concurrent=1)),
    )


def test_a_caller_opens_the_door_to_other_machines(load: Load) -> None:
    """As a key of the short form does."""
    toml = f'[gateway]\nhost = "0.0.0.0"\n{CALLER}'
    assert load(toml, environ=KEYS).gateway.host == "0.0.0.0"
    assert load(toml, environ=KEYS).serving(port=1).gateway.port == 1


def test_wrong_callers_are_not_also_called_missing(problems: Problems) -> None:
    """Of a gateway for other machines, only what is wrong with its callers is told."""
    (problem,) = problems('[gateway]\nhost = "0.0.0.0"\nkeys = ["env:NOPE"]')
    assert problem.startswith("elizanet.toml:3: gateway.keys[0] needs the environment variable")
    toml = '[gateway]\nhost = "0.0.0.0"\ncallers = [{ alias = "a", key = "env:NOPE" }]'
    (problem,) = problems(toml)
    assert problem.startswith("elizanet.toml:3: gateway.callers[0].key needs the environment")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ('alias = "a"', '1: gateway.callers[0] needs a key, as in key = "env:TEAM_A_KEY"'),
        ('key = "env:A"', '1: gateway.callers[0] needs an alias, as in alias = "team-a"'),
        (
            'key = "env:A"\nalias = "a b"',
            '3: gateway.callers[0].alias is "a b"; it must be up to 64 letters, digits',
        ),
        ('key = "env:A"\nalias = ""', '3: gateway.callers[0].alias is ""; it must be'),
        ('key = "env:A"\nalias = 7', "3: gateway.callers[0].alias is 7; it must be"),
        ('alias = "a"\nkey = 7', '3: gateway.callers[0].key must be a text: "env:NAME"'),
        ('alias = "a"\nkey = "env:NOPE"', "3: gateway.callers[0].key needs the environment"),
        (
            'alias = "a"\nkey = "env:A"\nmodels = "gpt-4o"',
            '4: gateway.callers[0].models is "gpt-4o"; it must be a list of model names',
        ),
        (
            'alias = "a"\nkey = "env:A"\nmodels = []',
            "4: gateway.callers[0].models is empty; leave it out to allow every model",
        ),
        (
            'alias = "a"\nkey = "env:A"\nmodels = ["*", "[ab]"]',
            '4: gateway.callers[0].models[1] is "[ab]"; it must be the name of a model',
        ),
        (
            'alias = "a"\nkey = "env:A"\nmodels = [1]',
            "4: gateway.callers[0].models[0] is 1; it must be the name of a model",
        ),
        (
            'alias = "a"\nkey = "env:A"\nlimits = { rpm = 0 }',
            "4: gateway.callers[0].limits.rpm is 0; it must be a whole number from 1 to",
        ),
        (
            'alias = "a"\nkey = "env:A"\nlimits = { tpm = 0.5 }',
            "4: gateway.callers[0].limits.tpm is 0.5; it must be a whole number",
        ),
        (
            'alias = "a"\nkey = "env:A"\nlimits = { concurent = 1 }',
            '4: unknown key gateway.callers[0].limits.concurent; did you mean "concurrent"?',
        ),
        (
            'alias = "a"\nkey = "env:A"\nlimits = 60',
            "4: gateway.callers[0].limits is 60; it must be a table",
        ),
        (
            'alias = "a"\nkey = "env:A"\nmodel = "*"',
            '4: unknown key gateway.callers[0].model; did you mean "models"?',
        ),
    ],
)
def test_a_wrong_caller_is_told_on_its_line(problems: Problems, wrong: str, sentence: str) -> None:
    """One thing wrong is one sentence."""
    (problem,) = problems(f"[[gateway.callers]]\n{wrong}\n", environ=KEYS)
    assert problem.startswith(f"elizanet.toml:{sentence}")


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[gateway.callers]\nteam-a = 1", "1: gateway.callers is a table; it must be a list of"),
        ("[gateway]\ncallers = [7]", "2: gateway.callers[0] is 7; it must be a table"),
    ],
)
def test_callers_are_a_list_of_tables(problems: Problems, toml: str, sentence: str) -> None:
    """And the sentence shows how that is written."""
    (problem,) = problems(toml, environ=KEYS)
    assert problem.startswith(f"elizanet.toml:{sentence}")


def test_no_two_callers_have_the_same_alias(problems: Problems) -> None:
    """The names of the short form are taken, too."""
    other = CALLER.replace("env:A", "env:B")
    assert problems(CALLER + other, environ=KEYS) == (
        'elizanet.toml:5: gateway.callers[1].alias: another caller is "team-a" already',
    )
    short = '[gateway]\nkeys = ["env:B"]\n'
    assert problems(short + CALLER.replace("team-a", "key-1"), environ=KEYS) == (
        'elizanet.toml:4: gateway.callers[0].alias: another caller is "key-1" already',
    )


def test_no_two_callers_have_the_same_key(problems: Problems) -> None:
    """Neither in the long form nor across both: it would not be known who calls."""
    other = CALLER.replace("team-a", "b")
    assert problems(CALLER + other, environ=KEYS) == (
        "elizanet.toml:6: gateway.callers[1].key is the key of team-a too",
    )
    assert problems('[gateway]\nkeys = ["env:A"]\n' + CALLER, environ=KEYS) == (
        "elizanet.toml:5: gateway.callers[0].key is the key of key-1 too",
    )


def test_an_alias_that_looks_like_a_key_is_refused_unseen(problems: Problems) -> None:
    """Whoever has confused the two has to be told, but not in a log."""
    key = "sk-proj-T3BlbkFJq7planted8Zx0wVuYsRn2mKd4"
    (problem,) = problems(f'[[gateway.callers]]\nalias = "{key}"\nkey = "env:A"', environ=KEYS)
    assert problem.startswith("elizanet.toml:2: gateway.callers[0].alias looks like a key")
    assert "planted" not in problem


@pytest.mark.parametrize(
    ("models", "hint"),
    [
        ('["gpt-4o*", "gpt-4"]', 'models[1] is "gpt-4", which no chain serves; did you mean'),
        ('["claude-*"]', 'models[0] is "claude-*", which no chain serves; allowed here: gpt-4o'),
        ('["gpt-4o"]', None),
        ('["gpt-*"]', None),
        ('["*"]', None),
    ],
)
def test_a_model_that_no_chain_serves_is_warned_about(
    load: Load, models: str, hint: str | None
) -> None:
    """The caller would only ever hear that there is no such model."""
    chains = "[models.gpt-4o]\nchain = ['elizanet/*']\n"
    told = load(f"{CALLER}models = {models}\n{chains}", environ=KEYS).warnings
    assert len(told) == (hint is not None)
    assert not hint or told[0].startswith(f"elizanet.toml:4: gateway.callers[0].{hint}")
    assert load(f"{CALLER}models = {models}\n", environ=KEYS).warnings == ()


def test_a_glob_may_meet_the_glob_of_a_chain(load: Load) -> None:
    """Only what certainly allows nothing is warned about."""
    chains = "[models.'gpt-*']\nchain = ['elizanet/*']\n"
    assert load(f"{CALLER}models = ['*-4o', 'gpt-5']\n{chains}", environ=KEYS).warnings == ()
    (told,) = load(f"{CALLER}models = ['o1']\n{chains}", environ=KEYS).warnings
    assert 'is "o1", which no chain serves' in told


def test_the_key_of_a_caller_in_plain_sight_is_warned_about(load: Load) -> None:
    """As any other."""
    (told,) = load('[[gateway.callers]]\nalias = "a"\nkey = "planted"').warnings
    assert told.startswith("elizanet.toml:3: gateway.callers[0].key is a key in plain sight")


def test_callers_are_shown_without_their_keys_where_they_stand(load: Load) -> None:
    """One row each, with what they may do."""
    toml = '[gateway]\nkeys = [\n  "env:B",\n  "env:C",\n]\n' + CALLER
    settings = load(f'{toml}models = ["*"]\nlimits = {{ rpm = 5, concurrent = 2 }}', environ=KEYS)
    rows = {name: (value, str(origin)) for name, value, origin in settings.describe()}
    assert {name: row for name, row in rows.items() if "callers" in name} == {
        "gateway.callers.key-1": ("Secret(****)", "elizanet.toml:3"),
        "gateway.callers.key-2": ("Secret(****)", "elizanet.toml:4"),
        "gateway.callers.team-a": (
            "Secret(****) (models *; rpm 5; concurrent 2)",
            "elizanet.toml:6",
        ),
    }
    assert "key of" not in f"{settings.gateway!r}"
