"""The records, asked from a thread of their own: a slow database stops neither loop nor page.

A question is a value: asked again while it is being answered, or shortly after, it is answered
once. Few may wait at a time, and nobody waits long: whoever gives up leaves the question running,
and its answer to those who ask next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol, TypeVar, cast

import msgspec

from elizanet.limit import Limit, LimitReached
from elizanet.records.errors import RecordsError
from elizanet.records.reading import Reader

MOST_WAITING: Final = 8
PATIENCE_S: Final = 4.0
"""Seconds that somebody waits for an answer."""
_MOST_KEPT: Final = 64
_CLOSE_S: Final = 2.0

Answer_co = TypeVar("Answer_co", covariant=True)


class Question(Hashable, Protocol[Answer_co]):
    """What is asked, equal to another one if that is the same. `kept`: seconds it is good for."""

    @property
    def kept(self) -> float: ...

    def __call__(self, reader: Reader, now: float) -> Answer_co:
        """Answer it, in seconds since 1970. Raises `RecordsError`."""
        ...


class _Asked(msgspec.Struct):
    answer: asyncio.Future[object]
    until: float


class Archive:
    """Asks one `Reader`; `open_reader` is called in its thread, when it is first needed.

    Belongs to one event loop. Close it in the end.
    """

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open = open_reader
        self._reader: Reader | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="elizanet-dashboard")
        self._asked: dict[Question[object], _Asked] = {}
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<Archive {self._reader!r} kept={len(self._asked)} waiting={self._waiting}>"

    async def ask(self, question: Question[Answer_co]) -> Answer_co:
        """Return the answer. Raises `RecordsError` if there is none, or not soon."""
        loop = asyncio.get_running_loop()
        asked = self._asked.get(question)
        if asked is None or asked.until <= loop.time():
            asked = self._begin(question, loop)
        try:
            with Limit(loop.time() + PATIENCE_S):
                return cast("Answer_co", await asyncio.shield(asked.answer))
        except LimitReached:
            message = f"the database has not answered within {PATIENCE_S:g} s"
            raise RecordsError(message) from None

    async def aclose(self) -> None:
        """Give the connection back; a database that hangs is left alone."""
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)
        await asyncio.wait((closing,), timeout=_CLOSE_S)

    def _begin(self, question: Question[object], loop: asyncio.AbstractEventLoop) -> _Asked:
        if self._waiting >= MOST_WAITING:
            raise RecordsError("the database has more questions than it can answer; ask again")
        self._forget(loop.time())
        self._waiting += 1
        answer = loop.run_in_executor(self._thread, self._answer, question)
        asked = self._asked[question] = _Asked(answer, float("inf"))
        answer.add_done_callback(partial(self._answered, asked, question.kept, loop))
        return asked

    def _answer(self, question: Question[object]) -> object:
        if self._reader is None:
            self._reader = self._open()
        return question(self._reader, time.time())

    def _answered(
        self,
        asked: _Asked,
        kept: float,
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[object],
    ) -> None:
        self._waiting -= 1
        asked.until = loop.time() + kept
        if not answer.cancelled():
            answer.exception()  # it is raised where it is awaited, and perhaps nobody does

    def _forget(self, now: float) -> None:
        for question in [each for each, asked in self._asked.items() if asked.until <= now]:
            del self._asked[question]
        while len(self._asked) >= _MOST_KEPT:
            del self._asked[next(iter(self._asked))]

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
