"""An hour of calls that have been, written as the records of a gateway that has run for longer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from elizanet.errors import Skipped
from elizanet.records import migrations
from elizanet.records.model import AttemptRecord, CallRecord, ChangeRecord
from elizanet.records.opening import connect
from elizanet.records.writing import Batches

RUN: Final = "run_of_the_past"
CHAINS: Final = {
    "gpt-4o": ("openai/gpt-4o", "elizanet/gpt-4o"),
    "gpt-4o-mini": ("openai/gpt-4o-mini", "groq/llama-3.3-70b", "elizanet/gpt-4o-mini"),
}
DOLLARS: Final = {"openai": 4e-6, "elizanet": 4.6e-6, "groq": 6e-7}
CALLERS: Final = ("team-a", "team-a", "team-b", "support-bot")
CALLS_A_MINUTE: Final = 46
SAID: Final = {
    "timeout": "no answer within 10 s",
    "overloaded": "the engine is overloaded",
    "connection": "connection refused",
}
SAID_AFTER_S: Final = {"timeout": 10.0, "overloaded": 0.4}
USUAL_S: Final = {"openai": 0.72, "elizanet": 0.95, "groq": 0.31}


@dataclass(frozen=True)
class Past:
    """What happened in the last `minutes`: openai failed from `since` until `until` (minutes ago)."""

    minutes: int = 75
    since: float = -1.0
    until: float = 0.0

    def write(self, url: str, now: float) -> None:
        """Write it into an empty database."""
        chance = random.Random(7)
        database = connect(url)
        migrations.upgrade(database)
        calls = [*self._calls(now, chance)]
        Batches(RUN).write(database, [*calls, *self._changes(now)])
        database.close()

    def _calls(self, now: float, chance: random.Random) -> Iterator[CallRecord]:
        for minute in range(self.minutes, 0, -1):
            busy = 1.0 + 0.25 * ((minute * 7) % 11) / 11
            for number in range(int(CALLS_A_MINUTE * busy * chance.uniform(0.85, 1.15))):
                at = now - 60 * minute + 58 * chance.random()
                ago = (now - at) / 60
                yield _call(
                    at,
                    number,
                    chance,
                    in_outage=self.until < ago < self.since,
                    ago=self.since - ago,
                )

    def _changes(self, now: float) -> Iterator[ChangeRecord]:
        if self.since < 0:
            return
        for model in ("gpt-4o", "gpt-4o-mini"):
            subject = f"openai/{model} chat/completions"
            moments = [("open", now - 60 * self.since + 3, "no answer within 10 s")]
            if self.until:
                end = now - 60 * self.until
                moments += [
                    ("half_open", end - 6, "it is time to probe"),
                    ("closed", end, "3 answers in a row"),
                ]
            for state, at, reason in moments:
                yield ChangeRecord(
                    at=at, run=RUN, subject=subject, what="breaker", state=state, reason=reason
                )


def _call(
    at: float, number: int, chance: random.Random, *, in_outage: bool, ago: float
) -> CallRecord:
    model = chance.choices(tuple(CHAINS), weights=(3, 2))[0]
    targets, tokens = CHAINS[model], (chance.randint(200, 1400), chance.randint(60, 420))
    stream, attempts = chance.random() < 0.6, _Attempts(tokens)
    passed: tuple[Skipped, ...] = ()
    why = "timeout" if chance.random() < 0.8 else "overloaded"
    lost = in_outage and chance.random() < 0.012
    if in_outage and (lost or ago < 0.4 or chance.random() < 0.04):
        attempts.add(targets[0], SAID_AFTER_S[why], why)
    elif in_outage:
        passed = (Skipped("openai", model, "breaker_open", 12.0, SAID["timeout"]),)
    for target in targets[1:] if lost else ():
        attempts.add(target, chance.uniform(0.2, 2.0), "connection")
    by = targets[1] if in_outage else targets[0]
    provider, _, name = by.partition("/")
    if not lost:
        attempts.add(by, USUAL_S[provider] * chance.lognormvariate(0, 0.35))
    took, cost = attempts.ended, None if lost else sum(tokens) * DOLLARS[provider]
    return CallRecord(
        id=f"req_{int(at * 1000):012x}{number:016x}",
        at=at, run=RUN, operation="chat/completions", model=model, chain=model, targets=targets,
        caller=chance.choice(CALLERS), stream=stream, outcome="failed" if lost else "answered",
        failure_class="connection" if lost else None,
        provider=None if lost else provider, provider_model=None if lost else name,
        fallback_reason=why if in_outage and not lost else None,
        attempts=tuple(attempts.made), passed_over=passed,
        seconds=took * (2.1 if stream and not lost else 1.0), first_content=None if lost else took,
        prompt_tokens=None if lost else tokens[0], completion_tokens=None if lost else tokens[1],
        cost=cost, extra_cost=None if cost is None else cost - sum(tokens) * DOLLARS["openai"],
    )  # fmt: skip


class _Attempts:
    """Attempts that follow each other."""

    def __init__(self, tokens: tuple[int, int]) -> None:
        self.made: list[AttemptRecord] = []
        self.ended = 0.0
        self._tokens = tokens

    def add(self, target: str, took: float, failure: str | None = None) -> None:
        provider, _, model = target.partition("/")
        answered = failure is None
        self.made.append(
            AttemptRecord(
                number=len(self.made) + 1, provider=provider, model=model, key=provider,
                role="next" if self.made else "first", started=self.ended, duration=took,
                failure_class=failure, message=SAID[failure] if failure else "",
                status=200 if answered else 503 if failure == "overloaded" else None,
                retryable=not answered, request_id=f"req_{provider}_81f2" if answered else None,
                prompt_tokens=self._tokens[0] if answered else None,
                completion_tokens=self._tokens[1] if answered else None,
                cost=sum(self._tokens) * DOLLARS[provider] if answered else None,
            )
        )  # fmt: skip
        self.ended += took
