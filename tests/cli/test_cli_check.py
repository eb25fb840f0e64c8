"""`elizanet check`: the configuration, where it came from, and the health of every provider."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from elizanet.testing import Upstream

Run = Callable[..., Awaitable[CompletedProcess[str]]]
Configure = Callable[..., None]

KEY = "sk-planted-0123456789abcdef"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Write an `elizanet.toml` with these providers; `extra` is more TOML."""

    def write(*providers: Upstream, extra: str = "") -> None:
        tables = [
            f'[providers.{p.name}]\nbase_url = "{p.base_url}"\napi_key = "env:THE_KEY"\n'
            for p in providers
        ]
        chain = ", ".join(f'"{p.name}/*"' for p in providers)
        route = f'[models."*"]\nchain = [{chain}]\n'
        (tmp_path / "elizanet.toml").write_text("\n".join([*tables, route, extra]))

    return write


async def test_a_healthy_configuration_is_told_with_its_origins(
    run: Run, configure: Configure, primary: Upstream, backup: Upstream
) -> None:
    """Every value, where it came from, and each provider; the key is masked."""
    configure(primary, backup)
    ended = await run("check", THE_KEY=KEY, ELIZANET_SMALL_MODEL="small-one")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert ["providers.primary.base_url", "elizanet.toml:2", primary.base_url] in lines
    assert ["timeouts.total", "default", "600.0"] in lines
    small = ["ELIZANET_SMALL_MODEL", "environment", "ELIZANET_SMALL_MODEL", "small-one"]
    assert small in lines
    assert ["providers.backup.api_key", "elizanet.toml:7", "Secret(****)"] in lines
    assert [line[:3] for line in lines if line[0] == "primary"] == [
        ["primary", primary.base_url, "healthy"]
    ]
    assert ended.stdout.endswith("the configuration is right, and every provider answers (2)\n")
    assert KEY not in ended.stdout
    assert primary.requests[0].path == "/v1/models"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("status=503", "overloaded"), ("refuse", "connection"), ("html200", "malformed_response")],
)
async def test_an_unhealthy_provider_is_named_with_its_reason(
    run: Run, configure: Configure, primary: Upstream, backup: Upstream, fault: str, reason: str
) -> None:
    """Exit code 2."""
    configure(primary, backup)
    backup.fail(fault)
    ended = await run("check", THE_KEY=KEY)
    assert (ended.returncode, ended.stderr) == (2, "")
    (row,) = (line for line in ended.stdout.splitlines() if line.startswith("backup "))
    assert f"unhealthy  {row.split()[3]} ms" in row
    assert reason in row
    summary = "the configuration is right, but 1 of 2 providers did not answer well: backup"
    assert ended.stdout.splitlines()[-1] == summary


async def test_a_key_that_a_provider_repeats_is_not_shown(
    run: Run, configure: Configure, primary: Upstream
) -> None:
    """A wrong key is a reason, and stays a secret."""
    configure(primary)
    primary.fail(f"auth,message='Incorrect API key provided: {KEY}.'")
    for arguments in ([], ["--json"]):
        ended = await run("check", *arguments, THE_KEY=KEY)
        assert ended.returncode == 2
        assert "auth" in ended.stdout
        assert KEY not in ended.stdout + ended.stderr


async def test_every_problem_of_a_wrong_configuration_is_told(run: Run, tmp_path: Path) -> None:
    """One a line on standard error, exit code 1, nobody is asked."""
    (tmp_path / "wrong.toml").write_text(
        '[gateway]\nprot = 1\nport = "x"\n[timeouts]\ntotal = -1\n'
    )
    ended = await run("check", "--config", "wrong.toml")
    assert (ended.returncode, ended.stdout) == (1, "")
    told = ended.stderr.splitlines()
    assert [line.split(": ")[:2] for line in told] == [
        ["elizanet", f"wrong.toml:{line}"] for line in (2, 3, 5)
    ]
    assert 'did you mean "port"?' in told[0]


async def test_a_missing_file_and_a_broken_hook_are_wrong_configurations(
    run: Run, configure: Configure, primary: Upstream
) -> None:
    """Exit code 1, one sentence."""
    missing = await run("check", "--config", "nowhere.toml")
    configure(primary, extra='[hooks]\nclassify = "nowhere_rules:classify"\n')
    broken = await run("check", THE_KEY=KEY)
    for ended, name in ((missing, "nowhere.toml"), (broken, "nowhere_rules")):
        assert ended.returncode == 1
        assert name in ended.stderr
        assert ended.stderr.count("\n") == 1


async def test_what_is_doubtful_is_a_warning(
    run: Run, configure: Configure, primary: Upstream
) -> None:
    """A key in plain sight in the file is right, and unwise; it is not shown again."""
    extra = f'[providers.open]\nbase_url = "https://api.example.com"\napi_key = "{KEY}"\n'
    configure(primary, extra=extra)
    ended = await run("check", THE_KEY=KEY)
    warnings = [line for line in ended.stdout.splitlines() if line.startswith("warning: ")]
    assert any("key in plain sight" in warning for warning in warnings)
    assert KEY not in ended.stdout + ended.stderr


async def test_the_json_is_one_object(
    run: Run, configure: Configure, primary: Upstream, backup: Upstream
) -> None:
    """For machines: settings, warnings, providers; for a wrong configuration its problems."""
    configure(primary, backup)
    backup.fail("status=500")
    ended = await run("check", "--json", THE_KEY=KEY)
    report = json.loads(ended.stdout)
    assert ended.returncode == 2
    assert (report["ok"], report["problems"]) == (False, [])
    assert {"name": "retry.max_wait", "value": "2.5", "origin": "default"} in report["settings"]
    assert report["providers"]["primary"]["healthy"] is True
    assert "gpt-4o" in report["providers"]["primary"]["models"]
    assert report["providers"]["backup"]["healthy"] is False
    assert KEY not in ended.stdout
    wrong = await run("check", "--json", "--config", "nowhere.toml")
    assert wrong.returncode == 1
    (problem,) = json.loads(wrong.stdout)["problems"]
    assert wrong.stderr == f"elizanet: {problem}\n"


@pytest.mark.parametrize("columns", [80, 120])
async def test_a_terminal_shows_tables_that_fit(
    run_in_terminal: Run, configure: Configure, primary: Upstream, backup: Upstream, columns: int
) -> None:
    """A provider's words cannot steer the terminal."""
    backup.fail("status=503,message='\x1b]0;gotcha\x07 [bold]down[/bold]'")
    configure(primary, backup)
    ended = await run_in_terminal("check", columns=columns, THE_KEY=KEY)
    assert ended.returncode == 2
    assert "\x1b]0;" not in ended.stdout
    lines = [line.rstrip() for line in ESCAPES.sub("", ended.stdout).splitlines()]
    assert max(map(len, lines)) <= columns
    assert any(re.match(r"primary +http\S+ +healthy +\d+ ms +5 models", line) for line in lines)
    assert lines[-1].startswith("the configuration is right, but 1 of 2")
    if columns == 120:
        assert "[bold]down[/bold]" in ended.stdout


@pytest.mark.parametrize("status", [403, 404, 429])
async def test_a_provider_without_a_list_of_models_is_no_reason_to_fail(
    run: Run, configure: Configure, primary: Upstream, backup: Upstream, status: int
) -> None:
    """It has answered: it is reachable, and nothing is known of its models."""
    route = '[models."m"]\nchain = ["backup/any"]\n'
    configure(primary, backup, extra=route)
    backup.fail(f"status={status}")
    ended = await run("check", THE_KEY=KEY)
    assert (ended.returncode, ended.stderr) == (0, "")
    (row,) = (line for line in ended.stdout.splitlines() if line.startswith("backup "))
    assert row.split()[2] == "reachable"
    assert ended.stdout.endswith("the configuration is right, and every provider answers (2)\n")
    told = await run("check", "--json", THE_KEY=KEY)
    assert (told.returncode, json.loads(told.stdout)["ok"]) == (0, True)
    assert "does not list" not in ended.stdout + told.stdout


async def test_a_model_that_its_provider_does_not_list_is_a_warning(
    run: Run, configure: Configure
) -> None:
    """It may be a slip, or never pulled; a provider need not list all that it has."""
    routes = (
        '[models."m"]\nchain = ["ollama/gpt-typo"]\n'
        '[models."gpt-lost"]\nchain = ["ollama/*"]\n'
        '[models."gpt-4o"]\nchain = ["ollama/*", "ollama/openai/GPT-4o"]\n'
        '[models."llama"]\nchain = ["ollama/llama3", "ollama/qwen:7b"]\n'
    )
    async with Upstream("ollama", models=["gpt-4o", "llama3:latest", "qwen:7b"]) as upstream:
        configure(upstream, extra=routes)
        ended = await run("check", THE_KEY=KEY)
        report = json.loads((await run("check", "--json", THE_KEY=KEY)).stdout)
    assert ended.returncode == 0
    expected = [
        "ollama does not list gpt-typo, which models.m.chain asks for",
        "ollama does not list gpt-lost, which models.gpt-lost.chain asks for",
    ]
    lines = ended.stdout.splitlines()
    assert [f"warning: {sentence}" for sentence in expected] == lines[-3:-1]
    assert report["warnings"][-2:] == expected


async def test_an_empty_list_is_one_unless_the_operators_function_was_asked(
    run: Run, configure: Configure, tmp_path: Path
) -> None:
    """Nothing was pulled yet; a function that says true has seen no list."""
    (tmp_path / "own_health.py").write_text("def check(provider):\n    return True\n")
    route = '[models."m"]\nchain = ["ollama/llama3"]\n'
    async with Upstream("ollama", models=[]) as upstream:
        configure(upstream, extra=route)
        asked = await run("check", THE_KEY=KEY)
        configure(upstream, extra=f'{route}[hooks]\nhealth = "own_health:check"\n')
        hooked = await run("check", THE_KEY=KEY)
    assert "warning: ollama does not list llama3" in asked.stdout
    assert (hooked.returncode, "does not list" in hooked.stdout) == (0, False)
