"""A trip that is confirmed stays one trip, pages once, and ends when it is said to."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from storage.breakers import find_halt
from storage.guard import override_breaker
from storage.port import StorageError
from storage.postgres import PostgresStore
from trading.admission import ADMISSION, admission_trip
from trading.breakers import Breaker, Override, Subject
from trading.rules import RiskRules
from trading.types import Wallet

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
US = Wallet("0x" + "1" * 40)


@pytest.fixture
async def store(database_url: str) -> PostgresStore:
    return PostgresStore(database_url, RiskRules(), US, pool_size=2)


async def halt_of(store: PostgresStore, now: datetime) -> str:
    async with store.transaction() as connection:
        return await find_halt(connection, store.rules, Subject(US), now)


async def pages(store: PostgresStore) -> list[str]:
    async with store.transaction() as connection:
        rows = await connection.execute(text("SELECT title FROM events WHERE severity = 'PAGE'"))
        return [row[0] for row in rows]


async def test_a_confirmed_trip_pages_once_and_holds_longer(store: PostgresStore) -> None:
    reasons = ("no orders from US", "no orders from US/NY")
    for number, reason in enumerate(reasons):
        trip = admission_trip(Breaker.GEOBLOCK, reason, NOW + number * HOUR, ADMISSION)
        assert await store.hold_trip(trip) is (number == 0)
    last = NOW + HOUR + ADMISSION.holds_for
    assert await halt_of(store, last - timedelta(seconds=1)) == "no orders from US/NY"
    assert await halt_of(store, last) == ""
    assert await pages(store) == ["no orders from US"]
    await store.close()


async def test_a_trip_ends_when_it_is_said_to_and_may_come_again(store: PostgresStore) -> None:
    trip = admission_trip(Breaker.CLOSED_ONLY, "closed only", NOW, ADMISSION)
    assert not await store.end_trip(Breaker.CLOSED_ONLY, "fine", NOW)
    await store.hold_trip(trip)
    assert await store.end_trip(Breaker.CLOSED_ONLY, "fine", NOW + HOUR)
    assert await halt_of(store, NOW + HOUR) == ""
    again = admission_trip(Breaker.CLOSED_ONLY, "closed again", NOW + HOUR, ADMISSION)
    assert await store.hold_trip(again)
    assert await pages(store) == ["closed only", "closed again"]
    await store.close()


async def test_a_persons_word_outlasts_a_confirmation(store: PostgresStore) -> None:
    await store.hold_trip(admission_trip(Breaker.CLOCK, "clock", NOW, ADMISSION))
    word = Override(Breaker.CLOCK, "", NOW, NOW + 2 * HOUR, "ann", "it is the venue's")
    assert await override_breaker(store, word) is not None
    await store.hold_trip(admission_trip(Breaker.CLOCK, "clock", NOW + HOUR, ADMISSION))
    assert await halt_of(store, NOW + HOUR) == ""
    assert await halt_of(store, NOW + 2 * HOUR) == "clock"
    await store.close()


async def test_nobodys_records_stop_nobody(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules(), pool_size=1)
    with pytest.raises(StorageError, match="of one wallet"):
        await store.hold_trip(admission_trip(Breaker.CLOCK, "clock", NOW, ADMISSION))
    await store.close()
