"""The package as a whole: it starts fast, and its documents are true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import elizanet

ROOT = Path(__file__).parent.parent
LIBRARY = "import elizanet; elizanet.Elizanet; elizanet.ModelType"


def test_importing_costs_little_and_asks_nobody() -> None:
    """Under 0.3 s of work, also with the library itself, and without opening a socket."""
    script = f"""
import socket, sys, time
def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")
socket.socket.__init__ = refuse
began = time.process_time()
{LIBRARY}
print(time.process_time() - began)
"""
    times = []
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        times.append(float(run.stdout))
    assert min(times) < 0.3


def test_heavy_parts_are_loaded_when_they_are_needed() -> None:
    """Neither the command line's nor the gateway's nor the object's libraries."""
    script = f"import sys; {LIBRARY}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    loaded = set(run.stdout.split())
    heavy = {"rich", "click", "uvicorn", "jsonschema_rs", "json_repair", "toktok", "certifi"}
    assert not heavy & loaded


def test_every_public_name_exists() -> None:
    """`__all__` and what is loaded on demand are the same."""
    for name in elizanet.__all__:
        assert getattr(elizanet, name) is not None
    assert dir(elizanet) == sorted(elizanet.__all__)


def test_every_path_in_the_architecture_exists() -> None:
    """One page, and true."""
    text = (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:src|docs|scripts|tests)/[\w./-]+)`", text)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_lock_files_name_no_address() -> None:
    """Versions and hashes only, so that any index serves."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name


def test_dependencies_point_down_only() -> None:
    """The layers are checked with the tests, not only with the linters."""
    command = [sys.executable, str(ROOT / "scripts/check_layers.py")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
