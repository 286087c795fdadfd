from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from ingest.health import FeedHealth

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
