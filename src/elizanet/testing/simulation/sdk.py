"""A caller behind an official OpenAI client: what fails is asked again, up to twice."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from elizanet.errors import AllTargetsFailed, CallFailed, ProviderError
from elizanet.gateway.failures import all_failed, failed_alone
from elizanet.testing.simulation.calls import CallRecord
from elizanet.testing.simulation.client import Client
from elizanet.testing.simulation.results import Outcome, Results

RETRIES: Final = 2
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
LONGEST_OBEYED_S: Final = 60.0
_JITTER: Final = 0.25
_RETRIED: Final = frozenset({408, 409, 429})
_SERVER_ERRORS: Final = 500


class SdkClient:
    """Retries as `openai` 1.x and 2.x do: what the gateway answers decides.

    Connection problems and the statuses 408, 409, 429 and 5xx are retried, unless the header
    `x-should-retry` says otherwise, after `retry-after` if that is within 60 s, else after
    min(8 s, 0.5 s * 2^n) less up to a quarter. `requests` has one row a user's request, with
    the attempts of all its calls. `obeys`: whether `x-should-retry` is heeded.
    """

    def __init__(self, client: Client, chance: random.Random, *, obeys: bool = True) -> None:
        self.requests = Results()
        self._client = client
        self._chance = chance
        self._obeys = obeys

    def __repr__(self) -> str:
        return f"<SdkClient {self.requests!r}>"

    async def ask(self, identity: str) -> CallRecord:
        """Make one request of a user's, and return its last call."""
        attempts, arrived = 0, asyncio.get_running_loop().time()
        for tried in range(RETRIES + 1):
            record = await self._client.ask(f"{identity}.{tried}", repeated=tried > 0)
            attempts += len(record.attempts)
            pause = self._pause(record, tried)
            if pause is None:
                break
            await asyncio.sleep(pause)
        self.requests.add(
            arrived,
            record.waited + record.arrived - arrived,
            record.ended or record.arrived,
            Outcome.LEFT if record.outcome is None else record.outcome,
            attempts,
            record.provider,
        )
        return record

    def _pause(self, record: CallRecord, tried: int) -> float | None:
        """Return the seconds until the next try, None if there is none."""
        if record.outcome is not Outcome.FAILED or record.error is None or tried >= RETRIES:
            return None
        status, headers = _answer_to(record.error)
        told = headers.get(b"x-should-retry") if self._obeys else None
        wanted = status in _RETRIED or status >= _SERVER_ERRORS
        if told == b"false" or (told != b"true" and not wanted):
            return None
        stated = float(headers.get(b"retry-after", b"0"))
        if 0 < stated <= LONGEST_OBEYED_S:
            return stated
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**tried)
        return pause * (1 - _JITTER * self._chance.random())


def _answer_to(error: CallFailed) -> tuple[int, dict[bytes, bytes]]:
    """Return the status and the headers that the gateway answers with."""
    if isinstance(error, ProviderError):
        status, headers, _ = failed_alone(error, "")
    elif isinstance(error, AllTargetsFailed):
        status, headers, _ = all_failed(error, "")
    else:
        raise TypeError(f"{error!r} is no error of a chain")
    return status, dict(headers)
