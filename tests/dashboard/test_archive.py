"""Questions to the records, asked from a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import pytest

from elizanet.gateway import archive as module
from elizanet.gateway.archive import MOST_WAITING, Archive
from elizanet.records.errors import RecordsError
from elizanet.records.reading import Reader


class Silent:
    """A reader of which only the end is noticed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


@dataclass(frozen=True)
class Ask:
    """A question; equal to another one of that name."""

    name: str
    kept = 0.05


answers: dict[str, Callable[[], object]] = {}


@dataclass(frozen=True)
class Named(Ask):
    def __call__(self, reader: Reader, now: float) -> object:
        assert threading.current_thread().name.startswith("elizanet-dashboard")
        return answers[self.name]()


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Archive, Silent]]:
    reader = Silent()
    archive = Archive(lambda: cast("Reader", reader))
    try:
        yield archive, reader
    finally:
        await archive.aclose()


async def test_the_same_question_is_answered_once() -> None:
    """While it is being answered, and for as long as its answer is good."""
    count = iter(range(10))
    release = threading.Event()

    def slow() -> int:
        release.wait(5)
        return next(count)

    answers["slow"] = slow
    async with opened() as (archive, _):
        asked = [asyncio.create_task(archive.ask(Named("slow"))) for _ in range(20)]
        await asyncio.sleep(0.01)
        release.set()
        assert set(await asyncio.gather(*asked)) == {0}
        assert await archive.ask(Named("slow")) == 0
        await asyncio.sleep(0.06)
        assert await archive.ask(Named("slow")) == 1


async def test_nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question goes on, and its answer is there for whoever asks next."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    release = threading.Event()
    answers["late"] = lambda: release.wait(5) and "late"
    async with opened() as (archive, _):
        for _ in range(2):
            with pytest.raises(RecordsError, match=r"not answered within 0\.05 s"):
                await archive.ask(Named("late"))
        release.set()
        await asyncio.sleep(0.02)
        assert await archive.ask(Named("late")) == "late"


async def test_few_questions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused at once; afterwards there is room again."""
    release = threading.Event()
    for n in range(MOST_WAITING + 1):
        answers[f"q{n}"] = lambda: release.wait(5)
    async with opened() as (archive, _):
        waiting = [asyncio.create_task(archive.ask(Named(f"q{n}"))) for n in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(RecordsError, match="more questions"):
            await archive.ask(Named(f"q{MOST_WAITING}"))
        release.set()
        await asyncio.gather(*waiting)
        assert await archive.ask(Named(f"q{MOST_WAITING}"))


async def test_a_failure_is_told_to_everybody_who_asked() -> None:
    """And not asked again for a moment: a database that fails is not hammered."""
    count = iter(range(10))

    def fail() -> None:
        raise RecordsError(f"failure {next(count)}")

    answers["fail"] = fail
    async with opened() as (archive, _):
        for _ in range(2):
            with pytest.raises(RecordsError, match="failure 0"):
                await archive.ask(Named("fail"))
        await asyncio.sleep(0.06)
        with pytest.raises(RecordsError, match="failure 1"):
            await archive.ask(Named("fail"))


async def test_who_gives_up_takes_nothing_from_others() -> None:
    """A page that is closed while the database works."""
    release = threading.Event()
    answers["shared"] = lambda: release.wait(5) and "shared"
    async with opened() as (archive, _):
        leaving = asyncio.create_task(archive.ask(Named("shared")))
        staying = asyncio.create_task(archive.ask(Named("shared")))
        await asyncio.sleep(0.01)
        leaving.cancel()
        release.set()
        assert await staying == "shared"
        assert leaving.cancelled()


async def test_the_connection_is_given_back() -> None:
    """In its own thread; without a question there never was one."""
    answers["any"] = lambda: True
    async with opened() as (archive, reader):
        await archive.ask(Named("any"))
    assert reader.closed.is_set()
    async with opened() as (_, unused):
        pass
    assert not unused.closed.is_set()


async def test_a_database_that_hangs_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is left alone after a moment."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.02)
    monkeypatch.setattr(module, "_CLOSE_S", 0.05)
    release = threading.Event()
    answers["hangs"] = lambda: release.wait(5)
    archive = Archive(lambda: cast("Reader", Silent()))
    with pytest.raises(RecordsError):
        await archive.ask(Named("hangs"))
    async with asyncio.timeout(1):
        await archive.aclose()
    release.set()
