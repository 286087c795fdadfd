from datetime import timedelta

import pytest

from storage.port import Event, Mark
from storage.postgres import PostgresStore
from storage.view_feeds import FEED_CURSOR, FEEDS, list_event_rows, list_feeds
from storage.views import FeedRow
from tests.storage.builders import NOW, YES, bought, entry, later, price, reserved, whale_fill


async def feeds(store: PostgresStore) -> dict[str, FeedRow]:
    return {row.feed: row for row in await list_feeds(store, later(60))}


async def test_nothing_is_known_of_feeds_that_left_no_trace(store: PostgresStore) -> None:
    found = await feeds(store)
    assert tuple(found) == FEEDS
    quiet = {"account", "prices"}  # nothing is ordered or held
    assert set(found.values()) == {FeedRow(n, is_awaited=n not in quiet) for n in FEEDS}


async def test_account_and_prices_are_awaited_while_something_is_ordered_or_held(
    funded: PostgresStore,
) -> None:
    await bought(funded)
    assert not (await feeds(funded))["account"].is_awaited
    assert (await feeds(funded))["prices"].is_awaited
    await reserved(funded, entry("s2#1"))
    assert (await feeds(funded))["account"].is_awaited


async def test_a_feed_that_left_word_is_known_to_have_spoken(store: PostgresStore) -> None:
    await store.save_cursor(FEED_CURSOR + "chain", later(50).isoformat(), later(51))
    await store.save_cursor("chain", "81000000", later(51))
    assert (await feeds(store))["chain"].last_heard_at == later(50)


@pytest.mark.parametrize("position", ["soon", "2026-11-22T12:00:00", ""])
async def test_a_word_that_is_no_time_is_unknown(store: PostgresStore, position: str) -> None:
    await store.save_cursor(FEED_CURSOR + "rtds", position, NOW)
    assert (await feeds(store))["rtds"].last_heard_at is None


async def test_what_a_feed_brought_is_counted(funded: PostgresStore) -> None:
    await funded.record_fill(whale_fill(log_index=1))
    await funded.record_fill(whale_fill(log_index=2, traded_at=NOW - timedelta(hours=2)))
    await bought(funded)
    await funded.save_marks([Mark(YES, price("0.5"), later(7))])
    found = await feeds(funded)
    assert found["chain"].last_stored_at == later(1)
    assert found["chain"].stored_last_hour == 1
    assert found["prices"].last_stored_at == later(7)
    assert found["prices"].stored_last_hour is None


async def test_what_was_refused_is_counted_with_the_last_reason(store: PostgresStore) -> None:
    await store.quarantine("rtds", "no price", "{}", NOW)
    await store.quarantine("rtds", "price is NaN", "{}", later(1))
    await store.quarantine("rtds", "long ago", "{}", NOW - timedelta(days=2))
    await store.quarantine("mempool", "odd", "{}", NOW)
    found = await feeds(store)
    assert found["rtds"].refused_last_day == 2
    assert (found["rtds"].last_refusal, found["rtds"].last_refused_at) == ("price is NaN", later(1))
    assert found["mempool"].refused_last_day == 1


async def test_events_come_newest_first(store: PostgresStore) -> None:
    for n in range(3):
        await store.record_event(Event("told", "INFO", f"event {n}", later(n), {"n": str(n)}))
    rows = await list_event_rows(store, 2)
    assert [row.event.title for row in rows] == ["event 2", "event 1"]
    assert rows[0].event_id > rows[1].event_id
    assert rows[0].event.ids == {"n": "2"}
