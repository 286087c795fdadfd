import asyncio

from sqlalchemy import select

from storage.events import PAYLOAD_MAX
from storage.port import Event
from storage.postgres import PostgresStore
from storage.tables import events, quarantine
from tests.storage.builders import NOW, later


async def test_an_event_is_stored_with_what_it_is_about(store: PostgresStore) -> None:
    event = Event("paused", "WARNING", "by a person", NOW, {"whale": "0x1"}, {"z": "1", "a": "2"})
    await store.record_event(event)
    async with store.transaction() as connection:
        row = (await connection.execute(select(events))).mappings().one()
    assert (row["type"], row["severity"], row["title"]) == ("paused", "WARNING", "by a person")
    assert row["ids"] == {"whale": "0x1"}
    assert list(row["metadata"]) == ["z", "a"]
    assert row["timestamp"] == NOW


async def test_an_event_with_a_key_is_stored_once_by_whomever(store: PostgresStore) -> None:
    event = Event("trade_hold", "INFO", "ann asked to hold", NOW, {"signal_id": "s1"})
    told = await asyncio.gather(*(store.record_event_once("s1/u1", event) for _ in range(8)))
    assert sum(told) == 1
    assert await store.record_event_once("s1/u2", event)
    async with store.transaction() as connection:
        rows = (await connection.execute(select(events.c.ids))).scalars().all()
    assert [row["key"] for row in rows] == ["s1/u1", "s1/u2"]
    assert {row["signal_id"] for row in rows} == {"s1"}


async def test_a_refused_payload_is_kept_cut_and_cleaned(store: PostgresStore) -> None:
    await store.quarantine("rtds", "price is NaN \x00", "\x00\ud800" + "x" * 30_000, NOW)
    async with store.transaction() as connection:
        row = (await connection.execute(select(quarantine))).mappings().one()
    assert row["why"] == "price is NaN \\0"
    assert row["payload"].startswith("\\0\\ud800xxx")
    assert len(row["payload"]) < PAYLOAD_MAX + 100


async def test_a_cursor_is_where_it_was_left_last(store: PostgresStore) -> None:
    assert await store.load_cursor("chain") is None
    await store.save_cursor("chain", "70", NOW)
    await store.save_cursor("chain", "71", later(1))
    assert await store.load_cursor("chain") == "71"
    assert await store.load_cursor("rtds") is None
