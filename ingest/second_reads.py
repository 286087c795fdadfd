"""Asks for the second read of a level that was crossed: from the venue itself, a second later."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from exchange.account import BookBatches
from exchange.port import ExchangeError
from ingest.health import FeedHealth
from trading.types import OrderBook, TokenId

BATCH = 100
ASK_EVERY = timedelta(milliseconds=500)
"""How often one token is asked for while its level is crossed and nothing is settled."""

log = structlog.get_logger()


class SecondReads:
    """Fetches books at the times they are wanted for and hands them on."""

    def __init__(
        self,
        books: BookBatches,
        take: Callable[[OrderBook], None],
        clock: Callable[[], datetime],
        health: FeedHealth,
    ) -> None:
        self._books = books
        self._take = take
        self._clock = clock
        self._health = health
        self._due: dict[TokenId, datetime] = {}
        self._asked_at: dict[TokenId, datetime] = {}
        self._news = asyncio.Event()

    def want(self, token_id: TokenId, due_at: datetime) -> None:
        """Ask for a token's book at a time, or soon when it was asked for just now."""
        asked_at = self._asked_at.get(token_id)
        if asked_at is not None:
            due_at = max(due_at, asked_at + ASK_EVERY)
        known = self._due.get(token_id)
        if known is None or due_at < known:
            self._due[token_id] = due_at
            self._news.set()

    def keep_only(self, held: frozenset[TokenId]) -> None:
        """Forget tokens that are not held any more."""
        for token_id in self._due.keys() - held:
            del self._due[token_id]
        for token_id in self._asked_at.keys() - held:
            del self._asked_at[token_id]

    async def run(self) -> None:
        """Fetch what is due until cancelled."""
        while True:
            self._news.clear()
            if await self._wait():
                await self._read()

    async def _wait(self) -> bool:
        """Return True when something is due, False when something else is wanted."""
        pause = None
        if self._due:
            pause = max((min(self._due.values()) - self._clock()).total_seconds(), 0)
        try:
            async with asyncio.timeout(pause):
                await self._news.wait()
        except TimeoutError:
            return True
        return False

    async def _read(self) -> None:
        now = self._clock()
        due = sorted((at, token_id) for token_id, at in self._due.items() if at <= now)[:BATCH]
        tokens = [token_id for _, token_id in due]
        if not tokens:
            return
        for token_id in tokens:
            del self._due[token_id]
            self._asked_at[token_id] = now
        try:
            books = await self._books.fetch_books(tokens)
        except ExchangeError as error:
            self._health.failed("second_read")
            log.warning("books_not_read", tokens=len(tokens), error=str(error))
            for token_id in tokens:
                self.want(token_id, now)
            return
        for book in books:
            self._take(book)
