"""What the values of a file mean, and how they go together with variables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.errors import FailureClass
from elizanet.settings import (
    RetrySettings,
    Secret,
    Settings,
    TargetSettings,
    Timeouts,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

P = '[providers.p]\nbase_url = "http://localhost"\n'


def test_target_names_may_have_slashes(load: Load) -> None:
    """The provider is what stands before the first one."""
    settings = load(P + "[models.m]\nchain = ['p/meta-llama/llama-3']\n")
    assert settings.routes[0].targets == (TargetSettings("p", "meta-llama/llama-3"),)


def test_the_long_form_of_a_target_knows_its_window(load: Load) -> None:
    """In tokens."""
    settings = load(P + "[models.m]\nchain = [{ target = 'p/m', window = 128_000 }]\n")
    assert settings.routes[0].targets == (TargetSettings("p", "m", 128_000),)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ('"20MiB"', 20 << 20),
        ('"1.5 GiB"', 3 << 29),
        ('"10kb"', 10_000),
        ('"7B"', 7),
        ("4096", 4096),
    ],
)
def test_sizes_are_bytes_or_have_a_unit(load: Load, written: str, size: int) -> None:
    """Binary and decimal units, in any case."""
    assert load(f"[gateway]\nmax_body = {written}").gateway.max_body == size


def test_which_failures_move_on_can_be_chosen(load: Load) -> None:
    """None at all is a choice too."""
    chosen = load('[policy]\nfall_back_on = ["timeout", "content_policy"]').policy.fall_back_on
    assert chosen == {FailureClass.TIMEOUT, FailureClass.CONTENT_POLICY}
    assert load("[policy]\nfall_back_on = []").policy.fall_back_on == frozenset()
    assert load("[policy]").policy.fall_back_on == frozenset(FailureClass) - {
        FailureClass.BAD_REQUEST,
        FailureClass.CONTENT_POLICY,
        FailureClass.CANCELLED,
    }


def test_zero_retries_and_zero_waits_are_values(load: Load) -> None:
    """They are not taken for the default."""
    assert load("[retry]\nsame_provider = 0\nmax_wait = 0").retry == RetrySettings(0, 0)


def test_route_goes_over_provider_over_file_over_default(load: Load) -> None:
    """Each time-out by itself."""
    settings = load(
        "[timeouts]\nstall = 1\nfirst_event = 2\nattempt = 3\n"
        + P
        + "timeouts = { first_event = 20, attempt = 30 }\n"
        + "[models.m]\nchain = ['p/m']\ntimeouts = { attempt = 300 }\n"
    )
    route, provider = settings.routes[0], settings.providers["p"]
    assert settings.timeouts_for(route, provider) == Timeouts(600, 3, 300, 20, 1)
    assert settings.timeouts_for(None, provider) == Timeouts(600, 3, 30, 20, 1)
    assert settings.timeouts_for(route, None) == Timeouts(600, 3, 300, 2, 1)
    assert settings.timeouts_for(None, None) == settings.timeouts


def test_connecting_may_take_as_long_as_the_whole(load: Load) -> None:
    """But not longer."""
    assert load("[timeouts]\ntotal = 3\nconnect = 3").timeouts.connect == 3


def test_no_part_of_a_call_is_longer_than_the_whole(load: Load) -> None:
    """A short total bounds attempts; silence after the first content is beyond it."""
    settings = load(P + "timeouts = { total = 2 }\n")
    assert settings.timeouts_for(None, settings.providers["p"]) == Timeouts(2, 2, 2, 2, 20)


def test_a_file_without_models_serves_every_model(load: Load) -> None:
    """From the environment's provider, or the file's of the same name, and elizanet."""
    environ = {"OPENAI_API_KEY": "k"}
    assert [t.provider for t in load("[retry]", environ=environ).routes[0].targets] == [
        "openai",
        "elizanet",
    ]
    settings = load("[providers.openai]\n[models]\n")
    assert [t.provider for t in settings.routes[0].targets] == ["openai", "elizanet"]
    assert settings.providers["openai"].base_url == "https://api.openai.com/v1"


def test_the_key_of_the_environment_does_not_go_to_the_provider_of_the_file(load: Load) -> None:
    """`[providers.openai]` is complete as it stands; its address may be anybody's."""
    settings = load(
        '[providers.openai]\nbase_url = "https://proxy.example"\n',
        environ={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://other.example"},
    )
    assert settings.providers["openai"].api_keys == ()
    assert settings.providers["openai"].base_url == "https://proxy.example/v1"


def test_the_provider_of_the_environment_can_stand_in_chains(load: Load) -> None:
    """Without a table of its own; elizanet always can."""
    toml = "[models.m]\nchain = ['openai/m', 'elizanet/m']\n"
    assert list(load(toml, environ={"OPENAI_API_KEY": "k"}).providers) == ["openai", "elizanet"]


def test_the_environment_overrides_what_the_file_says_of_elizanet(load: Load) -> None:
    """Value by value; what only the file says stays."""
    toml = (
        '[providers.elizanet]\nbase_url = "https://file.example"\napi_key = "env:FILE_KEY"\n'
        "timeouts = { attempt = 1, stall = 2 }\nheaders = { X-A = 'b' }\n"
    )
    provider = load(
        toml,
        environ={
            "FILE_KEY": "file",
            "ELIZANET_BASE_URL": "https://environment.example/",
            "ELIZANET_API_KEY": "environment",
            "ELIZANET_TIMEOUT": "5000",
        },
    ).providers["elizanet"]
    assert provider.base_url == "https://environment.example/v1"
    assert provider.api_keys == (Secret("environment"),)
    assert provider.timeouts == {"attempt": 5.0, "stall": 2}
    assert provider.headers == {"X-A": "b"}
    of_file = load(toml, environ={"FILE_KEY": "file"}).providers["elizanet"]
    assert of_file.api_keys == (Secret("file"),)


def test_a_provider_in_no_chain_is_warned_about(load: Load) -> None:
    """It would otherwise be silent that it is never asked."""
    assert load(P).warnings == ("elizanet.toml:1: provider p is in no chain and is never asked",)
