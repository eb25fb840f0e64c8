"""The JavaScript clients: each file of `node/` is a test run of Node.js's own runner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.gateway_process import Gateway

pytestmark = [pytest.mark.sdks, pytest.mark.timeout(120)]

HERE = Path(__file__).with_name("node")
FILES = sorted(file.name for file in HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES)
def test_the_clients_for_javascript_are_answered(gateway: Gateway, file: str) -> None:
    """Every test of the file passes in a Node.js of its own."""
    node = Path(sys.executable).with_name("node")
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", file],
        cwd=HERE,
        env={
            "PATH": os.defpath,
            "GATEWAY_URL": gateway.base_url,
            "GATEWAY_KEY": gateway.key,
        },
        capture_output=True,
        check=False,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
