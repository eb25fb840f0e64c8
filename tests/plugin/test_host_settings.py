"""From everywhere the host can hold a setting, in the order of the specification."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from elizaos import AgentRuntime, Character, parse_character
from elizaos.settings import encrypt_string_value

from elizanet import ConfigurationError
from elizanet.settings import Settings
from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import plugin as fallback
from elizaos_plugin_elizanet_fallback.host_settings import mistakes_in, settings_of
from support.agents import bodies, log_of, running

NAME = "ELIZANET_SMALL_MODEL"


def resolved(
    runtime: Mapping[str, object] | None = None,
    character: object = None,
    config: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings of an agent that has these."""
    agent = AgentRuntime(cast("Character", character or Character(name="Ada")))
    vars(agent)["_settings"] = dict(runtime or {})
    return settings_of(agent, config or {})


def duck(**fields: object) -> SimpleNamespace:
    """Return a character of plain dicts, as programs make them."""
    base: dict[str, object] = {"name": "Ada", "id": None, "settings": {}, "secrets": {}}
    return SimpleNamespace(**{**base, **fields})


PLACES: list[tuple[str, dict[str, Any]]] = [
    ("runtime", {"runtime": {NAME: "m"}}),
    ("secrets of a character", {"character": Character(name="A", secrets={NAME: "m"})}),
    ("extra of a character", {"character": Character(name="A", settings={"extra": {NAME: "m"}})}),
    ("secrets of a dict", {"character": duck(secrets={NAME: "m"})}),
    ("settings of a dict", {"character": duck(settings={NAME: "m"})}),
    ("secrets in the settings of a dict", {"character": duck(settings={"secrets": {NAME: "m"}})}),
    ("extra in the settings of a dict", {"character": duck(settings={"extra": {NAME: "m"}})}),
    ("config of the plugin", {"config": {NAME: "m"}}),
]


@pytest.mark.parametrize(("place", "given"), PLACES, ids=[place for place, _ in PLACES])
def test_a_setting_is_found(
    place: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place goes before the environment."""
    monkeypatch.setenv(NAME, "of the environment")
    assert resolved(**given).model_types.small == "m"


def test_the_order_of_the_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runtime, secrets, settings, config, environment, .env, default."""
    (tmp_path / ".env").write_text(f"{NAME}=dotenv\n")
    given: dict[str, Any] = {
        "runtime": {NAME: "runtime"},
        "character": Character(
            name="A", secrets={NAME: "secrets"}, settings={"extra": {NAME: "extra"}}
        ),
        "config": {NAME: "config"},
    }
    monkeypatch.setenv(NAME, "environment")
    assert resolved(**given).model_types.small == "runtime"
    del given["runtime"]
    assert resolved(**given).model_types.small == "secrets"
    given["character"] = Character(name="A", settings={"extra": {NAME: "extra"}})
    assert resolved(**given).model_types.small == "extra"
    del given["character"]
    assert resolved(**given).model_types.small == "config"
    del given["config"]
    assert resolved(**given).model_types.small == "environment"
    monkeypatch.delenv(NAME)
    assert resolved(**given).model_types.small == "dotenv"
    (tmp_path / ".env").unlink()
    assert resolved(**given).model_types.small == "gpt-4o-mini"


@pytest.mark.parametrize("value", ["45000", 45000, 45000.0])
def test_a_number_may_have_any_form(value: object) -> None:
    """A character's JSON makes floats of numbers, the environment makes texts."""
    settings = resolved({"ELIZANET_TIMEOUT": value})
    assert settings.timeouts_for(None, settings.providers["elizanet"]).attempt == 45.0


@pytest.mark.parametrize("value", [False, "false", "False", "0", "no", 0, 0.0])
def test_off_may_have_any_form(value: object) -> None:
    """The host itself only knows two of them."""
    assert not resolved({"ELIZANET_FALLBACK_ENABLED": value}).fallback_enabled


def test_an_empty_value_is_not_set() -> None:
    """It does not hide a value of a lower place."""
    character = Character(name="A", settings={"extra": {NAME: "extra"}})
    assert resolved({NAME: "  "}, character).model_types.small == "extra"


def test_the_specifications_character_is_refused_by_the_host() -> None:
    """Which is why the guide shows another form."""
    with pytest.raises(Exception, match="ELIZANET_BASE_URL"):
        parse_character({"name": "MyAgent", "settings": {"ELIZANET_BASE_URL": "https://x.example"}})


async def test_the_specifications_character_in_the_form_that_works(elizanet: Upstream) -> None:
    """`settings.extra` holds what the host has no field for; numbers and booleans may be in it."""
    character = parse_character(
        {
            "name": "MyAgent",
            "plugins": ["elizaos_plugin_elizanet_fallback"],
            "settings": {
                "extra": {
                    "ELIZANET_BASE_URL": elizanet.base_url,
                    "ELIZANET_TIMEOUT": 45000,
                    "ELIZANET_FALLBACK_ENABLED": True,
                }
            },
            "secrets": {"ELIZANET_API_KEY": "your-api-key-here"},
        }
    )
    async with running(fallback, character=character) as agent:
        await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert log_of(agent).fields_of("[ElizaNet] Text generation request")["timeout"] == 45_000
    assert len(bodies(elizanet)) == 1
    assert elizanet.requests[-1].header("authorization") == "Bearer your-api-key-here"


def test_an_encrypted_secret_is_decrypted() -> None:
    """The host does so for its own settings only."""
    hidden = encrypt_string_value("k-1", "secretsalt")
    settings = resolved(character=Character(name="A", secrets={"ELIZANET_API_KEY": str(hidden)}))
    (key,) = settings.providers["elizanet"].api_keys
    assert key.reveal() == "k-1"


def test_a_secret_that_cannot_be_decrypted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cipher text is never sent as a key."""
    character = Character(
        name="A", secrets={"ELIZANET_API_KEY": str(encrypt_string_value("k-1", "other salt"))}
    )
    with pytest.raises(ConfigurationError, match="ELIZANET_API_KEY is encrypted and SECRET_SALT"):
        resolved(character=character)
    monkeypatch.setenv("NODE_ENV", "production")
    with pytest.raises(
        ConfigurationError, match="ELIZANET_API_KEY is encrypted and cannot be read"
    ):
        resolved(character=character)


def test_a_host_that_raises_for_its_settings_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In production without SECRET_SALT `get_setting` raises for each value there is."""
    monkeypatch.setenv("NODE_ENV", "production")
    monkeypatch.delenv("SECRET_SALT", raising=False)
    runtime = AgentRuntime(Character(name="A"), settings={NAME: "m"})
    with pytest.raises(RuntimeError):
        runtime.get_setting(NAME)
    assert settings_of(runtime, {}).model_types.small == "m"


def test_what_is_no_setting_is_not_taken_for_one() -> None:
    """A host may hold objects, and a mocked one gives an object for everything."""
    assert resolved({NAME: object()}).model_types.small == "gpt-4o-mini"


def test_a_misspelt_name_of_a_character_is_told() -> None:
    """With the name that was probably meant."""
    character = Character(name="A", settings={"extra": {"ELIZANET_TIMOUT": "1", "OTHER": 1}})
    assert mistakes_in(AgentRuntime(character)) == [
        'ELIZANET_TIMOUT is not a setting; did you mean "ELIZANET_TIMEOUT"?'
    ]


def test_the_agents_own_openai_is_none_of_the_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a chain in elizanet.toml names it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    (route,) = resolved().routes
    assert [target.provider for target in route.targets] == ["elizanet"]
    Path("elizanet.toml").write_text('[models."*"]\nchain = ["openai/*", "elizanet/*"]\n')
    (route,) = resolved().routes
    assert [target.provider for target in route.targets] == ["openai", "elizanet"]
