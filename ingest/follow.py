"""Follow the whales: merge what the feeds tell into one signal per whale order, and commit it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from exchange.port import FillEvent, Quarantined, StreamReset, WhaleFeed
from ingest.health import FeedHealth
from ingest.record import Recorder
from ingest.wanted import Wanted
from trading.aggregate import Aggregation, Aggregator
from trading.rules import AggregationRules
from trading.types import Wallet, WhaleFill

QUEUE_MAX = 10_000
IDLE = timedelta(seconds=1)

log = structlog.get_logger()


class Follower:
    """Takes fills from every feed in one task, so that merging needs no lock."""

    def __init__(
        self,
        feeds: Sequence[WhaleFeed],
        recorder: Recorder,
        health: FeedHealth,
        rules: AggregationRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._feeds = feeds
        self._recorder = recorder
        self._health = health
        self._aggregator = Aggregator(rules)
        self._clock = clock
        self._events: asyncio.Queue[tuple[str, FillEvent]] = asyncio.Queue(QUEUE_MAX)

    async def run(self, wallets: Wanted[Wallet]) -> None:
        """Follow until cancelled; a full queue makes the feeds wait, and nothing is dropped."""
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(self._listen(feed, wallets))
            group.create_task(self._merge())

    async def _listen(self, feed: WhaleFeed, wallets: Wanted[Wallet]) -> None:
        async for event in feed.stream_fills(wallets):
            self._health.heard(feed.name)
            await self._events.put((feed.name, event))

    async def _merge(self) -> None:
        """Feed the aggregator what comes, and close its windows when they are due."""
        while True:
            try:
                async with asyncio.timeout(self._until_due()):
                    feed, event = await self._events.get()
            except TimeoutError:
                await self._commit(self._aggregator.due(self._clock()))
                continue
            await self._take(feed, event)

    async def _take(self, feed: str, event: FillEvent) -> None:
        match event:
            case WhaleFill():
                await self._recorder.record_fill(event)
                await self._commit(self._aggregator.feed(event, self._clock()))
            case Quarantined():
                self._health.refused(feed)
                await self._recorder.quarantine(event)
            case StreamReset():
                log.info("feed_connected", feed=feed)

    async def _commit(self, found: Aggregation) -> None:
        for signal in found.signals:
            await self._recorder.record_signal(signal.signal)
        for dropped in found.dropped:
            await self._recorder.skip(dropped.fills, dropped.reason)
        for taken in found.taken_back:
            await self._recorder.tell_taken_back(taken)

    def _until_due(self) -> float:  # asyncio's seconds
        due_at = self._aggregator.next_due_at
        wait = IDLE if due_at is None else max(due_at - self._clock(), timedelta())
        return wait.total_seconds()
