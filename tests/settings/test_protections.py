"""`[hedge]`, `[stream]`, `[hooks]`, what the gateway takes on, and limits to a provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.settings import (
    HedgeSettings,
    HookSettings,
    RateLimits,
    Settings,
    StreamSettings,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

P = '[providers.p]\nbase_url = "http://localhost"\n'


@pytest.mark.parametrize(
    ("written", "after"),
    [('"auto"', "auto"), ('"p95"', "p95"), ('"off"', "off"), ("2.5", 2.5), ("3", 3)],
)
def test_a_hedge_waits_for_seconds_or_by_a_rule(load: Load, written: str, after: object) -> None:
    """Left out, it is the late hedge."""
    assert load(f"[hedge]\nafter = {written}").hedge.after == after
    assert load("[hedge]").hedge == load("").hedge == HedgeSettings("auto")


@pytest.mark.parametrize("written", ["0", "-1", "true", "nan", '"p99"', '"2.5"', '"Auto"', "[]"])
def test_another_wait_of_a_hedge_is_refused(problems: Problems, written: str) -> None:
    """With the words and the numbers that are allowed."""
    (problem,) = problems(f"[hedge]\nafter = {written}")
    assert problem.startswith("elizanet.toml:2: hedge.after is ")
    assert problem.endswith(
        'it must be "auto", "p95" or "off", or a number of seconds above 0 and at most 86400'
    )


def test_streams_are_treated_as_the_file_says(load: Load, problems: Problems) -> None:
    """Each by itself; a wrong word or flag is refused."""
    assert load("").stream == load("[stream]").stream == StreamSettings()
    toml = '[stream]\non_break = "continue"\nfold_unary = true\ncount_usage = true'
    assert load(toml).stream == StreamSettings("continue", fold_unary=True, count_usage=True)
    wrong = '[stream]\non_break = "stop"\nfold_unary = 1\ncount_usage = "no"\nfold_unry = true'
    assert problems(wrong) == (
        'elizanet.toml:2: stream.on_break is "stop"; it must be "error" or "continue"',
        "elizanet.toml:3: stream.fold_unary is 1; it must be true or false",
        'elizanet.toml:4: stream.count_usage is "no"; it must be true or false',
        'elizanet.toml:5: unknown key stream.fold_unry; did you mean "fold_unary"?',
    )


def test_hooks_are_functions_of_modules(load: Load, problems: Problems) -> None:
    """Each of the four; whether they exist is found out where they are used."""
    names = ("classify", "transform_request", "process_response", "health")
    toml = "[hooks]\n" + "".join(f'{name} = "my.rules:{name}"\n' for name in names)
    assert load(toml).hooks == HookSettings(*(f"my.rules:{name}" for name in names))
    assert load("[hooks]").hooks == HookSettings(None, None, None, None)
    assert problems(toml.replace(":", ".")) == tuple(
        f'elizanet.toml:{line}: hooks.{name} is "my.rules.{name}"; '
        f'it must be "module:function", as in "my_rules:{name}"'
        for line, name in enumerate(names, 2)
    )


def test_the_gateway_is_told_how_much_to_take_on(load: Load, problems: Problems) -> None:
    """No time for running calls at all is a choice; no call at all is not."""
    gateway = load("[gateway]\nmax_in_flight = 5\ndrain = 0").gateway
    assert (gateway.max_in_flight, gateway.drain) == (5, 0)
    assert (load("").gateway.max_in_flight, load("").gateway.drain) == (1000, 120)
    assert problems("[gateway]\nmax_in_flight = 0\ndrain = -1") == (
        "elizanet.toml:2: gateway.max_in_flight is 0; it must be a whole number of calls from 1 to 1000000",
        "elizanet.toml:3: gateway.drain is -1; it must be a number of seconds from 0 to 86400",
    )


def test_paths_without_a_model_go_to_a_provider_that_exists(load: Load, problems: Problems) -> None:
    """One of the file or of the environment; it is asked, so it is not called idle."""
    settings = load(f'[gateway]\npassthrough = "p"\n{P}')
    assert (settings.gateway.passthrough, settings.warnings) == ("p", ())
    openai = load('[gateway]\npassthrough = "openai"', environ={"OPENAI_API_KEY": "k"})
    assert openai.gateway.passthrough == "openai"
    assert load("").gateway.passthrough is None
    toml = '[gateway]\npassthrough = "{}"\n[providers.azure]\nbase_url = "http://localhost"\n'
    for written, sentence in {
        "azur": 'there is no provider "azur"; did you mean "azure"?',
        "openai": 'there is no provider "openai" (set OPENAI_API_KEY, or add its table); allowed',
    }.items():
        (problem,) = problems(toml.replace("{}", written))
        assert problem.startswith(f"elizanet.toml:2: gateway.passthrough: {sentence}")
    (problem,) = problems("[gateway]\npassthrough = true")
    assert problem.endswith("gateway.passthrough is true; it must be the name of a provider")


def test_our_own_limits_are_those_of_one_provider(load: Load, problems: Problems) -> None:
    """Requests and tokens a minute, each or none."""
    toml = f"{P}limits = {{ rpm = 60 }}\n[providers.q]\nbase_url = 'http://localhost'\n"
    providers = load(toml).providers
    assert providers["p"].limits == RateLimits(rpm=60, tpm=None)
    assert providers["q"].limits == RateLimits(None, None)
    assert problems(f"{P}limits = {{ rpm = 0, tpm = 1e3, concurrent = 1 }}") == (
        "elizanet.toml:3: providers.p.limits.rpm is 0; it must be a whole number from 1 to 1000000000",
        "elizanet.toml:3: unknown key providers.p.limits.concurrent; allowed here: rpm, tpm",
    )


def test_limits_are_shown_where_there_are_any(load: Load) -> None:
    """With the line that sets them."""
    settings = load(f"{P}limits = {{ tpm = 1_000 }}\n[models.m]\nchain = ['p/*']")
    rows = {name: (value, str(origin)) for name, value, origin in settings.describe()}
    assert rows["providers.p.limits.tpm"] == ("1000", "elizanet.toml:3")
    assert "providers.p.limits.rpm" not in rows


@pytest.mark.parametrize(
    "kind",
    [
        "chat/completions",
        "completions",
        "embeddings",
        "images/generations",
        "images/edits",
        "images/variations",
        "audio/speech",
        "audio/transcriptions",
        "audio/translations",
        "moderations",
        "responses",
        "models",
    ],
)
def test_each_kind_of_request_may_have_a_path(load: Load, kind: str) -> None:
    """Of its own at one provider."""
    settings = load(f'{P}paths = {{ "{kind}" = "/elsewhere" }}')
    assert settings.providers["p"].paths == {kind: "/elsewhere"}
