"""The data behind the page, as JSON: what is known now, and what the records tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from elizanet.gateway.archive import Question
from elizanet.gateway.asgi import Exchange
from elizanet.gateway.dashboard.calls import CHOICES, PAGE, FindCall, ListCalls
from elizanet.gateway.dashboard.diagnosis import diagnose
from elizanet.gateway.dashboard.findings import Examine
from elizanet.gateway.dashboard.headline import headline
from elizanet.gateway.dashboard.history import Recall
from elizanet.gateway.dashboard.overview import Overview, Process, RecordsState
from elizanet.gateway.dashboard.providers import hosts, provider_views
from elizanet.gateway.dashboard.ranges import RANGES
from elizanet.gateway.dashboard.refused import refused
from elizanet.gateway.dashboard.replies import send_json
from elizanet.gateway.doors import Doors
from elizanet.gateway.observation import Observation
from elizanet.gateway.refusal import Refusal
from elizanet.records.errors import RecordsError
from elizanet.router import Router

_T = TypeVar("_T")


class Data:
    """Answers the page's questions. `archive` and `recorder` are None where records are off."""

    def __init__(
        self,
        router: Router,
        doors: Doors,
        observation: Observation,
        started: float,
    ) -> None:
        self._router = router
        self._doors = doors
        self._monitor = observation.monitor
        self._turned_away = observation.turned_away
        self._archive = observation.archive
        self._recorder = observation.recorder
        self._started = started

    def __repr__(self) -> str:
        return f"<Data of {self._router!r} {self._archive!r}>"

    async def overview(self, exchange: Exchange) -> None:
        """Answer with an `Overview`. Raises `Refusal` (400)."""
        query = _query(exchange, "range")
        chosen = _one_of("range", query.get("range", "1h"), RANGES)
        names = tuple(hosts(self._router.settings))
        run = self._recorder.run if self._recorder else ""
        findings = history = None
        trouble = ""
        try:
            findings, history = await asyncio.gather(
                self._ask(Examine(names, run)),
                self._ask(Recall(chosen, names, run)),
            )
        except RecordsError as error:
            trouble = "" if self._is_empty else str(error)
        views = provider_views(
            self._router.settings, self._router.states(), self._router.registry.forced
        )
        overview = Overview(
            at=time.time(),
            range=chosen,
            process=self._process(),
            headline=headline(diagnose(views, findings, refused(self._turned_away.recent()))),
            providers=views,
            checks=self._monitor.results(),
            records=self._records(trouble, known=history is not None),
            history=history,
        )
        await send_json(exchange, overview)

    async def calls(self, exchange: Exchange) -> None:
        """Answer with a page of calls. Raises `Refusal` (400, 503)."""
        query = _query(exchange, "range", "which", "provider", "model", "caller", "before")
        question = ListCalls(
            range=_one_of("range", query.get("range", "1h"), RANGES),
            choice=_one_of("which", query.get("which", "troubled"), CHOICES),
            provider=query.get("provider"),
            model=query.get("model"),
            caller=query.get("caller"),
            before=query.get("before"),
        )
        rows = await self._insist(question)
        await send_json(exchange, {"calls": rows or [], "more": len(rows or ()) == PAGE})

    async def call(self, exchange: Exchange, call_id: str) -> None:
        """Answer with one call. Raises `Refusal` (404, 503)."""
        record = await self._insist(FindCall(call_id))
        if record is None:
            message = f"there is no record of a call {call_id[:100]!r}"
            raise Refusal(message, code="call_not_found", status=404)
        await send_json(exchange, record)

    async def _ask(self, question: Question[_T]) -> _T | None:
        return None if self._archive is None else await self._archive.ask(question)

    async def _insist(self, question: Question[_T]) -> _T | None:
        """Return an answer, or say why there is none. Raises `Refusal` (503)."""
        try:
            return await self._ask(question)
        except RecordsError as error:
            if self._is_empty:
                return None
            raise Refusal(
                str(error), code="records_unavailable", kind="server_error", status=503
            ) from error

    def _process(self) -> Process:
        admission = self._doors.admission
        return Process(
            status="draining" if admission.draining else "ready",
            in_flight=admission.in_flight,
            max_in_flight=admission.most,
            lag_ms=round(admission.lag * 1000, 1),
            has_keys=not self._doors.keyring.is_open,
            started=self._started,
        )

    @property
    def _is_empty(self) -> bool:
        """Whether there is nothing to read because nothing has been written so far."""
        stats = self._recorder.stats() if self._recorder else None
        return stats is not None and stats.last_write is None and stats.failing is None

    def _records(self, trouble: str, *, known: bool) -> RecordsState:
        if self._recorder is None:
            return RecordsState("off")
        stats = self._recorder.stats()
        trouble = trouble or stats.failing or ""
        state = "failing" if trouble else "on" if known else "empty"
        return RecordsState(state, trouble, stats.dropped, stats.queued)


def _query(exchange: Exchange, *allowed: str) -> dict[str, str]:
    """Return the parameters of a request. Raises `Refusal` (400) for others than allowed."""
    query = dict(parse_qsl(exchange.scope["query_string"].decode("latin-1")))
    for name in query:
        _one_of("query parameter", name, allowed)
    return query


def _one_of(what: str, value: str, allowed: Mapping[str, object] | tuple[str, ...]) -> str:
    if value not in allowed:
        message = f"{what} {value[:50]!r} is not known; allowed are {', '.join(allowed)}"
        raise Refusal(message, code="invalid_value", param=what, status=400)
    return value
