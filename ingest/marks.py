"""The books of what we hold, in memory; marks of them go to the cache and to the records."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from ingest.health import FeedHealth
from storage.port import Mark, PositionStore, PriceCache, StorageError
from trading.types import OrderBook, TokenId

SAVE_EVERY_S = 0.5

log = structlog.get_logger()


class MarkBook:
    """Keeps the newest book of each token; who puts one in never waits for cache or database."""

    def __init__(self, cache: PriceCache, positions: PositionStore, health: FeedHealth) -> None:
        self._cache = cache
        self._positions = positions
        self._health = health
        self._books: dict[TokenId, OrderBook] = {}
        self._unsaved: set[TokenId] = set()
        self._uncached: set[TokenId] = set()
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

    def clear(self) -> None:
        """Forget all books: something was missed, and snapshots follow."""
        self._books.clear()

    def keep_only(self, held: frozenset[TokenId]) -> None:
        """Forget the books of tokens that are not held any more."""
        for token_id in self._books.keys() - held:
            del self._books[token_id]

    async def run(self) -> None:
        """Write marks until cancelled; while cache or database are away, only they lag behind."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cache_marks())
            group.create_task(self._save_marks())

    async def _cache_marks(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            tokens, self._uncached = self._uncached, set()
            for mark in self._marks(tokens):
                await self._cache.put_mark(mark)

    async def _save_marks(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            tokens, self._unsaved = self._unsaved, set()
            marks = self._marks(tokens)
            try:
                if marks:
                    await self._positions.save_marks(marks)
            except StorageError as error:
                self._unsaved |= tokens
                self._health.failed("marks")
                log.warning("marks_not_saved", error=str(error))

    def _marks(self, tokens: Iterable[TokenId]) -> Sequence[Mark]:
        """Return the best bids of those books that are still kept and have one."""
        books = [book for book in map(self.find, tokens) if book is not None]
        return [Mark(b.token_id, b.bids[0].price, b.received_at) for b in books if b.bids]
