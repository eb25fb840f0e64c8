"""The files for running a gateway agree with each other, with the guide, and with the program."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from elizanet.gateway.drain import GRACE_S
from elizanet.settings import load_settings
from elizanet.settings.model import GatewaySettings

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
UNIT = (ROOT / "packaging" / "systemd" / "elizanet.service").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
OPENAI = '\n[providers.openai]\nbase_url = "https://api.openai.com/v1"\n'
DRAINED_WITHIN = GRACE_S + GatewaySettings().drain + 5.0


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_configuration_of_the_guide_can_be_used(example: str, tmp_path: Path) -> None:
    """Each example loads as it stands, beside the provider that all of them fall back to."""
    if "openai" not in tomllib.loads(example).get("providers", {}):
        example += OPENAI
    keys = dict.fromkeys(re.findall(r"env:(\w+)", example), "sk-of-the-example")
    file = tmp_path / "elizanet.toml"
    file.write_text(example, encoding="utf-8")
    settings = load_settings(config_file=file, environ=keys, working_directory=tmp_path)
    assert settings.routes


def test_every_file_that_the_guide_links_to_is_there() -> None:
    """No link of the guide leads nowhere."""
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target


def test_the_image_gets_all_that_it_is_made_of() -> None:
    """What the Dockerfile copies is not left out by .dockerignore, and little else is sent."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    kept = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert any(fnmatch(name, pattern) for pattern in kept), name
        assert (ROOT / name).exists(), name


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last stage has a user who is not root, and asks for the health of the port it opens.

    No file can move that port.
    """
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", last, re.MULTILINE)
    port = str(GatewaySettings().port)
    assert f"EXPOSE {port}" in last
    assert f"'127.0.0.1', {port}" in last
    assert f'CMD ["serve", "--host", "0.0.0.0", "--port", "{port}"]' in last
    assert f":{port}:{port}" in COMPOSE


def test_nobody_is_killed_while_calls_may_still_end() -> None:
    """Whoever stops the gateway waits for longer than it takes at most."""
    for pattern, text in ((r"stop_grace_period: (\d+)s", COMPOSE), (r"TimeoutStopSec=(\d+)", UNIT)):
        found = re.search(pattern, text)
        assert found is not None
        assert int(found[1]) > DRAINED_WITHIN
        assert f"--stop-timeout {found[1]} " in GUIDE


def test_the_unit_reloads_by_the_signal_that_the_gateway_obeys() -> None:
    """`systemctl reload` sends SIGHUP, and wrong settings are not tried again and again."""
    assert "ExecReload=/bin/kill -HUP $MAINPID" in UNIT
    assert "RestartPreventExitStatus=2" in UNIT


def test_the_unit_lets_the_process_see_what_its_metrics_need() -> None:
    """Without `/proc/stat` there is none of the process, and no alert when descriptors run out."""
    assert "ProcSubset" not in re.sub("^#.*$", "", UNIT, flags=re.MULTILINE)


def test_records_are_kept_where_they_may_be_written() -> None:
    """In the image, under the service and in the guide it is the same place, and it stays."""
    place = "ELIZANET_DB=sqlite:////var/lib/elizanet/elizanet.db"
    assert f"Environment={place}\n" in UNIT
    assert "StateDirectory=elizanet" in UNIT
    assert place in DOCKERFILE
    assert "VOLUME /var/lib/elizanet" in DOCKERFILE
    assert ":/var/lib/elizanet\n" in COMPOSE
    assert place in GUIDE
