"""How the feeds are: when each last spoke, how much it said, what was refused, what failed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from storage.port import FactStore, StorageError
from storage.view_feeds import FEED_CURSOR

SILENCE_MAX = timedelta(seconds=30)
TELL_EVERY_S = 2.0

log = structlog.get_logger()


class FeedHealth:
    """Counts and times what feeds deliver, for metrics and for the dashboard."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._heard_at: dict[str, datetime] = {}
        self._expected_at: dict[str, datetime] = {}
        self._messages = Counter(
            "whalecopy_feed_messages", "Messages taken from a feed.", ["feed"], registry=registry
        )
        self._refusals = Counter(
            "whalecopy_feed_quarantined", "Payloads refused.", ["feed"], registry=registry
        )
        self._pushed_back = Counter(
            "whalecopy_feed_pushed_back",
            "Events of a feed that had to wait because those before them were not merged yet.",
            ["feed"],
            registry=registry,
        )
        self._silent = Gauge(
            "whalecopy_feed_silent",
            "1 while a feed of whale fills has been silent for more than 30 s.",
            ["feed"],
            registry=registry,
        )
        self._failures = Counter(
            "whalecopy_ingest_failures",
            "Streams that failed, and writes and signals that did not get through.",
            ["what"],
            registry=registry,
        )
        self._missed = Counter(
            "whalecopy_whale_fills_missed",
            "Whale fills that only the public record told of.",
            registry=registry,
        )
        self._last = Gauge(
            "whalecopy_feed_last_message_timestamp_seconds",
            "When a feed last spoke.",
            ["feed"],
            registry=registry,
        )

    def heard(self, feed: str) -> None:
        """Note that a feed spoke."""
        now = self._clock()
        self._heard_at[feed] = now
        self._messages.labels(feed).inc()
        self._last.labels(feed).set(now.timestamp())

    def expect(self, feed: str) -> None:
        """Note that a feed should speak from now on: it is silent if it never does."""
        self._expected_at[feed] = self._clock()
        self._silent.labels(feed).set(0)

    def pushed_back(self, feed: str) -> None:
        """Note that a feed had to wait for those who count its fills."""
        self._pushed_back.labels(feed).inc()

    def refused(self, feed: str) -> None:
        """Note that a payload went to quarantine."""
        self._refusals.labels(feed).inc()

    def missed(self) -> None:
        """Note that the fast feeds missed a whale fill."""
        self._missed.inc()

    def failed(self, what: str) -> None:
        """Note that a stream ended, or that a write or a signal did not get through."""
        self._failures.labels(what).inc()

    async def tell(self, facts: FactStore) -> None:
        """Leave word in the records of when each feed last spoke, until cancelled."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            try:
                for feed, heard_at in tuple(self._heard_at.items()):
                    await facts.save_cursor(FEED_CURSOR + feed, heard_at.isoformat(), self._clock())
            except StorageError as error:
                self.failed("feeds")
                log.warning("feeds_not_told", error=str(error))

    def silent(self) -> dict[str, timedelta]:
        """Return the feeds that have been silent for more than 30 s, and for how long."""
        now = self._clock()
        since = self._expected_at | {
            feed: max(at, self._expected_at.get(feed, at)) for feed, at in self._heard_at.items()
        }
        found = {feed: now - at for feed, at in since.items() if now - at > SILENCE_MAX}
        for feed in self._expected_at:
            self._silent.labels(feed).set(int(feed in found))
        return found
