"""What the fast feeds missed of a day is audited, and told once when it is too much."""

import asyncio
from datetime import timedelta
from typing import cast

from sqlalchemy import select

from ingest.coverage import CoverageAudit, CoverageStore
from storage.feed_audit import list_coverage
from storage.postgres import PostgresStore
from storage.tables import events
from tests.fakes import FakeClock
from tests.ingest.desk import Ears, ShakyStore, until
from tests.storage.builders import NOW, later, whale, whale_fill
from trading.types import Source

AUDITED = NOW + timedelta(minutes=10)


async def told(store: PostgresStore) -> list[str]:
    async with store.transaction() as connection:
        return list((await connection.execute(select(events.c.title))).scalars())


async def record(store: PostgresStore, source: Source, tx: str) -> None:
    index = 1 if source is Source.CHAIN else None
    fill = whale_fill(source=source, tx=tx, log_index=index, traded_at=later(10))
    assert await store.record_fill(fill)


async def test_a_day_without_a_miss_is_counted_and_nobody_is_told(
    store: PostgresStore, ears: Ears
) -> None:
    await store.save_whale(whale(), NOW)
    await record(store, Source.CHAIN, "0x1")
    await CoverageAudit(store, ears.health, FakeClock(AUDITED)).audit()
    fast = [row for row in await list_coverage(store, NOW.date()) if row.feed == "fast"]
    assert [(row.trades, row.missed) for row in fast] == [(1, 0)]
    assert await told(store) == []


async def test_more_than_one_in_a_thousand_missed_is_told_once_a_day(
    store: PostgresStore, ears: Ears
) -> None:
    await store.save_whale(whale(), NOW)
    await record(store, Source.CHAIN, "0x1")
    await record(store, Source.DATA_API, "0x2")
    audit = CoverageAudit(store, ears.health, FakeClock(AUDITED))
    await audit.audit()
    await audit.audit()
    (title,) = await told(store)
    assert title == f"chain and rtds missed 1 of 2 trades on {NOW.date()}"


async def test_after_midnight_yesterday_is_audited_too(store: PostgresStore, ears: Ears) -> None:
    clock = FakeClock(NOW)
    clock.advance(timedelta(hours=24) - (NOW - NOW.replace(hour=0, minute=30)))
    await CoverageAudit(store, ears.health, clock).audit()
    assert await list_coverage(store, NOW.date())
    assert await list_coverage(store, clock().date())


async def test_a_database_that_is_away_is_asked_again(store: PostgresStore, ears: Ears) -> None:
    shaky = ShakyStore(store)
    shaky.away = {"audit_feeds": 1}
    audit = CoverageAudit(cast("CoverageStore", shaky), ears.health, FakeClock(AUDITED))
    await audit.audit()
    assert ears.failures("coverage") == 1
    task = asyncio.create_task(audit.run())

    async def audited() -> bool:
        return bool(await list_coverage(store, NOW.date()))

    await until(audited)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
