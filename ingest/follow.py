"""Follow the whales: merge what the feeds tell into one signal per whale order, and commit it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from exchange.port import FeedDoubt, FeedPulse, FillEvent, Quarantined, StreamReset, WhaleFeed
from ingest.health import FeedHealth
from ingest.listen import listen
from ingest.record import Recorder
from ingest.resumed import GRACE, Resumed
from ingest.wanted import Wanted
from trading.aggregate import Aggregation, Aggregator
from trading.rules import AggregationRules
from trading.types import Wallet, WhaleFill

QUEUE_MAX = 10_000
IDLE = timedelta(seconds=1)
TURNS_TO_READ = 10
"""Turns of the event loop in which a frame that lies in a socket becomes a fill in the queue."""

log = structlog.get_logger()


class Follower:
    """Takes fills from every feed in one task, so that merging needs no lock.

    Its end at any instant loses nothing: a fill is stored before it is counted, a signal is
    committed together with the marks on its fills, and what is stored without a mark is counted
    at the next start.
    """

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
        self._rules = rules
        self._aggregator = Aggregator(rules)
        self._resumed = Resumed()
        self._clock = clock
        self._events: asyncio.Queue[tuple[str, FillEvent]] = asyncio.Queue(QUEUE_MAX)

    async def run(self, wallets: Wanted[Wallet]) -> None:
        """Follow until cancelled; a full queue makes the feeds wait, and nothing is dropped."""
        await self._resume()
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(self._listen(feed, wallets))
            group.create_task(self._merge())

    async def _resume(self) -> None:
        """Go on where an earlier process ended: know what it signalled, count what it did not."""
        now = self._clock()
        kept = await self._recorder.recall(
            now - self._rules.remembered_for, self._rules.recalled_max
        )
        for each in kept:
            if each.signal_id is not None or each.skipped:
                stored = replace(each.fill, removed=False)
                self._aggregator.remember(stored, now, each.signal_id)
        taken_back = [each.fill for each in kept if each.fill.removed]
        for fill in taken_back:
            self._aggregator.feed(fill, now)  # what it says of signals was told at its time
        unmarked = [e.fill for e in kept if e.signal_id is None and not e.skipped]
        waiting = [fill for fill in unmarked if not fill.removed]
        self._resumed = Resumed(waiting, now + GRACE)
        log.info("following_resumed", fills=len(kept), waiting=len(waiting))

    async def _listen(self, feed: WhaleFeed, wallets: Wanted[Wallet]) -> None:
        async def take(event: FillEvent) -> None:
            if isinstance(event, WhaleFill) and event.wallet not in wallets.current():
                return  # not followed any more
            if self._events.full():
                self._health.pushed_back(feed.name)
            await self._events.put((feed.name, event))

        stream = partial(feed.stream_fills, wallets)
        await listen(feed.name, stream, take, self._health, _is_sign_of_life)

    async def _merge(self) -> None:
        """Feed the aggregator what comes, and close its windows when they are due."""
        while True:
            try:
                async with asyncio.timeout(self._until_due()):
                    feed, event = await self._events.get()
            except TimeoutError:
                await self._hear_out()
                continue
            await self._take(feed, event)

    async def _take(self, feed: str, event: FillEvent) -> None:
        match event:
            case WhaleFill():
                await self._count(event)
            case Quarantined():
                await self._recorder.quarantine(event)
            case FeedPulse(block=int(block)):
                await self._recorder.keep_position(block, event.at)
            case FeedDoubt():
                await self._recorder.tell_doubt(event)
            case StreamReset():
                log.info("feed_connected", feed=feed)

    async def _count(self, fill: WhaleFill) -> None:
        """Store a fill, then count it.

        Windows that are due close first: a signal marks all that is stored of its transactions,
        and this fill, which is not counted yet, must not be among it. Time is when the fill was
        heard, not when its turn came: a slow database splits no whale order.
        """
        now = fill.seen_at
        await self._close_due(now, fill)
        part = await self._recorder.record_fill(fill)
        if part is not None:
            for earlier in (*self._resumed.beside(part), part):
                await self._commit(self._aggregator.feed(earlier, now))

    async def _hear_out(self) -> None:
        """Close what is due unless something has come in: a busy machine reads frames late."""
        for _ in range(TURNS_TO_READ):
            await asyncio.sleep(0)
        if self._events.empty():
            await self._close_due(self._clock())

    async def _close_due(self, now: datetime, coming: WhaleFill | None = None) -> None:
        """Commit the windows that are due; what an earlier listener left begins its own."""
        await self._commit(self._aggregator.due(now, coming))
        for fill in self._resumed.due(now):
            await self._commit(self._aggregator.feed(fill, now))

    async def _commit(self, found: Aggregation) -> None:
        for signal in found.signals:
            await self._recorder.record_signal(signal)
        for dropped in found.dropped:
            await self._recorder.skip(dropped)
        for taken in found.taken_back:
            await self._recorder.tell_taken_back(taken)

    def _until_due(self) -> float:  # asyncio's seconds
        due = (self._aggregator.next_due_at, self._resumed.next_due_at)
        due_at = min((at for at in due if at is not None), default=None)
        wait = IDLE if due_at is None else max(due_at - self._clock(), timedelta())
        return wait.total_seconds()


def _is_sign_of_life(event: FillEvent) -> bool:
    """A feed that only connects again and again is silent; so is one that makes no sense."""
    return not isinstance(event, StreamReset | Quarantined)
