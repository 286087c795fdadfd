import asyncio

import pytest
from prometheus_client import CollectorRegistry

from dashboard.board import Section
from dashboard.errors import TooManyWatchersError
from dashboard.gauges import Gauges
from dashboard.live import HEALTH, WATCHERS_MAX, Pulse
from tests.dashboard.desk import PATIENCE_S, READ_EVERY_S, a_board
from tests.dashboard.fake_records import FakeRecords


def a_pulse(records: FakeRecords) -> Pulse:
    return Pulse(a_board(records), Gauges(CollectorRegistry()), READ_EVERY_S)


async def test_a_new_watcher_is_told_all_sections_and_then_only_changes() -> None:
    records = FakeRecords()
    pulse = a_pulse(records)
    await pulse.read()
    with pulse.watch() as watcher:
        told = await watcher.next()
        assert {change.name for change in told} == {*Section, HEALTH}
        records.positions = []
        await pulse.read()
        assert [change.name for change in await watcher.next()] == [Section.POSITIONS]


async def test_a_slow_watcher_gets_the_newest_and_no_backlog() -> None:
    records = FakeRecords()
    pulse = a_pulse(records)
    with pulse.watch() as watcher:
        for _ in range(50):
            records.events = [*records.events, records.events[0]]
            await pulse.read()
        told = await watcher.next()
        assert len(told) == len(Section) + 1


async def test_nothing_is_read_while_nobody_watches() -> None:
    records = FakeRecords()
    pulse = a_pulse(records)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(pulse.run())
        await asyncio.sleep(0)
        await pulse.wake()
        await asyncio.sleep(0)
        assert records.reads == 0
        with pulse.watch() as watcher:
            await pulse.wake()
            assert await watcher.next()
        reading.cancel()


async def test_watchers_are_bounded() -> None:
    pulse = a_pulse(FakeRecords())
    watches = [pulse.watch() for _ in range(WATCHERS_MAX)]
    for watch in watches:
        watch.__enter__()
    with pytest.raises(TooManyWatchersError), pulse.watch():
        pass
    watches[0].__exit__(None, None, None)
    with pulse.watch():
        pass
    for watch in watches[1:]:
        watch.__exit__(None, None, None)


async def test_a_stopped_pulse_lets_its_watchers_go() -> None:
    pulse = a_pulse(FakeRecords())
    with pulse.watch() as watcher:
        waiting = asyncio.ensure_future(watcher.next())
        await asyncio.sleep(0)
        await pulse.stop()
        assert await asyncio.wait_for(waiting, PATIENCE_S) == []
