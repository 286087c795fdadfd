"""What a task emits is yielded to its reader, who may leave at any time."""

import asyncio

import pytest

from exchange.polymarket import pump as pumping
from exchange.polymarket.pump import Emit, pump


async def test_events_come_in_order_until_the_producer_ends() -> None:
    async def produce(emit: Emit[int]) -> None:
        for number in range(3):
            await emit(number)

    assert [number async for number in pump(produce)] == [0, 1, 2]


async def test_a_bug_in_the_producer_reaches_the_reader() -> None:
    async def produce(emit: Emit[int]) -> None:
        await emit(1)
        raise ZeroDivisionError("a bug")

    events = pump(produce)
    assert await anext(events) == 1
    with pytest.raises(ZeroDivisionError, match="a bug"):
        await anext(events)


async def test_the_producer_ends_with_its_reader() -> None:
    ended = asyncio.Event()

    async def produce(emit: Emit[int]) -> None:
        try:
            await emit(1)
            await asyncio.Event().wait()
        finally:
            ended.set()

    events = pump(produce)
    assert await anext(events) == 1
    await events.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert ended.is_set()


async def test_a_slow_reader_holds_the_producer_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumping, "EVENTS_MAX", 2)
    emitted = []

    async def produce(emit: Emit[int]) -> None:
        for number in range(10):
            await emit(number)
            emitted.append(number)

    events = pump(produce)
    assert await anext(events) == 0
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(emitted) <= 3
    assert [number async for number in events] == list(range(1, 10))
