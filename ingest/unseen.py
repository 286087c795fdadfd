"""Calls a person when the price of something we hold is seen by nobody any more."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from ingest.health import FeedHealth
from storage.port import PositionRecord, StorageError
from storage.watch_port import UnseenPrices, WatchStore
from trading.types import OrderBook, PositionState, TokenId

UNSEEN_MAX = timedelta(seconds=60)
LOOK_EVERY_S = 2.0
CLOSED_AGAIN_AFTER = timedelta(minutes=1)
"""A watcher that was slow to lose its watch may have called a person meanwhile."""
NAMED_MAX = 20

log = structlog.get_logger()


class UnseenWatch:
    """Remembers when each price was last seen, by stream or by asking, and pages once.

    The page stands in the review queue until all prices are seen again. A token counts from when
    it is first watched. Of several listeners the one that holds the watch pages, and closes what
    the one before it opened; a wallet has one such review, so that taking over pages nobody anew.
    """

    def __init__(
        self, store: WatchStore, clock: Callable[[], datetime], health: FeedHealth
    ) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        self._since: dict[TokenId, datetime] = {}
        self._seen: set[TokenId] = set()
        self._is_told: bool | None = None  # an earlier process may have
        self._closed_at: datetime | None = None

    def note(self, book: OrderBook) -> None:
        """Note that a token's book was seen."""
        self._since[book.token_id] = book.received_at
        self._seen.add(book.token_id)

    def keep_only(self, held: frozenset[TokenId]) -> None:
        """Begin to count for new tokens, and forget those that are not watched any more."""
        for token_id in self._since.keys() - held:
            del self._since[token_id]
        self._seen &= held
        now = self._clock()
        for token_id in held - self._since.keys():
            self._since[token_id] = now

    async def run(self, watched: Callable[[], Sequence[PositionRecord] | None]) -> None:
        """Look until cancelled; `watched` returns what is ours to watch, None for nothing."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            positions = watched()
            if positions is None:
                self._is_told = None  # who watches now tells
                continue
            try:
                await self._look(positions)
            except StorageError as error:
                self._health.failed("unseen")
                log.warning("unseen_prices_not_told", error=str(error))

    async def _look(self, positions: Iterable[PositionRecord]) -> None:
        now = self._clock()
        live = [p for p in positions if p.state in (PositionState.OPEN, PositionState.EXITING)]
        unseen = [p for p in live if now - self._since_of(p, now) > UNSEEN_MAX]
        if unseen and self._is_told is not True:
            since = min(self._since_of(position, now) for position in unseen)
            some = tuple(position.position_id for position in unseen[:NAMED_MAX])
            await self._store.open_unseen(UnseenPrices(len(unseen), some, since, now))
            log.error("prices_unseen", positions=len(unseen), since=since.isoformat())
            self._is_told = True
        is_all_seen = not unseen and all(p.token_id in self._seen for p in live)
        if is_all_seen and (self._is_told is not False or self._is_closing_due(now)):
            await self._store.close_unseen(now)
            self._is_told, self._closed_at = False, now

    def _is_closing_due(self, now: datetime) -> bool:
        return self._closed_at is None or now - self._closed_at > CLOSED_AGAIN_AFTER

    def _since_of(self, position: PositionRecord, now: datetime) -> datetime:
        return self._since.get(position.token_id, now)
