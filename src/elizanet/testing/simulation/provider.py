"""A simulated provider, as a chain asks it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from msgspec.structs import replace

from elizanet.call import Answer, Call, Headers, Upload
from elizanet.operation import Operation
from elizanet.providers.fold import FoldedAnswer, can_be_folded

if TYPE_CHECKING:
    from elizanet.testing.simulation.server import Server


class SimulatedProvider:
    """Asks a server, with one key. `folds`: whole answers are asked for as streams."""

    def __init__(self, name: str, server: Server, key: str, *, folds: bool = False) -> None:
        self.name = name
        self.key = key
        self.server = server
        self._folds = folds

    def __repr__(self) -> str:
        return f"<SimulatedProvider {self.name} of {self.server!r}>"

    def folds(self, call: Call) -> bool:
        """Tell whether the whole answer to this call will come as a stream."""
        return self._folds and can_be_folded(call)

    async def list_models(self, headers: Headers = ()) -> tuple[str, ...]:
        """Return nothing: a server answers for every model."""
        del headers
        return ()

    async def forward(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | None,
        rest: Upload | None,  # noqa: ARG002 -- an upload is of no interest here
    ) -> Answer:
        """Answer a request that is no call as the server answers calls."""
        name = f"{method} {target}"
        return await self.send(Call(name, Operation.CHAT, name, body or b"", inf, headers=headers))

    async def send(self, call: Call) -> Answer:
        """Ask the server. Raises `ProviderError`."""
        if not self.folds(call):
            return await self.server.serve(call, self.name, self.key)
        streamed = replace(call, stream=True)
        return FoldedAnswer(await self.server.serve(streamed, self.name, self.key), _is_good)


def _is_good(_body: bytes) -> None:
    """Find nothing wrong with an answer: servers that answer at all answer well."""
