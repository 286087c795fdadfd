"""Entries stop while the venue does not let us trade, and go on when it does again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from activities.admission import access_check, clock_check
from exchange.port import UnavailableError
from storage.port import Event
from trading.admission import ADMISSION, Geoblock
from trading.breakers import Breaker, Trip
from trading.types import ZERO, Usd, Wallet

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Oracle:
    """A venue that says of us what a test wants."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.ahead = timedelta()
        self.is_blocked = False
        self.is_closed_only = False
        self.is_silent = False
        self.asked: list[str] = []

    def _hear(self, question: str) -> None:
        self.asked.append(question)
        if self.is_silent:
            raise UnavailableError(f"{question}: no answer")

    async def fetch_geoblock(self) -> Geoblock:
        self._hear("geoblock")
        return Geoblock(self.is_blocked, "US", "NY")

    async def fetch_closed_only(self) -> bool:
        self._hear("closed-only")
        return self.is_closed_only

    async def fetch_clock(self) -> datetime:
        self._hear("clock")
        return self.time() + self.ahead

    async def fetch_allowances(self) -> tuple[Usd, Mapping[Wallet, Usd]]:
        return Usd(ZERO), {}

    async def fetch_api_keys(self) -> Sequence[str]:
        return ()


class Records:
    """Keeps trips as the records do, by their end."""

    def __init__(self) -> None:
        self.trips: dict[Breaker, Trip] = {}
        self.keys: list[str] = []

    async def hold_trip(self, trip: Trip) -> bool:
        is_new = trip.breaker not in self.trips
        self.trips[trip.breaker] = trip
        return is_new

    async def end_trip(self, breaker: Breaker, why: str, now: datetime) -> bool:
        return self.trips.pop(breaker, None) is not None

    async def record_event_once(self, key: str, event: Event) -> bool:
        self.keys.append(key)
        return True


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def oracle(time: Time) -> Oracle:
    return Oracle(time)


@pytest.fixture
def records() -> Records:
    return Records()


async def test_a_blocked_place_and_a_closed_account_each_stop_entries(
    oracle: Oracle, records: Records, time: Time
) -> None:
    check = access_check(oracle, records, time)
    oracle.is_blocked = oracle.is_closed_only = True
    await check.turn()
    assert records.trips[Breaker.GEOBLOCK].reason == "the venue takes no orders from US/NY"
    assert records.trips.keys() == {Breaker.GEOBLOCK, Breaker.CLOSED_ONLY}
    assert records.trips[Breaker.GEOBLOCK].until == NOW + ADMISSION.holds_for


async def test_a_good_answer_is_good_for_an_hour(
    oracle: Oracle, records: Records, time: Time
) -> None:
    check = access_check(oracle, records, time)
    await check.turn()
    for _ in range(11):
        time.now += check.every
        await check.turn()
    assert oracle.asked == ["geoblock", "closed-only"]
    time.now += check.every
    oracle.is_blocked = True
    await check.turn()
    assert records.trips.keys() == {Breaker.GEOBLOCK}


async def test_entries_go_on_minutes_after_the_venue_says_otherwise(
    oracle: Oracle, records: Records, time: Time
) -> None:
    check = access_check(oracle, records, time)
    oracle.is_closed_only = True
    await check.turn()
    time.now += check.every
    await check.turn()
    assert records.trips[Breaker.CLOSED_ONLY].until == time.now + ADMISSION.holds_for
    oracle.is_closed_only = False
    time.now += check.every
    await check.turn()
    assert records.trips == {}
    assert time.now - NOW == 10 * MINUTE


async def test_silence_lets_stand_what_was_said_and_is_told_of(
    oracle: Oracle, records: Records, time: Time
) -> None:
    check = access_check(oracle, records, time)
    oracle.is_silent = True
    with pytest.raises(UnavailableError):
        await check.turn()
    assert records.trips == {}
    oracle.is_silent, oracle.is_blocked = False, True
    await check.turn()
    oracle.is_silent = True
    time.now += 2 * timedelta(hours=1)
    with pytest.raises(UnavailableError):
        await check.turn()
    assert records.trips[Breaker.GEOBLOCK].until == time.now + ADMISSION.holds_for
    assert oracle.asked[-2:] == ["geoblock", "closed-only"]  # each is asked


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_clock_that_is_far_off_stops_entries_until_it_is_right(
    oracle: Oracle, records: Records, time: Time, sign: int
) -> None:
    check = clock_check(oracle, records, time)
    oracle.ahead = sign * timedelta(seconds=10)
    await check.turn()
    assert "of ours" in records.trips[Breaker.CLOCK].reason or sign < 0
    oracle.ahead = timedelta()
    time.now += check.every
    await check.turn()
    assert records.trips == {}


async def test_a_clock_that_is_a_little_off_is_told_of_once_an_hour(
    oracle: Oracle, records: Records, time: Time
) -> None:
    check = clock_check(oracle, records, time)
    oracle.ahead = timedelta(seconds=2)
    await check.turn()
    assert records.trips == {}
    assert records.keys == ["clock/2026-11-01T12"]
