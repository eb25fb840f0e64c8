"""One call between the door and its end: what it takes is given back exactly once."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from elizanet.gateway.admission import Admission
from elizanet.gateway.controls import FLEX
from elizanet.gateway.estimate import tokens_in
from elizanet.gateway.refusal import Draining, Refusal
from elizanet.limit import Cut, Interruption

if TYPE_CHECKING:
    from elizanet.gateway.callers import Caller


class Visit(Interruption):
    """A call that was let in; made by `Doors.enter`. `Draining` ends it when the process ends."""

    __slots__ = (
        "_admission",
        "_batch",
        "_estimate",
        "_has_answer",
        "_is_told",
        "_visits",
        "caller",
    )

    becomes = Draining
    reason = Cut("the gateway was shutting down")

    def __init__(
        self,
        caller: Caller,
        admission: Admission,
        visits: set[Visit],
        loop: asyncio.AbstractEventLoop,
        *,
        batch: bool,
    ) -> None:
        super().__init__(loop)
        self.caller = caller
        self._admission = admission
        self._visits = visits
        self._batch = batch
        self._estimate = 0.0
        self._has_answer = self._is_told = False

    def __repr__(self) -> str:
        return f"<Visit of {self.caller.alias}{' batch' if self._batch else ''}>"

    def __enter__(self) -> Self:
        super().__enter__()
        self._visits.add(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._visits.discard(self)
        if exc_type is not None and not self._has_answer:
            self.heard(0.0)  # nothing was answered, so nothing was used
        self.caller.leave()
        self._admission.leave(batch=self._batch)
        super().__exit__(exc_type, exc, traceback)

    @property
    def task(self) -> asyncio.Task[object]:
        """The task of the call. Raises `RuntimeError` before and after it."""
        if self._task is None:
            raise RuntimeError(f"{self!r} is not under way")
        return self._task

    def asks(self, model: str | None, body: bytes = b"", *, service_tier: object = None) -> None:
        """Tell what is asked for, once it is known. Raises `Refusal` (403, 429, 503).

        A caller with a list of models may not ask for what names none.
        """
        if not self.caller.may_use(model or ""):
            what = "paths that name no model" if model is None else f"the model {model[:100]!r}"
            raise Refusal(
                f"{self.caller.alias} does not have access to {what}",
                param="model",
                code="model_not_found",
                status=403,
            )
        if service_tier == FLEX and not self._batch:
            self._admission.into_batch()
            self._batch = True
        if self.caller.counts_tokens:
            estimate = tokens_in(body)
            self.caller.take_tokens(self._loop.time(), estimate)
            self._estimate = estimate

    def heard(self, tokens: float | None) -> None:
        """Tell how many tokens the call has cost so far, None where a piece of answer does not.

        Until it is told, a piece counts as one token: that is what the events of most streams are.
        """
        if not self.caller.counts_tokens or (tokens is None and self._is_told):
            return
        used = self._estimate + 1 if tokens is None else tokens
        self.caller.correct_tokens(self._loop.time(), self._estimate, used)
        self._estimate = used
        self._is_told = tokens is not None
        self._has_answer = True
