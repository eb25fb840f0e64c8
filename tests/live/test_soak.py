"""The long form of level L4: thirty troubles of a minute each, measured. `ELIZANET_LONG=1` runs it.

Each case is 8 s of health, 22 s of trouble and 30 s of recovery under 20 calls a second, and
prints what was lost, how late the first content came, and when the first choice answered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from elizanet.testing import (
    Bandwidth,
    ChaosProxy,
    Latency,
    LimitData,
    Refuse,
    ResetPeer,
    Silence,
    Slicer,
    SlowClose,
    Toxic,
)
from live.conftest import Gateway, Provider
from live.test_outages import SLOW_S
from support.fuzzing import LONG
from support.load import End, Load, Report
from support.processes import Process

pytestmark = [
    pytest.mark.skipif(not LONG, reason="the long form: set ELIZANET_LONG=1"),
    pytest.mark.timeout(150),
]

HEALTHY_S, TROUBLE_S, AFTER_S = 8.0, 22.0, 30.0
ATTEMPT_S = 8.0
"""The limit of a whole answer in the settings of these tests."""
DETECTION_S = ATTEMPT_S + 2.0
BACK_S = 29.0
"""A breaker that was opened by a trouble this long probes again within this time."""

TROUBLES: dict[str, tuple[Toxic, ...]] = {
    "refused": (Refuse(), ResetPeer()),
    "reset": (ResetPeer(),),
    "reset in the middle": (ResetPeer(after=600),),
    "cut in the middle": (LimitData(after=600),),
    "silent": (Silence(),),
    "silent in the middle": (Silence(after=600),),
    "3 s late": (Latency(3.0),),
    "late at random": (Latency(0.4, jitter=0.4),),
    "3 kB a second": (Bandwidth(3000),),
    "byte by byte": (Slicer(1),),
    "slow to close": (SlowClose(5.0),),
}
PROCESS_TROUBLES = ("killed", "stopped", "flapping")
HARMLESS = frozenset({"late at random", "3 kB a second", "byte by byte", "slow to close"})


@dataclass(frozen=True)
class Case:
    """`everyone`: the trouble strikes both providers, not the first choice alone."""

    trouble: str
    stream: bool
    everyone: bool = False

    def __str__(self) -> str:
        where = "everyone" if self.everyone else "primary"
        return f"{where} {self.trouble}, {'streams' if self.stream else 'whole answers'}"


def cases() -> Iterator[Case]:
    yield from (Case(trouble, stream=True) for trouble in (*TROUBLES, *PROCESS_TROUBLES))
    for trouble in ("refused", "reset", "reset in the middle", "cut in the middle", "silent",
                    "3 s late", "byte by byte", "killed", "stopped"):  # fmt: skip
        yield Case(trouble, stream=False)
    yield from (Case(t, stream=s, everyone=True) for t in ("refused", "reset", "silent")
                for s in (True, False))  # fmt: skip
    yield Case("killed", stream=True, everyone=True)


class Stage:
    """Two providers as processes, each behind a proxy."""

    def __init__(self, providers: list[Process], proxies: list[ChaosProxy]) -> None:
        self._struck = list(zip(providers, proxies, strict=True))

    def only_primary(self) -> None:
        """Strike the first choice alone."""
        del self._struck[1:]

    async def begin(self, trouble: str) -> None:
        for process, proxy in self._struck:
            if trouble == "killed":
                await process.kill()
            elif trouble == "stopped":
                process.stop()
            else:
                proxy.toxics = TROUBLES["refused" if trouble == "flapping" else trouble]

    async def end(self, trouble: str) -> None:
        for process, proxy in self._struck:
            if trouble == "killed":
                await process.start()
            elif trouble == "stopped":
                process.resume()
            else:
                proxy.toxics = ()

    async def last(self, trouble: str) -> None:
        """Let the trouble go on for its time."""
        if trouble != "flapping":
            await asyncio.sleep(TROUBLE_S)
            return
        for _ in range(int(TROUBLE_S // 5)):
            await asyncio.sleep(2.5)
            await self.end(trouble)
            await asyncio.sleep(2.5)
            await self.begin(trouble)


@pytest.mark.parametrize("case", list(cases()), ids=str)
async def test_a_minute_of_trouble(
    case: Case,
    gateway: Gateway,
    provider: Provider,
    stack: AsyncExitStack,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is lost while one provider is well, nothing is a lie, and all is well again soon."""
    providers = [await provider(name, "--chunk-delay", "0.01") for name in ("primary", "backup")]
    proxies = [await stack.enter_async_context(ChaosProxy(p.base_url)) for p in providers]
    gate = await gateway(dict(zip(("primary", "backup"), proxies, strict=True)))
    stage = Stage(providers, proxies)
    if not case.everyone:
        stage.only_primary()
    async with Load(gate.base_url, rate=20, stream=case.stream) as load:
        await asyncio.sleep(HEALTHY_S)
        begin = load.now
        await stage.begin(case.trouble)
        await stage.last(case.trouble)
        await stage.end(case.trouble)
        end = load.now
        await asyncio.sleep(AFTER_S)
    with capsys.disabled():
        print(f"\n{case}: {told(load.report, begin, end)}")  # noqa: T201 -- the figures
    check(case, load.report, begin, end)


def told(report: Report, begin: float, end: float) -> str:
    """The figures of one case, in one line."""
    during = report.between(begin, end)
    back = next((o.at - end for o in report.between(end).outcomes if o.provider == "primary"), None)
    again = "never" if back is None else f"{back:.1f} s"
    return f"{len(report.lost)} lost, primary again after {again}; in trouble {during}"


def check(case: Case, report: Report, begin: float, end: float) -> None:
    assert report.ends[End.TRUNCATED] == 0
    assert not report.between(0, begin - 0.5).lost
    assert not report.between(end + DETECTION_S).lost
    assert report.between(end + BACK_S).providers.keys() == {"primary"}
    if case.everyone:
        return
    assert not report.lost, report.lost[:3]
    longest = SLOW_S if case.stream else DETECTION_S
    assert report.first(100) < longest, str(report)
    detected = report.between(begin + DETECTION_S, end)
    late = SLOW_S if case.trouble == "3 s late" else 1.5  # late is no failure of a whole answer
    assert detected.first(90) < late, str(detected)
    if case.trouble in HARMLESS:
        assert report.ends == {End.ANSWERED: len(report.outcomes)}
