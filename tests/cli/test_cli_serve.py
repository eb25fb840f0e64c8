"""What `elizanet serve` says at its start, to whoever has just typed it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from elizanet.cli.announce import announce, missing
from elizanet.settings import Settings, load_settings

TWO_HOSTS = '[models."*"]\nchain = ["openai/*", "elizanet/*"]\n'
KEYED = '[gateway]\nkeys = ["env:CALLER_KEY"]\n[providers.openai]\napi_key = "env:OUR_KEY"\n'
KEYS = {"CALLER_KEY": "caller-0123456789", "OUR_KEY": "ours-0123456789"}


def settings_of(text: str, **variables: str) -> Settings:
    path = Path("elizanet.toml")
    path.write_text(text, encoding="utf-8")
    return load_settings(config_file=path, environ={**KEYS, **variables})


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def test_nothing_is_missing_where_nothing_is() -> None:
    """Keys on both sides, and two hosts behind every model."""
    assert list(missing(settings_of(KEYED + TWO_HOSTS))) == []


def test_an_open_gateway_is_told() -> None:
    """It is for one machine, and for every program there."""
    (told,) = missing(settings_of(KEYED.replace('keys = ["env:CALLER_KEY"]', "") + TWO_HOSTS))
    assert "gateway.keys" in told


def test_a_provider_without_a_key_is_told() -> None:
    """Unless it stands in a header, or the provider is near, or it is never asked."""
    text = KEYED.replace('api_key = "env:OUR_KEY"', "") + TWO_HOSTS
    (told,) = missing(settings_of(text))
    assert told.startswith("a key for openai, which https://api.openai.com/v1 ")
    for line in (
        'headers = { "api-key" = "env:OUR_KEY" }',
        'base_url = "http://127.0.0.1:11434/v1"',
        'base_url = "http://vllm.internal:8000/v1"',
    ):
        near = text.replace("[providers.openai]\n", f"[providers.openai]\n{line}\n")
        assert list(missing(settings_of(near))) == []
    unused = f'{KEYED}{TWO_HOSTS}[providers.other]\nbase_url = "https://other.example/v1"\n'
    assert list(missing(settings_of(unused))) == []


@pytest.mark.parametrize("chain", ['"openai/*"', '"openai/gpt-4o", "openai/gpt-4o-mini"'])
def test_a_chain_with_one_provider_is_no_fallback(chain: str) -> None:
    """Two models of one provider fail together; models that lack it are told together."""
    text = f'{KEYED}[models."gpt-4o"]\nchain = [{chain}]\n[models."o1"]\nchain = [{chain}]\n'
    (told,) = missing(settings_of(text))
    assert told == "a fallback for gpt-4o, o1: when openai fails, nobody else is asked"


def test_a_fallback_that_is_switched_off_is_told_once() -> None:
    """Whatever the chains have."""
    (told,) = missing(settings_of(KEYED + TWO_HOSTS, ELIZANET_FALLBACK_ENABLED="false"))
    assert "ELIZANET_FALLBACK_ENABLED" in told


def test_the_announcement_names_address_door_and_chains(
    listening: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    """And never a key; what is doubtful goes to standard error."""
    text = KEYED.replace("env:CALLER_KEY", "a-literal-key-0123456789") + TWO_HOSTS
    announce(settings_of(text, ELIZANET_DB="none"), [listening])
    out, err = capsys.readouterr()
    port = listening.getsockname()[1]
    assert out.splitlines() == [
        f"elizanet listens on http://127.0.0.1:{port}/v1 (one key)",
        "  *  openai/* -> elizanet/*",
        f"dashboard: http://127.0.0.1:{port}/dashboard",
        "records: off",
    ]
    assert "plain sight" in err
    assert "0123456789" not in out + err
