"""Where activities get books and market facts: the records first, then the venue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exchange.port import MarketData
from storage.port import FactStore
from trading.types import Market, OrderBook, TokenId
from trading.whales import ewma_volatility


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

    async def quote(self, token_id: TokenId) -> Quote:
        """Return a token's book with its volatility."""
        book = await self._venue.fetch_book(token_id)
        prices = await self._venue.fetch_price_history(token_id)
        return Quote(book, ewma_volatility(prices))
