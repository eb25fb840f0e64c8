"""The example and the guide do what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from elizaos import AgentRuntime, parse_character

from elizanet._version import __version__
from elizaos_plugin_elizanet_fallback import plugin
from elizaos_plugin_elizanet_fallback.host_settings import settings_of

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "elizaos.md").read_text(encoding="utf-8")


def test_the_example_answers_with_its_provider_down() -> None:
    """It needs no key and no network, and its exit code says whether it worked."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "elizaos_agent.py"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Ada:   Yes. My own provider is not" in done.stdout
    assert "event: TEXT_LARGE answered by elizanet/gpt-4o" in done.stdout
    assert "asked: openai 1 time, elizanet 1 time" in done.stdout
    assert "[useModel] Primary model failed with OpenAI API error (429)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_guides_character_is_one() -> None:
    """The form of the specification that this host takes."""
    (shown,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    settings = settings_of(AgentRuntime(parse_character(json.loads(shown))), {})
    elizanet = settings.providers["elizanet"]
    assert elizanet.base_url == "https://custom.elizanet.com/v1"
    assert elizanet.timeouts["attempt"] == 45.0
    assert len(elizanet.api_keys) == 1


def test_the_guides_chain_is_one(tmp_path: Path) -> None:
    """It loads, given its key."""
    (shown,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "elizanet.toml").write_text(shown.replace('"env:GROQ_API_KEY"', '"k"'))
    (route,) = settings_of(AgentRuntime(), {}).routes
    assert [target.provider for target in route.targets] == ["elizanet", "groq"]


def test_the_guide_names_every_failure_it_falls_back_on() -> None:
    """The first rows of its table are the default of ELIZANET_FALLBACK_ON."""
    rows = re.findall(r"^\|.*`(\w+)` \| falls back \|$", GUIDE, re.MULTILINE)
    assert set(rows) == set(settings_of(AgentRuntime(), {}).fallback_on)


def test_the_guides_settings_are_the_plugins() -> None:
    """Each setting that it names can be given to the plugin."""
    named = set(re.findall(r"`(ELIZANET_\w+)`", GUIDE))
    assert named <= {*(plugin.config or {}), "ELIZANET_CONFIG"}


def test_the_second_distribution_brings_the_plugin() -> None:
    """By its own name, as elizaOS plugins are installed; of the same version, with no code."""
    path = ROOT / "packaging" / "elizaos-plugin-elizanet-fallback" / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    assert project["name"] == "elizaos-plugin-elizanet-fallback"
    assert project["version"] == __version__
    assert project["dependencies"] == [f"elizanet[elizaos]=={__version__}"]
