"""An alarm rings at its moment, and at no other."""

from __future__ import annotations

import asyncio

import pytest

from elizanet.gateway.alarm import Alarm

STEP_S = 0.05


@pytest.fixture
async def rung() -> list[float]:
    return []


@pytest.fixture
async def alarm(rung: list[float]) -> Alarm:
    loop = asyncio.get_running_loop()
    return Alarm(loop, lambda: rung.append(loop.time()))


async def test_it_rings_once(alarm: Alarm, rung: list[float]) -> None:
    """At its moment, and not again."""
    began = asyncio.get_running_loop().time()
    alarm.set(STEP_S)
    assert alarm.is_set
    await asyncio.sleep(3 * STEP_S)
    (at,) = rung
    assert at - began >= STEP_S - 0.002
    assert not alarm.is_set
    assert repr(alarm) == "<Alarm off>"


async def test_it_can_be_put_off(alarm: Alarm, rung: list[float]) -> None:
    """Any number of times; it rings after the last moment that it was set for."""
    for _ in range(6):
        alarm.set(2 * STEP_S)
        await asyncio.sleep(STEP_S)
    assert rung == []
    await asyncio.sleep(2 * STEP_S)
    assert len(rung) == 1


async def test_it_can_be_set_for_an_earlier_moment(alarm: Alarm, rung: list[float]) -> None:
    """Then it does not wait for the later one."""
    alarm.set(60.0)
    alarm.set(STEP_S)
    await asyncio.sleep(3 * STEP_S)
    assert len(rung) == 1


async def test_it_can_be_stopped_and_set_again(alarm: Alarm, rung: list[float]) -> None:
    """What it was set for before does not count any more."""
    alarm.set(STEP_S)
    alarm.stop()
    await asyncio.sleep(2 * STEP_S)
    assert rung == []
    alarm.set(STEP_S)
    assert repr(alarm).startswith("<Alarm for ")
    await asyncio.sleep(2 * STEP_S)
    assert len(rung) == 1


async def test_one_that_is_closed_never_rings(alarm: Alarm, rung: list[float]) -> None:
    """It has let go of whom it called."""
    alarm.set(STEP_S)
    alarm.close()
    alarm.set(STEP_S)
    await asyncio.sleep(2 * STEP_S)
    assert rung == []


async def test_it_rings_again_only_when_it_is_set_again(alarm: Alarm, rung: list[float]) -> None:
    """Also by whoever it rings for."""
    alarm.set(STEP_S)
    await asyncio.sleep(2 * STEP_S)
    alarm.set(STEP_S)
    await asyncio.sleep(2 * STEP_S)
    assert len(rung) == 2
