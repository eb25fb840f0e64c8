"""A caller that asks once, and reads its answer to the end."""

from __future__ import annotations

import asyncio
from typing import Final

from elizanet.call import Call, Provider
from elizanet.errors import CallFailed
from elizanet.operation import Operation
from elizanet.testing.simulation.calls import CallRecord
from elizanet.testing.simulation.results import Outcome
from elizanet.testing.simulation.world import World

BODY: Final = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class Client:
    """Asks `door` for `model`; `patience` is the deadline of each call in seconds."""

    def __init__(
        self,
        world: World,
        door: Provider,
        *,
        model: str = "m",
        stream: bool = False,
        patience: float = 600.0,
        body: bytes = BODY,
    ) -> None:
        self.world = world
        self._door = door
        self._model = model
        self._stream = stream
        self._patience = patience
        self._body = body

    def __repr__(self) -> str:
        return f"<Client of {self._door!r} {'stream' if self._stream else 'unary'}>"

    async def ask(self, identity: str, *, repeated: bool = False) -> CallRecord:
        """Make one call, and return what became of it."""
        clock = asyncio.get_running_loop().time
        now = clock()
        deadline = now + self._patience
        record = self.world.arrives(CallRecord(identity, now, deadline, stream=self._stream))
        call = Call(
            identity, Operation.CHAT, self._model, self._body, deadline,
            stream=self._stream, repeated=repeated,
        )  # fmt: skip
        outcome = Outcome.LEFT
        try:
            await self._read(call, record)
            outcome = Outcome.ANSWERED
        except CallFailed as error:
            record.error = error
            outcome = Outcome.FAILED if record.committed is None else Outcome.BROKE
        finally:
            self.world.ends(record, outcome, clock())
        return record

    async def _read(self, call: Call, record: CallRecord) -> None:
        answer = await self._door.send(call)
        now = asyncio.get_running_loop().time()
        self.world.commits(record, answer.head.provider, now)
        try:
            while (event := await answer.next()) is not None:
                record.received(event)
        finally:
            await answer.aclose()
