"""A day's trades are counted once each, by who told of them; alarms are raised and ended once."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from storage.feed_audit import list_coverage, list_silences
from storage.feed_port import FeedSilence
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import NOW, later, whale, whale_fill
from trading.types import Source, Wallet, WhaleFill

AUDITED = NOW + timedelta(minutes=10)


def told(source: Source, tx: str, seconds: int = 10) -> WhaleFill:
    index = 1 if source is Source.CHAIN else None
    return whale_fill(source=source, tx=tx, log_index=index, traded_at=later(seconds))


async def audited(store: PostgresStore) -> dict[str, tuple[int, int]]:
    found = await store.audit_feeds(NOW.date(), AUDITED)
    assert list(await list_coverage(store, NOW.date())) == list(found)
    return {row.feed: (row.trades, row.told) for row in found}


async def test_trades_are_counted_once_however_many_told_them(store: PostgresStore) -> None:
    await store.save_whale(whale(), NOW)
    for fill in (
        told(Source.CHAIN, "0x1"),
        replace(told(Source.CHAIN, "0x1"), log_index=2),
        told(Source.RTDS, "0x1"),
        told(Source.RTDS, "0x2"),
        told(Source.DATA_API, "0x2"),
        told(Source.DATA_API, "0x3"),
    ):
        assert await store.record_fill(fill)
    every = {"chain": (3, 1), "data_api": (3, 2), "fast": (3, 2), "rtds": (3, 2)}
    assert await audited(store) == every
    assert await store.record_fill(told(Source.CHAIN, "0x3"))
    assert (await audited(store))["fast"] == (3, 3)


async def test_what_is_nobodys_fault_is_not_counted(store: PostgresStore) -> None:
    """Before the whale was known, taken back, too young, on another day, of a stranger."""
    await store.save_whale(whale(), NOW)
    log = told(Source.CHAIN, "0x2")
    for fill in (
        told(Source.DATA_API, "0x1", seconds=-60),
        log,
        replace(log, removed=True),
        told(Source.DATA_API, "0x3", seconds=9 * 60),
        told(Source.DATA_API, "0x4", seconds=24 * 3600),
        replace(told(Source.DATA_API, "0x5"), wallet=Wallet("0x" + "99" * 20)),
    ):
        await store.record_fill(fill)
    assert (await audited(store))["fast"] == (0, 0)


async def test_an_alarm_is_raised_and_ended_once(store: PostgresStore) -> None:
    assert await store.begin_silence("rtds", NOW, later(31))
    assert not await store.begin_silence("rtds", NOW, later(33))
    assert await list_silences(store) == [FeedSilence("rtds", NOW)]
    assert await store.end_silence("rtds", later(60))
    assert not await store.end_silence("rtds", later(61))
    assert await list_silences(store) == []
    assert await store.begin_silence("rtds", later(70), later(101))
    async with store.transaction() as connection:
        rows = await connection.execute(select(events.c.type).order_by(events.c.event_id))
        assert list(rows.scalars()) == ["feed_silent", "feed_heard", "feed_silent"]
