"""The books of what we hold, in memory; marks of them go to the cache and to the records."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from ingest.health import FeedHealth
from storage.port import Mark, PositionStore, StorageError
from storage.watch_port import MarkCache
from trading.types import OrderBook, Price, TokenId

CACHE_EVERY_S = 0.01
"""So many marks go out together; a single one waits no longer."""
CACHE_BATCH = 200
SAVE_EVERY_S = 0.25
SAVE_SAME_AFTER = timedelta(seconds=1)
"""A price that stays the same is written again for its age alone, no more often than this."""

log = structlog.get_logger()


class MarkBook:
    """Keeps the newest book of each token; who puts one in never waits for cache or database."""

    def __init__(self, cache: MarkCache, positions: PositionStore, health: FeedHealth) -> None:
        self._cache = cache
        self._positions = positions
        self._health = health
        self._books: dict[TokenId, OrderBook] = {}
        self._unsaved: set[TokenId] = set()
        self._uncached: set[TokenId] = set()
        self._saved: dict[TokenId, tuple[Price, datetime]] = {}
        self._changed = asyncio.Event()

    def put(self, book: OrderBook) -> None:
        """Take a token's newest book."""
        self._books[book.token_id] = book
        self._unsaved.add(book.token_id)
        self._uncached.add(book.token_id)
        self._changed.set()

    def find(self, token_id: TokenId) -> OrderBook | None:
        """Return a token's newest book."""
        return self._books.get(token_id)

    def clear(self, token_ids: frozenset[TokenId] | None = None) -> None:
        """Forget books, all or some: something was missed, and snapshots follow."""
        for token_id in self._books.keys() & (self._books if token_ids is None else token_ids):
            del self._books[token_id]

    def keep_only(self, held: frozenset[TokenId]) -> None:
        """Forget the books of tokens that are not held any more."""
        for token_id in self._books.keys() - held:
            del self._books[token_id]
        for token_id in self._saved.keys() - held:
            del self._saved[token_id]

    async def run(self) -> None:
        """Write marks until cancelled; while cache or database are away, only they lag behind."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cache_marks())
            group.create_task(self._save_marks())

    async def _cache_marks(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(CACHE_EVERY_S)
            self._changed.clear()
            tokens, self._uncached = self._uncached, set()
            marks = self._marks(tokens)
            for start in range(0, len(marks), CACHE_BATCH):
                await self._cache.put_marks(marks[start : start + CACHE_BATCH])

    async def _save_marks(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            tokens, self._unsaved = self._unsaved, set()
            marks = [mark for mark in self._marks(tokens) if self._is_worth_saving(mark)]
            try:
                if marks:
                    await self._positions.save_marks(marks)
            except StorageError as error:
                self._unsaved |= tokens
                self._health.failed("marks")
                log.warning("marks_not_saved", error=str(error))
            else:
                self._saved |= {mark.token_id: (mark.price, mark.at) for mark in marks}

    def _is_worth_saving(self, mark: Mark) -> bool:
        price, at = self._saved.get(mark.token_id, (None, mark.at))
        return mark.price != price or mark.at - at >= SAVE_SAME_AFTER

    def _marks(self, tokens: Iterable[TokenId]) -> Sequence[Mark]:
        """Return the best bids of those books that are still kept and have a true one."""
        books = [book for book in map(self.find, tokens) if book is not None]
        true = [book for book in books if book.bids and not _is_crossed(book)]
        return [Mark(book.token_id, book.bids[0].price, book.received_at) for book in true]


def _is_crossed(book: OrderBook) -> bool:
    return bool(book.asks) and book.asks[0].price <= book.bids[0].price
