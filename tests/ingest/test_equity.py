import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ingest.equity import EquitySampler, sleep
from storage.port import StorageUnavailableError

BEGIN = datetime(2026, 11, 22, 11, 58, 20, tzinfo=UTC)


@dataclass
class Curve:
    """Keeps samples by the minute; it may be away."""

    samples: list[datetime] = field(default_factory=list)
    thinned: list[datetime] = field(default_factory=list)
    is_down: bool = False

    async def sample_equity(self, now: datetime) -> None:
        if self.is_down:
            raise StorageUnavailableError("away")
        self.samples.append(now)

    async def thin_equity(self, now: datetime) -> int:
        self.thinned.append(now)
        return 0


@dataclass
class Time:
    """A clock that the sampler's own pauses move, and that ends the test."""

    now: datetime = BEGIN
    pauses: int = 0

    def __call__(self) -> datetime:
        return self.now

    async def pause(self, time: timedelta) -> None:
        self.now += time
        self.pauses += 1
        if self.pauses >= 4:
            raise asyncio.CancelledError


async def run(curve: Curve, time: Time) -> None:
    with pytest.raises(asyncio.CancelledError):
        await EquitySampler(curve, time, time.pause).run()


async def test_a_sample_is_taken_at_once_and_as_each_minute_begins() -> None:
    curve = Curve()
    await run(curve, Time())
    minute = BEGIN.replace(second=0) + timedelta(minutes=1)
    assert curve.samples == [BEGIN, *(minute + timedelta(minutes=n) for n in range(3))]


async def test_what_is_old_is_thinned_at_the_start_and_once_an_hour() -> None:
    curve = Curve()
    await run(curve, Time())
    assert curve.thinned == [BEGIN, datetime(2026, 11, 22, 12, tzinfo=UTC)]


async def test_a_database_that_is_away_costs_its_minutes_only() -> None:
    curve, time = Curve(is_down=True), Time()
    sampler = EquitySampler(curve, time)
    await sampler.sample()
    assert curve.samples == curve.thinned == []
    curve.is_down = False
    await sampler.sample()
    assert len(curve.samples) == len(curve.thinned) == 1


async def test_it_rests_by_the_event_loops_clock() -> None:
    await asyncio.wait_for(sleep(timedelta(0)), timeout=5)
