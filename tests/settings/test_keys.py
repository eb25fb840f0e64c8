"""Keys: where they may stand, and what is said of those that stand badly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.settings import (
    Secret,
    Settings,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

P = '[providers.p]\nbase_url = "http://localhost"\n'


def test_a_key_in_a_file_is_relative_to_the_configuration(load: Load, tmp_path: Path) -> None:
    """Its last line break belongs to the editor."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "p").write_bytes(b"secret\r\n")
    settings = load(P + 'api_key = "file:keys/p"\n[models.m]\nchain = ["p/m"]')
    assert settings.providers["p"].api_keys == (Secret("secret"),)
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"planted\nsecond line\n", "has a line break"),
        (b"planted\xff", "cannot be read: the file is not UTF-8"),
        (b"x" * (2 << 20), "is larger than 1 MiB"),
    ],
)
def test_a_key_file_of_another_kind_is_refused(
    problems: Problems, tmp_path: Path, content: bytes, sentence: str
) -> None:
    """Without showing what is in it."""
    (tmp_path / "key").write_bytes(content)
    (problem,) = problems(P + 'api_key = "file:key"')
    assert problem.startswith("elizanet.toml:3: providers.p.api_key ")
    assert sentence in problem
    assert "planted" not in problem


def test_a_key_in_plain_sight_is_warned_about_without_showing_it(load: Load) -> None:
    """Keys of callers, keys of providers, and headers that carry keys; other headers are text."""
    settings = load(
        P
        + 'api_key = "planted-1"\nheaders = { X-Api-Key = "planted-2", X-Title = "my app" }\n'
        + '[gateway]\nkeys = ["planted-3"]\n[models.m]\nchain = ["p/m"]\n'
    )
    advice = 'is a key in plain sight; use "env:NAME" or "file:PATH"'
    assert set(settings.warnings) == {
        f"elizanet.toml:3: providers.p.api_key {advice}",
        f"elizanet.toml:4: providers.p.headers.X-Api-Key {advice}",
        f"elizanet.toml:6: gateway.keys[0] {advice}",
    }
    assert settings.providers["p"].headers == {
        "X-Api-Key": Secret("planted-2"),
        "X-Title": "my app",
    }


def test_a_key_and_a_header_of_the_same_purpose_are_refused(problems: Problems) -> None:
    """One of them would be lost."""
    toml = P + 'api_key = "env:K"\nheaders = { authorization = "env:K" }'
    (problem,) = problems(toml, environ={"K": "k"})
    assert "both an api_key and a header Authorization" in problem


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://p.example", True),
        ("http://203.0.113.7:8000", True),
        ("https://p.example", False),
        ("http://localhost:4000", False),
        ("http://192.168.1.5", False),
        ("http://litellm:4000", False),
        ("http://ollama.local", False),
        ("http://p.internal", False),
    ],
)
@pytest.mark.parametrize("key", ['api_key = "env:K"', 'headers = { X-Api-Key = "env:K" }'])
def test_a_key_that_goes_far_in_the_clear_is_warned_about_once(
    load: Load,
    url: str,
    warned: bool,
    key: str,
) -> None:
    """Not on this machine, not on a private network, and not without a key."""
    toml = f"[providers.p]\nbase_url = '{url}'\n{key}\n[models.m]\nchain = ['p/m']\n[models.n]\nchain = ['p/n']"
    settings = load(toml, environ={"K": "planted"})
    assert len(settings.warnings) == warned
    assert all(
        "provider p " in warning and "unencrypted" in warning for warning in settings.warnings
    )
    assert load(toml.replace(key, ""), environ={}).warnings == ()


def test_the_default_address_of_elizanet_is_one_of_those(load: Load) -> None:
    """It is anonymous until a key is given."""
    (warning,) = load(environ={"ELIZANET_API_KEY": "planted"}).warnings
    assert "provider elizanet" in warning
    assert "planted" not in warning


def test_the_same_key_twice_is_refused(problems: Problems) -> None:
    """Two callers would be one."""
    (problem,) = problems("[gateway]\nkeys = ['env:A', 'env:B']", environ={"A": "k1", "B": "k1"})
    assert problem == "elizanet.toml:2: gateway.keys[1] is there twice"


@pytest.mark.parametrize(
    ("environ", "reason"), [({}, "which is not set"), ({"K": ""}, "which is empty")]
)
def test_a_key_that_a_variable_should_have_is_missed_by_name(
    problems: Problems, environ: dict[str, str], reason: str
) -> None:
    """An empty variable is no key."""
    (problem,) = problems(P + "api_key = 'env:K'", environ=environ)
    sentence = f"providers.p.api_key needs the environment variable K, {reason}"
    assert problem == f"elizanet.toml:3: {sentence}"


def test_a_provider_may_have_several_keys(load: Load) -> None:
    """In the order of the file, from wherever each of them comes."""
    settings = load(P + 'api_keys = ["env:A", "planted"]', environ={"A": "a"})
    assert settings.providers["p"].api_keys == (Secret("a"), Secret("planted"))
    assert any("providers.p.api_keys[1] is a key in plain sight" in w for w in settings.warnings)
    assert load(P).providers["p"].api_keys == ()


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("api_keys = []", "3: providers.p.api_keys is empty; leave it out to ask without a key"),
        ("api_keys = 'env:A'", '3: providers.p.api_keys is "env:A"; it must be a list of keys'),
        ("api_keys = ['env:A', 'env:A']", "3: providers.p.api_keys[1] is there twice"),
        ("api_keys = ['env:A', 'env:B']", "3: providers.p.api_keys[1] is there twice"),
        ("api_keys = ['env:A', 3]", "3: providers.p.api_keys[1] must be a text"),
        ("api_keys = [\n'env:A',\n'env:N']", "5: providers.p.api_keys[1] needs the environment"),
        ("api_key = ['env:A']", "3: providers.p.api_key is a list; several keys are api_keys"),
        (
            "api_key = 'env:A'\napi_keys = ['env:A']",
            "4: providers.p has both api_key and api_keys; put all of its keys into api_keys",
        ),
        (
            "api_keys = ['env:A']\nheaders = { Authorization = 'env:A' }",
            "1: providers.p has both an api_key and a header Authorization",
        ),
    ],
)
def test_wrong_keys_of_a_provider_are_refused(
    problems: Problems, written: str, sentence: str
) -> None:
    """The same key twice would only wear it out twice as fast."""
    (problem,) = problems(P + written, environ={"A": "k", "B": "k"})
    assert problem.startswith(f"elizanet.toml:{sentence}")


def test_the_environment_s_key_takes_the_place_of_all(load: Load) -> None:
    """A setting goes over the file's as a whole, also where that is a list."""
    toml = '[providers.elizanet]\nbase_url = "https://e.example"\napi_keys = ["env:A", "env:B"]\n'
    environ = {"A": "a", "B": "b"}
    assert len(load(toml, environ=environ).providers["elizanet"].api_keys) == 2
    settings = load(toml, environ={**environ, "ELIZANET_API_KEY": "c"})
    assert settings.providers["elizanet"].api_keys == (Secret("c"),)


def test_keys_are_shown_under_the_name_of_how_many_there_are(load: Load) -> None:
    """One is `api_key`, wherever it stands; several are `api_keys`."""
    chain = "[models.m]\nchain = ['p/*']\n"
    environ = {"A": "planted-1", "B": "planted-2"}
    for written, row in {
        "api_key = 'env:A'": ("providers.p.api_key", "Secret(****)"),
        "api_keys = ['env:A']": ("providers.p.api_key", "Secret(****)"),
        "api_keys = ['env:A', 'env:B']": ("providers.p.api_keys", "Secret(****), Secret(****)"),
    }.items():
        settings = load(f"{P}{written}\n{chain}", environ=environ)
        shown = [each for each in settings.describe() if each[0].startswith("providers.p.api")]
        assert [(name, value, str(origin)) for name, value, origin in shown] == [
            (*row, "elizanet.toml:3")
        ]
        assert "planted" not in repr(settings.describe())


def test_each_key_that_goes_far_in_the_clear_is_seen(load: Load) -> None:
    """One warning a provider, however many keys it has."""
    toml = "[providers.p]\nbase_url = 'http://p.example'\napi_keys = ['env:A', 'env:B']\n"
    settings = load(toml + "[models.m]\nchain = ['p/*']", environ={"A": "a", "B": "b"})
    (told,) = settings.warnings
    assert told.startswith("the key of provider p goes to http://p.example/v1 unencrypted")
