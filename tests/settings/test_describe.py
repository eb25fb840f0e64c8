"""What `elizanet check` shows: every setting, its value without keys, and its origin."""

from __future__ import annotations

from collections.abc import Callable

from elizanet.settings import Origin, ProviderSettings, RouteSettings, Settings, TargetSettings

Load = Callable[..., Settings]

FILE = """\
[gateway]
keys = ["env:K", "env:L"]
max_body = "3KiB"
[providers.p]
base_url = "http://localhost"
api_key = "env:K"
headers = { X-A = "b" }
[models."m.*"]
chain = [{ target = "p/m", window = 10 }, "elizanet/*"]
timeouts = { stall = 1 }
[policy]
fall_back_on = []
[hedge]
after = 3
"""


def described(settings: Settings) -> dict[str, tuple[str, str]]:
    rows = settings.describe()
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (value, str(origin)) for name, value, origin in rows}


def test_each_value_is_shown_with_where_it_came_from(load: Load) -> None:
    """One row a setting; those of the file are named as the file names them."""
    rows = described(
        load(
            FILE,
            environ={"K": "planted-1", "L": "planted-2", "ELIZANET_MODELS": "IMAGE,TEXT_SMALL"},
            dotenv="\nELIZANET_API_KEY=planted-3\nELIZANET_IMAGE_MODEL=i",
            explicit={"ELIZANET_TIMEOUT": 1500, "ELIZANET_FALLBACK_ENABLED": False},
        )
    )
    for name, row in {
        "gateway.host": ("127.0.0.1", "default"),
        "gateway.callers.key-1": ("Secret(****)", "elizanet.toml:2"),
        "gateway.callers.key-2": ("Secret(****)", "elizanet.toml:2"),
        "gateway.passthrough": ("none", "default"),
        "gateway.drain": ("120.0", "default"),
        "gateway.max_body": ("3KiB", "elizanet.toml:3"),
        "providers.p.base_url": ("http://localhost/v1", "elizanet.toml:5"),
        "providers.p.api_key": ("Secret(****)", "elizanet.toml:6"),
        "providers.p.headers.X-A": ("b", "elizanet.toml:7"),
        "providers.elizanet.api_key": ("Secret(****)", ".env:2"),
        "providers.elizanet.timeouts.attempt": ("1.5", "explicit ELIZANET_TIMEOUT"),
        'models."m.*".chain': ("p/m (window 10), elizanet/*", "elizanet.toml:9"),
        'models."m.*".timeouts.stall': ("1", "elizanet.toml:10"),
        "timeouts.stall": ("20.0", "default"),
        "hedge.after": ("3", "elizanet.toml:14"),
        "stream.on_break": ("error", "default"),
        "policy.fall_back_on": ("none", "elizanet.toml:12"),
        "hooks.classify": ("none", "default"),
        "ELIZANET_IMAGE_MODEL": ("i", ".env:3"),
        "ELIZANET_MODELS": ("IMAGE, TEXT_SMALL", "environment ELIZANET_MODELS"),
        "ELIZANET_FALLBACK_ENABLED": ("false", "explicit ELIZANET_FALLBACK_ENABLED"),
        "ELIZANET_DB": ("sqlite:///elizanet.db", "default"),
    }.items():
        assert rows[name] == row, name
    assert "planted" not in repr(rows)


def test_origins_have_the_names_of_the_rows(load: Load) -> None:
    """Each row can be looked up, those of defaults too."""
    settings = load(FILE, environ={"K": "k", "L": "l"})
    assert settings.origins == {name: origin for name, _, origin in settings.describe()}
    assert settings.origins["gateway.port"] == Origin("default")


def test_settings_made_by_hand_can_be_described() -> None:
    """A program may build them itself; a password of a database is not shown."""
    settings = Settings(
        providers={"p": ProviderSettings("p", "http://localhost/v1")},
        routes=(RouteSettings("*", (TargetSettings("p", "*"),)),),
        database="postgresql://me:planted/@1@db/x",
    )
    rows = described(settings)
    assert rows['models."*".chain'] == ("p/*", "default")
    assert rows["ELIZANET_DB"] == ("postgresql://****@db/x", "default")
    assert repr(settings) == "Settings(gateway=127.0.0.1:8787, providers=[p], routes=[*])"
