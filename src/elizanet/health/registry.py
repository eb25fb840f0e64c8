"""Everything that is known about the providers of one process."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from elizanet.health.inert import NoBudget, NoGate, NoLimiter, NoQuarantine
from elizanet.health.lane import Lane
from elizanet.health.places import NEVER, Host, Key, Model, Tell
from elizanet.operation import Operation
from elizanet.policy.breaker import THRESHOLD, BreakerState
from elizanet.policy.budget import Budget
from elizanet.policy.gate import Gate
from elizanet.policy.limiter import Limiter
from elizanet.policy.protections import Protections
from elizanet.policy.quarantine import Quarantine
from elizanet.policy.rate import RateLimit
from elizanet.telemetry import HealthChanged, TelemetryEvent

MOST_LANES: Final = 2_000
"""Callers choose model names; what was not used for longest is forgotten beyond this many."""

WHOLE_HOST: Final = "*"
"""As a model's name: every model of the host."""

LaneName = tuple[str, str, Operation, str]
"""Host, key, operation, model."""


class Registry:
    """Hosts, models, keys and the lanes between them, made when they are first asked for.

    `chance` feeds the jitter, `emit` is told every change of state, `threshold` is the score
    at which breakers open.
    """

    def __init__(
        self,
        *,
        chance: random.Random,
        emit: Callable[[TelemetryEvent], None],
        protections: Protections = Protections(),
        threshold: float = THRESHOLD,
    ) -> None:
        self.protections = protections
        self.emit = emit
        self._chance = chance
        self._threshold = threshold if protections.breaker else NEVER
        self._hosts: dict[str, Host] = {}
        self._models: dict[tuple[str, Operation, str], Model] = {}
        self._keys: dict[tuple[str, str], Key] = {}
        self._lanes: OrderedDict[LaneName, Lane] = OrderedDict()
        self._forced: dict[tuple[str, str], BreakerState] = {}

    def __repr__(self) -> str:
        return f"<Registry hosts={len(self._hosts)} lanes={len(self._lanes)}>"

    @property
    def lanes(self) -> tuple[tuple[LaneName, Lane], ...]:
        """Every lane there is, with its name."""
        return tuple(self._lanes.items())

    def lane(
        self, host: str, key: str, operation: Operation, model: str, rate: RateLimit | None = None
    ) -> Lane:
        """Return the lane of that name, under the given limit of our own."""
        name = (host, key, operation, model)
        lane = self._lanes.get(name)
        if lane is None:
            self._forget_idle()
            lane = self._lanes[name] = self._new_lane(name)
        else:
            self._lanes.move_to_end(name)
        lane.rate = rate
        return lane

    def force(self, host: str, model: str, state: BreakerState | None) -> None:
        """Hold the breaker of a model open or closed; `*` is the whole host. None ends it."""
        if state is BreakerState.HALF_OPEN:
            raise ValueError(f"{host}/{model} can be forced open or closed, not half_open")
        if state is None:
            self._forced.pop((host, model), None)
        else:
            self._forced[host, model] = state
        if model == WHOLE_HOST and host in self._hosts:
            self._hosts[host].breaker.force(state)
        for (its_host, _, its_name), place in self._models.items():
            if (its_host, its_name) == (host, model):
                place.breaker.force(state)

    @property
    def forced(self) -> dict[tuple[str, str], BreakerState]:
        """What operators hold: host and model (`*` for all of them), and how."""
        return dict(self._forced)

    def checked(self, host: str, asked_at: float, now: float, *, reached: bool) -> None:
        """Count a check: whether the host could be reached, when that was asked."""
        breaker = self._host(host).breaker
        if reached:
            breaker.reachable(asked_at)
        else:
            breaker.suspect(now)

    def _new_lane(self, name: LaneName) -> Lane:
        host, key, operation, model = name
        on, said = self.protections, f"{host}/{model} {operation}"
        through = said if key in {"", host} else f"{said} ({key})"
        return Lane(
            through,
            self._host(host),
            self._model((host, operation, model), said),
            self._key(host, key),
            Gate() if on.gate else NoGate(),
            Limiter() if on.limiter else NoLimiter(),
            Quarantine() if on.quarantine else NoQuarantine(),
            self._teller(through),
        )

    def _host(self, name: str) -> Host:
        host = self._hosts.get(name)
        if host is None:
            budget = Budget() if self.protections.budget else NoBudget()
            told = self._teller(name)
            host = Host(name, self._chance, self._threshold, told, budget)
            self._hosts[name] = host
            host.breaker.force(self._forced.get((name, WHOLE_HOST)))
        return host

    def _model(self, place: tuple[str, Operation, str], said: str) -> Model:
        model = self._models.get(place)
        if model is None:
            model = Model(said, self._chance, self._threshold, self._teller(said))
            self._models[place] = model
            model.breaker.force(self._forced.get((place[0], place[2])))
        return model

    def _key(self, host: str, name: str) -> Key:
        key = self._keys.get((host, name))
        if key is None:
            quarantine = Quarantine() if self.protections.quarantine else NoQuarantine()
            told = self._teller(name or host)
            key = self._keys[host, name] = Key(name or host, quarantine, told)
        return key

    def _forget_idle(self) -> None:
        """Make room for one more lane, without touching one that is in use."""
        if len(self._lanes) < MOST_LANES:
            return
        for name, lane in self._lanes.items():
            if lane.is_idle:
                del self._lanes[name]
                lane.model.on_closed.pop(lane, None)
                if not lane.model.on_closed:
                    self._models.pop((name[0], name[2], name[3]), None)
                return

    def _teller(self, subject: str) -> Tell:
        def tell(what: str, state: str, reason: str) -> None:
            self.emit(HealthChanged(subject, what, state, reason))

        return tell
