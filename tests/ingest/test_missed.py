"""Fills that only the public record told of are counted, once, and late enough to be sure."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from ingest.missed import AFTER, EXPECTED_MAX, MissedFills
from storage.postgres import PostgresStore
from storage.tables import events
from tests.fakes import FakeClock
from tests.ingest.desk import Ears
from tests.storage.builders import NOW, later, whale_fill
from trading.types import Source, WhaleFill


def told(tx: str, seconds: int = 10) -> WhaleFill:
    fill = whale_fill(source=Source.DATA_API, log_index=None, tx=tx, traded_at=later(seconds))
    return replace(fill, block_number=None)


async def test_what_nobody_else_told_in_time_is_missed(store: PostgresStore, ears: Ears) -> None:
    clock = FakeClock(NOW)
    missed = MissedFills(store, store, ears.health, clock)
    missed.expect([told("0x1"), told("0x2"), told("0x2"), told("0x3", seconds=-5)])
    clock.advance(AFTER + timedelta(seconds=10))
    assert await missed.look() == 0
    await store.record_fill(whale_fill(tx="0x1", traded_at=later(12)))
    clock.advance(timedelta(seconds=1))
    assert await missed.look() == 1
    assert await missed.look() == 0
    assert ears.registry.get_sample_value("whalecopy_whale_fills_missed_total") == 1
    async with store.transaction() as connection:
        kept = (await connection.execute(select(events.c.type, events.c.ids))).one()
    assert kept.type == "whale_fill_missed"
    assert kept.ids["transaction_hash"] == "0x2"


async def test_what_is_waited_for_is_bounded(store: PostgresStore, ears: Ears) -> None:
    missed = MissedFills(store, store, ears.health, FakeClock(NOW))
    missed.expect(told(str(number)) for number in range(EXPECTED_MAX + 5))
    assert len(missed) == EXPECTED_MAX
