"""Where activities get books and market facts: the records first, then the venue."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from activities.sharing import Shared
from exchange.port import MarketData
from storage.port import FactStore
from trading.types import Market, OrderBook, TokenId
from trading.whales import ewma_volatility

BOOK_SHARED_FOR = timedelta(milliseconds=500)
"""How old a book may be that was read for another entry, or an earlier step of the same one; the
filters allow 2 s."""
VOLATILITY_SHARED_FOR = timedelta(seconds=10)  # of mid-prices by the minute


@dataclass(frozen=True, slots=True)
class Quote:
    """A fresh book and how much the mid-price has been moving (EWMA of its returns)."""

    book: OrderBook
    volatility: Decimal


class MarketDesk:
    """Looks up markets and books; remembers a market's fixed facts in the records."""

    def __init__(self, venue: MarketData, facts: FactStore, clock: Callable[[], datetime]) -> None:
        self._venue = venue
        self._facts = facts
        self._clock = clock
        self._books = Shared(venue.fetch_book, BOOK_SHARED_FOR, clock)
        self._volatilities = Shared(self._fetch_volatility, VOLATILITY_SHARED_FOR, clock)

    async def find(self, token_id: TokenId) -> Market | None:
        """Return a token's market, asking the venue when the records do not know it yet."""
        known = await self._facts.load_market(token_id)
        return known if known is not None else await self.refresh(token_id)

    async def refresh(self, token_id: TokenId) -> Market | None:
        """Return a token's market as the venue describes it now, and keep it."""
        market = await self._venue.fetch_market(token_id)
        if market is not None:
            await self._facts.save_market(market, self._clock())
        return market

    async def book(self, token_id: TokenId) -> OrderBook:
        """Return a token's book as it is now."""
        return await self._venue.fetch_book(token_id)

    async def recent_book(self, token_id: TokenId) -> OrderBook:
        """Return a token's book as it was half a second ago at most, read once for all entries."""
        return await self._books.get(token_id)

    async def quote(self, token_id: TokenId) -> Quote:
        """Return a token's recent book with its volatility."""
        try:
            async with asyncio.TaskGroup() as group:
                book = group.create_task(self._books.get(token_id))
                volatility = group.create_task(self._volatilities.get(token_id))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return Quote(book.result(), volatility.result())

    async def _fetch_volatility(self, token_id: TokenId) -> Decimal:
        return ewma_volatility(await self._venue.fetch_price_history(token_id))
