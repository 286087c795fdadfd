import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

import ingest.health
from ingest.health import FeedHealth
from storage.postgres import PostgresStore
from storage.view_feeds import list_feeds
from tests.ingest.desk import Ears, ShakyStore, until, utc_now

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def test_a_feed_that_has_not_spoken_for_half_a_minute_is_silent() -> None:
    clock = Clock()
    health = FeedHealth(CollectorRegistry(), clock)
    health.heard("chain")
    clock.now += timedelta(seconds=30)
    health.heard("rtds")
    assert health.silent() == {}
    clock.now += timedelta(seconds=1)
    assert health.silent() == {"chain": timedelta(seconds=31)}


def test_a_feed_that_never_spoke_is_silent_from_when_it_was_expected() -> None:
    clock, registry = Clock(), CollectorRegistry()
    health = FeedHealth(registry, clock)
    health.expect("rtds")
    clock.now += timedelta(seconds=31)
    assert health.silent() == {"rtds": timedelta(seconds=31)}
    label = {"feed": "rtds"}
    assert registry.get_sample_value("whalecopy_feed_silent", label) == 1
    health.expect("rtds")
    assert health.silent() == {}
    assert registry.get_sample_value("whalecopy_feed_silent", label) == 0


def test_metrics_count_messages_refusals_and_failures_by_feed() -> None:
    registry = CollectorRegistry()
    health = FeedHealth(registry, Clock())
    health.heard("chain")
    health.heard("chain")
    health.refused("chain")
    health.failed("fill")
    chain = {"feed": "chain"}
    assert registry.get_sample_value("whalecopy_feed_messages_total", chain) == 2
    assert registry.get_sample_value("whalecopy_feed_quarantined_total", chain) == 1
    assert registry.get_sample_value("whalecopy_ingest_failures_total", {"what": "fill"}) == 1
    last = registry.get_sample_value("whalecopy_feed_last_message_timestamp_seconds", chain)
    assert last == START.timestamp()


async def test_the_records_know_when_a_feed_last_spoke(
    store: PostgresStore, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.health, "TELL_EVERY_S", 0.01)
    shaky = ShakyStore(store)
    shaky.away = {"save_cursor": 1}
    ears.health.heard("chain")
    telling = asyncio.create_task(ears.health.tell(cast("PostgresStore", shaky)))

    async def known() -> bool:
        feeds = {row.feed: row.last_heard_at for row in await list_feeds(store, utc_now())}
        return feeds["chain"] is not None and feeds["rtds"] is None

    await until(known)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert ears.failures("feeds") == 1
