"""What is measured: our gateway and nginx, each a process of its own on a core of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.gateway import traffic

SUBJECT_CORE: Final = 0
TRAFFIC_CORE: Final = 1
_START_LIMIT_S: Final = 20.0
_END_LIMIT_S: Final = 10.0

_GATEWAY: Final = """
[gateway]
keys = ["env:BENCHMARK_KEY"]
[providers.first]
base_url = "http://127.0.0.1:{provider}/v1"
api_key = "env:BENCHMARK_PROVIDER_KEY"
[providers.refusing]
base_url = "http://127.0.0.1:{provider}{refusing}"
api_key = "env:BENCHMARK_PROVIDER_KEY"
[providers.second]
base_url = "http://127.0.0.1:{provider}/v1"
[models."{plain}"]
chain = ["first/gpt-4o-2024-08-06", "second/*"]
[models."{falling_back}"]
chain = ["refusing/*", "second/gpt-4o-2024-08-06"]
"""
_KEYS: Final = {"BENCHMARK_KEY": traffic.KEY, "BENCHMARK_PROVIDER_KEY": "sk-of-the-provider"}

_NGINX: Final = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 10000000;
    upstream provider {{
        server 127.0.0.1:{provider};
        keepalive 1024;
        keepalive_requests 10000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


class Subject:
    """A running server. `started_in`: seconds from its start to its first answer."""

    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes]) -> None:
        self.name, self.port = name, port
        self._process = process
        self.started_in = 0.0

    def __repr__(self) -> str:
        return f"<Subject {self.name} pid={self._process.pid} port={self.port}>"

    def cpu_us(self) -> float:
        """Return the microseconds of processor time used so far, by all threads."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3

    def descriptors(self) -> int:
        """Return how many files and sockets are open."""
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    def memory_mb(self) -> float:
        """Return the resident memory in MB (10^6 bytes)."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        return float("nan")


@contextmanager
def provider(module: str = "benchmarks.gateway.provider") -> Iterator[int]:
    """Run a provider on the core of the traffic; gives its port."""
    command = [sys.executable, "-m", module, str(TRAFFIC_CORE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@contextmanager
def gateway(
    directory: Path,
    provider_port: int,
    settings: str = _GATEWAY,
    *,
    python: str = sys.executable,
    database: str = "none",
) -> Iterator[Subject]:
    """Run `elizanet serve` as a user does: with a key, and all that the settings leave alone."""
    port = _free_port()
    names = {"plain": traffic.PLAIN, "falling_back": traffic.FALLING_BACK}
    filled = settings.format(provider=provider_port, refusing=traffic.REFUSING_BASE, **names)
    (directory / "elizanet.toml").write_text(filled)
    serve = [python, "-m", "elizanet", "serve", "--port", str(port)]
    with _running("elizanet", serve, directory, port, database) as subject:
        yield subject


@contextmanager
def nginx(directory: Path, provider_port: int) -> Iterator[Subject]:
    """Run one worker of nginx as a reverse proxy that passes every piece on as it comes."""
    port = _free_port()
    (directory / "nginx.conf").write_text(_NGINX.format(provider=provider_port, port=port))
    command = [nginx_program(), "-p", str(directory), "-c", "nginx.conf", "-e", "stderr"]
    with _running("nginx", command, directory, port) as subject:
        yield subject


def nginx_program() -> str:
    """Return the path of nginx. Raises SystemExit if it is not installed."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise SystemExit("nginx is not installed: scripts/install.sh nginx nginx-light installs it")
    return found


@contextmanager
def _running(
    name: str, command: Sequence[str], directory: Path, port: int, database: str = "none"
) -> Iterator[Subject]:
    began = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", str(SUBJECT_CORE), *command],
        cwd=directory,
        env=_environment(database),
        stdout=subprocess.DEVNULL,
        stderr=(directory / f"{name}.log").open("wb"),
    )
    subject = Subject(name, port, process)
    try:
        _wait_until_answering(subject, process)
        subject.started_in = time.perf_counter() - began
        yield subject
    finally:
        process.terminate()
        try:
            process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_answering(subject: Subject, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.perf_counter() + _START_LIMIT_S
    while time.perf_counter() < ends_at and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", subject.port), timeout=1) as connection:
                connection.sendall(traffic.request(traffic.PLAIN))
                if connection.recv(1024):
                    return
        except ConnectionError:
            time.sleep(0.002)
    raise SystemExit(f"{subject.name} did not start; see its log")


def _environment(database: str) -> dict[str, str]:
    """Return our environment without settings that would change a subject."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ELIZANET_", "OPENAI_"))}
    root = Path(__file__).parent.parent.parent
    path = os.pathsep.join((f"{root}/src", sysconfig.get_path("purelib")))
    return {**kept, **_KEYS, "ELIZANET_DB": database, "PYTHONPATH": path}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
