"""One simulation: servers, calls, and everything that is written down about them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from elizanet.health import Registry
from elizanet.policy.protections import Protections
from elizanet.telemetry import Emitter, HealthChanged, TelemetryEvent
from elizanet.testing.simulation.calls import CallRecord
from elizanet.testing.simulation.capacity import Capacity
from elizanet.testing.simulation.failures import Failures
from elizanet.testing.simulation.invariants import Invariants
from elizanet.testing.simulation.latency import Latency
from elizanet.testing.simulation.ledger import Ledger, ServedAttempt
from elizanet.testing.simulation.load import Phase, arrivals
from elizanet.testing.simulation.results import Outcome, Results
from elizanet.testing.simulation.server import Server
from elizanet.testing.simulation.trace import Trace
from elizanet.testing.simulation.windows import Window
from elizanet.testing.virtual_time import VirtualLoop, run_virtually

Ask = Callable[[str], Coroutine[Any, Any, CallRecord]]
"""Makes the call of that name."""


class World:
    """Everything of one simulation comes from `seed`, and the same seed gives the same trace.

    The moments at which calls arrive depend on nothing else: whatever differs between two
    worlds with the same seed and load, the same calls come at the same time.
    `checks` watches over the invariants once it is set; without it the simulation is faster.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        protections: Protections = Protections(),
        failures: Failures | None = None,
    ) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 -- a simulation, not a secret
        self._arriving = random.Random(self.chance.random())  # noqa: S311 -- as above
        self.trace = Trace()
        self.ledger = Ledger()
        self.results = Results()
        self.told: Counter[str] = Counter()
        self.changes: list[tuple[float, HealthChanged]] = []
        self.servers: list[Server] = []
        self.running: dict[str, CallRecord] = {}
        self.checks: Invariants | None = None
        self.emit = Emitter(self._told)
        self.registry = Registry(chance=self.chance, emit=self.emit, protections=protections)
        self._failures = failures or Failures()
        self._agenda: list[tuple[float, Callable[[], None]]] = []
        self.ledger.watch(self._attempted)

    def __repr__(self) -> str:
        return f"<World seed={self.seed} {self.results!r} {self.ledger!r}>"

    # What it consists of

    def server(
        self,
        name: str,
        *windows: Window,
        latency: Latency | None = None,
        capacity: Capacity | None = None,
    ) -> Server:
        """Add a server."""
        server = Server(
            name,
            ledger=self.ledger,
            chance=self.chance,
            latency=latency,
            capacity=capacity,
            windows=windows,
            failures=self._failures,
        )
        self.servers.append(server)
        return server

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at that moment of the simulation."""
        self._agenda.append((when, action))

    # What happens in it

    def run(self, ask: Ask, load: Sequence[Phase]) -> Results:
        """Let calls arrive until the load ends, and wait until all of them have ended."""
        run_virtually(self._run(ask, load))
        return self.results

    def arrives(self, record: CallRecord) -> CallRecord:
        """Write down a call that begins."""
        self.running[record.id] = record
        return record

    def commits(self, record: CallRecord, provider: str, now: float) -> None:
        """Write down that a call has something to show."""
        record.committed, record.provider = now, provider
        if self.checks is not None:
            self.checks.committed(record)

    def ends(self, record: CallRecord, outcome: Outcome, now: float) -> None:
        """Write down a call that has ended."""
        record.outcome, record.ended = outcome, now
        del self.running[record.id]
        self.trace.note(f"{now:.6f} {record.id} {outcome} {len(record.attempts)} {record.provider}")
        self.results.add(
            record.arrived, record.waited, now, outcome, len(record.attempts), record.provider
        )
        if self.checks is not None:
            self.checks.call_ended(record, now)

    def look_at_rest(self, tasks: int) -> None:
        """Check that nothing is left but so many tasks, which were there before."""
        loop = asyncio.get_running_loop()
        if self.checks is not None:
            timers = loop.timers if isinstance(loop, VirtualLoop) else 0
            left = len(asyncio.all_tasks()) - tasks
            self.checks.at_rest(len(self.ledger.open), left, timers)

    async def _run(self, ask: Ask, load: Sequence[Phase]) -> None:
        loop = asyncio.get_running_loop()
        before = len(asyncio.all_tasks())
        agenda = [loop.call_at(when, action) for when, action in self._agenda]
        moments = arrivals(load, self._arriving, loop.time())
        async with asyncio.TaskGroup() as calls:
            for number, moment in enumerate(moments):
                if (pause := moment - loop.time()) > 0:
                    await asyncio.sleep(pause)
                calls.create_task(ask(f"c{number}"))
        for entry in agenda:
            entry.cancel()
        for server in self.servers:
            await server.capacity.idle()
        self.look_at_rest(before)

    def _attempted(self, attempt: ServedAttempt) -> None:
        """Hear of an attempt that begins or ends."""
        if attempt.end is not None:
            self.trace.note(f"{attempt.ended:.6f} {attempt.call_id} {attempt.end.value}")
            if self.checks is not None:
                self.checks.ended(attempt)
            return
        self.trace.note(f"{attempt.began:.6f} {attempt.call_id} asks {attempt.target}")
        record = self.running.get(attempt.call_id)
        if self.checks is not None:
            self.checks.began(attempt, record)
        if record is not None:
            record.attempts.append(attempt)

    def _told(self, event: TelemetryEvent) -> None:
        self.told[type(event).__name__] += 1
        if isinstance(event, HealthChanged):
            now = asyncio.get_running_loop().time()
            self.changes.append((now, event))
            self.trace.note(f"{now:.6f} {event.subject} {event.what} {event.state}")
            if self.checks is not None and event.what == "breaker":
                self.checks.health_changed(event.subject, event.state)
