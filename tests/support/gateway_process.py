"""A gateway process and the providers behind it, for clients that know nothing of either.

The providers live on a loop of their own in another thread, so that clients which block can
be tested as they are.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from elizanet.testing import ReceivedRequest, Upstream
from elizanet.testing.forms import Form

CALLERS_KEY: Final = "sk-a-caller-of-the-gateway"
PROVIDERS_KEY: Final = "sk-the-key-of-the-providers"
STARTS_WITHIN_S: Final = 30.0
STOPS_WITHIN_S: Final = 15.0

FAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "primary": (),
    "backup": (),
    "down": ("overloaded",),
    "dead": ("overloaded",),
    "dead-too": ("overloaded",),
    "limited": ("rate_limit,retry-after=20",),
    "silent": ("hang",),
    "cutting": ("cut_stream=2",),
    "stalling": ("stall_stream=2",),
    "picky": ("bad_request",),
    "prudish": ("content_policy",),
    "small": ("context",),
    "locked": ("auth",),
    "locked-2": ("auth",),
    "elsewhere": ("model_not_found",),
    "elsewhere-2": ("model_not_found",),
}
"""Every provider, and what it does wrong all the time.

One whose key or model is wrong is asked once and then set aside, so each test has its own.
"""

CHAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "*": ("primary", "backup"),
    "falls-back": ("down", "backup"),
    "waits-and-falls-back": ("silent", "backup"),
    "all-down": ("dead", "dead-too"),
    **{name: (name,) for name in list(FAULTS)[5:]},
}
"""Every model, and who is asked for it; the models of one provider have its name."""

PASSTHROUGH: Final = """
[gateway]
keys = ["env:CALLERS_KEY"]
passthrough = "primary"
[retry]
same_provider = 0
"""
NO_PASSTHROUGH: Final = PASSTHROUGH.replace('passthrough = "primary"', "")


class Providers:
    """Running providers, each by its name, on a loop in a thread."""

    def __init__(self, faults: Mapping[str, tuple[str, ...]]) -> None:
        self.by_name = {
            name: Upstream(name, specs, api_key=PROVIDERS_KEY) for name, specs in faults.items()
        }
        self._loop = asyncio.new_event_loop()
        self._running = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="providers")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._running.wait(STARTS_WITHIN_S)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(STOPS_WITHIN_S)

    def received(self, name: str) -> list[ReceivedRequest]:
        """Return what a provider has been asked so far."""
        return list(self.by_name[name].requests)

    def last(self, name: str = "primary") -> ReceivedRequest:
        """Return what a provider was asked last."""
        return self.by_name[name].requests[-1]

    def last_form(self, name: str = "primary") -> Form:
        """Return the form a provider was sent last."""
        form = self.last(name).form
        assert form is not None
        return form

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            for upstream in self.by_name.values():
                await stack.enter_async_context(upstream)
            self._running.set()
            await self._ended.wait()


@dataclass(frozen=True)
class Gateway:
    """The running gateway: the base URL and the key a client is given."""

    base_url: str
    key: str = CALLERS_KEY


@contextmanager
def running_gateway(
    providers: Providers, home: Path, common: str = PASSTHROUGH
) -> Iterator[Gateway]:
    """Run `elizanet serve` in front of all providers; its settings and log are in `home`."""
    settings = common + "\n".join(_tables(providers))
    (home / "elizanet.toml").write_text(settings, encoding="utf-8")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "elizanet", "serve", "--port", "0"],
            cwd=home,
            env={
                "PATH": os.defpath,
                "CALLERS_KEY": CALLERS_KEY,
                "PROVIDERS_KEY": PROVIDERS_KEY,
            },
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Gateway(_address(process, home / "log"))
    finally:
        process.terminate()
        process.communicate(timeout=STOPS_WITHIN_S)
    assert "Traceback" not in (home / "log").read_text(encoding="utf-8")


def _tables(providers: Providers) -> Iterator[str]:
    """Yield the tables of all providers and models; nobody asks them but callers."""
    yield "[health]\ninterval = 0\n"
    for name, upstream in providers.by_name.items():
        address = f'base_url = "{upstream.base_url}"\napi_key = "env:PROVIDERS_KEY"\n'
        yield f"[providers.{name}]\n{address}"
    for model, chain in CHAINS.items():
        targets = ", ".join(f'"{name}/*"' for name in chain)
        yield f'[models."{model}"]\nchain = [{targets}]\n'


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """Return the base URL that the gateway prints once it answers."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(f"the gateway did not start: {log.read_text(encoding='utf-8')}")
    return next(word for word in line.split() if word.startswith("http://"))
