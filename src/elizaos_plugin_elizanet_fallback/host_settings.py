"""Where an elizaOS agent keeps its settings, and how they become ours.

The host's own `get_setting` reads neither the environment nor the settings and secrets of a
character that was parsed from JSON, and it raises in production without SECRET_SALT. So the
places are asked one by one: the runtime, the character's secrets, the character's settings,
the plugin's `config`; then `load_settings` goes on with the environment, `.env`, the file and
the defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from elizaos.settings import decrypt_secret, get_salt
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from elizanet.errors import ConfigurationError
from elizanet.settings import Settings, load_settings
from elizanet.settings.environment import NAMES
from elizanet.settings.providers import ELIZANET
from elizanet.settings.report import mistyped

if TYPE_CHECKING:
    from elizaos.types.runtime import IAgentRuntime

_OTHERS: Final = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
"""Settings of the agent's own provider, which are none of the plugin's."""
SETTINGS: Final = tuple(name for name in NAMES if name not in _OTHERS)
"""The settings that an agent can give to the plugin."""

_ENCRYPTED: Final = "v2:"


def settings_of(runtime: IAgentRuntime, config: Mapping[str, object]) -> Settings:
    """Return the plugin's settings for one agent. Raises `ConfigurationError`.

    Without a chain of the agent's own in `elizanet.toml`, the one provider is `elizanet`: the
    OpenAI that the environment may name has just failed, or belongs to somebody else.
    """
    places = [*_character_places(runtime), config]
    explicit = {name: _value(name, runtime, places) for name in SETTINGS}
    return load_settings(explicit=explicit, default_chain=(ELIZANET,))


def mistakes_in(runtime: IAgentRuntime) -> list[str]:
    """Return a sentence for each name of a character that is nearly one of our settings."""
    names = {name for place in _character_places(runtime) for name in place}
    unknown = sorted(name for name in names if name.upper().startswith("ELIZANET"))
    return [
        f"{name} is not a setting{mistyped(name, SETTINGS)}"
        for name in unknown
        if name not in SETTINGS
    ]


def _value(name: str, runtime: IAgentRuntime, places: list[Mapping[str, object]]) -> object | None:
    for value in (_from_runtime(name, runtime), *(place.get(name) for place in places)):
        plain = _decrypted(name, value)
        if _is_given(plain):
            return plain
    return None


def _is_given(value: object) -> bool:
    """Tell a setting from nothing, from a blank, and from whatever else a host may hold."""
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, bool | int | float)


def _from_runtime(name: str, runtime: IAgentRuntime) -> object:
    """Ask the host; where its `get_setting` raises, look at the value it could not read."""
    try:
        return runtime.get_setting(name)
    except Exception:  # noqa: BLE001 -- the host's defect; `_decrypted` tells what matters of it
        own = vars(runtime).get("_settings")
        return own.get(name) if isinstance(own, Mapping) else None


def _decrypted(name: str, value: object) -> object:
    if not isinstance(value, str) or not value.startswith(_ENCRYPTED):
        return value
    try:
        plain = decrypt_secret(value, get_salt())
    except RuntimeError as error:
        raise ConfigurationError(f"{name} is encrypted and cannot be read: {error}") from None
    if plain == value:
        raise ConfigurationError(f"{name} is encrypted and SECRET_SALT is not the one it was with")
    return plain


def _character_places(runtime: IAgentRuntime) -> Iterator[Mapping[str, object]]:
    character = getattr(runtime, "character", None)
    settings = _plain(getattr(character, "settings", None))
    yield _plain(getattr(character, "secrets", None))
    yield _plain(settings.get("secrets"))
    yield settings
    yield _plain(settings.get("extra"))


def _plain(value: object) -> Mapping[str, object]:
    """Return a mapping: of a protobuf message its fields, of what is neither, nothing."""
    if isinstance(value, Message):
        fields: dict[str, object] = MessageToDict(value, preserving_proto_field_name=True)
        return fields
    if isinstance(value, Mapping):
        return value
    items = getattr(value, "items", None)  # a protobuf map is no Mapping to Python
    return dict(items()) if callable(items) and hasattr(value, "keys") else {}
