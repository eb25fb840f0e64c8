"""The way in: who calls, whether a web page does, and whether there is room."""

from __future__ import annotations

import asyncio
from typing import Final

from elizanet.gateway.admission import Admission
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.auth import Keyring
from elizanet.gateway.controls import is_batch
from elizanet.gateway.refusal import Refusal
from elizanet.gateway.visit import Visit
from elizanet.gateway.web_pages import refuse_strange_names, refuse_strange_pages
from elizanet.settings import GatewaySettings

_ORIGIN: Final = b"origin"


class Doors:
    """Lets the calls of one gateway in. `admission` is the process's, `before` an older one's."""

    def __init__(
        self, settings: GatewaySettings, admission: Admission, before: Doors | None = None
    ) -> None:
        self.admission = admission
        self.keyring: Keyring = Keyring(settings.callers, before.keyring if before else None)
        self.visits: set[Visit] = set()

    def __repr__(self) -> str:
        return f"<Doors {self.keyring!r} {self.admission!r} visits={len(self.visits)}>"

    def enter(self, exchange: Exchange) -> Visit:
        """Let a call in: the visit is to be entered at once. Raises `Refusal`."""
        headers = exchange.headers
        caller = self.keyring.find(headers)
        if self.keyring.is_open:
            if _ORIGIN in headers:
                refuse_strange_pages(headers)
            refuse_strange_names(headers)
        batch, loop = is_batch(headers), exchange.presence.loop
        try:
            self.admission.admit(batch=batch)
            try:
                caller.enter(loop.time())
            except BaseException:
                self.admission.leave(batch=batch)
                raise
        except Refusal as refusal:
            refusal.caller = caller.alias
            raise
        return Visit(caller, self.admission, self.visits, loop, batch=batch)

    async def emptied(self) -> None:
        """Wait until the last call has left."""
        while self.visits:
            await asyncio.wait({visit.task for visit in self.visits})
