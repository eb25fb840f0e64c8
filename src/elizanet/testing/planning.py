"""Which of the faults strike a request, and what is written because of them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from elizanet.testing.fault_kind import Situation
from elizanet.testing.faults import Fault
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply
from elizanet.testing.wire import Delivery, Wire


class ArmedFault:
    """A fault at work: it counts the requests it is meant for."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._chance = random.Random(fault.seed)  # noqa: S311 - repeatable on purpose

    def strikes(self, request: ReceivedRequest, good: HttpReply) -> bool:
        """Whether the fault strikes this request, of which `good` is the good answer."""
        if not self.fault.fits(request, good):
            return False
        number = self._seen - self.fault.after
        self._seen += 1
        if number < 0 or (self.fault.times is not None and number >= self.fault.times):
            return False
        return self._chance.random() < self.fault.rate

    def __repr__(self) -> str:
        return f"<ArmedFault {self.fault}, {self._seen} requests seen>"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with a request: `outcome` in a word, the delivery, and the writing."""

    outcome: str
    delivery: Delivery
    write: Callable[[Wire], Awaitable[None]]


def plan(
    faults: Iterable[ArmedFault], delivery: Delivery, request: ReceivedRequest, good: HttpReply
) -> Plan:
    """Let the faults that strike change the delivery, and the first other one decide."""
    decisive: Fault | None = None
    on_top: list[str] = []
    for armed in faults:
        change = armed.fault.kind.delivery
        if (change is None and decisive is not None) or not armed.strikes(request, good):
            continue
        if change is None:
            decisive = armed.fault
        else:
            delivery = change(armed.fault.values, delivery)
            on_top.append(str(armed.fault))
    if decisive is None:
        return Plan(" + ".join([str(good.status), *on_top]), delivery, _reply(good))
    outcome = " + ".join([str(decisive), *on_top])
    return Plan(outcome, delivery, _write(decisive, Situation(decisive.values, request, good)))


def _write(fault: Fault, situation: Situation) -> Callable[[Wire], Awaitable[None]]:
    in_its_own_way, other_reply = fault.kind.wire, fault.kind.content
    if in_its_own_way is not None:
        return lambda wire: in_its_own_way(situation, wire)
    return _reply(situation.reply if other_reply is None else other_reply(situation))


def _reply(reply: HttpReply) -> Callable[[Wire], Awaitable[None]]:
    return lambda wire: wire.reply(reply)
