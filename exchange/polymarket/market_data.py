"""The venue's public facts: books, markets, fees and the time."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.gamma import Gamma, market_of
from exchange.polymarket.rereads import FetchBooks
from exchange.polymarket.rest import HttpRequest, Rest
from exchange.polymarket.streams import MarketStream
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_clob import (
    BookRow,
    ClobMarketRow,
    ShortMarketRow,
    book_of,
    fees_of,
    read_clock,
    read_prices,
)
from exchange.polymarket.wire_gamma import GammaMarketRow
from exchange.port import MarketEvent, TokenSet, UnavailableError, WireError
from trading.types import ZERO, ConditionId, FeeSchedule, Market, OrderBook, Price, TokenId

_CACHED_MAX = 10_000
_NO_FEES = FeeSchedule(ZERO, 1)


class FeeSchedules:
    """The fee schedules of markets, asked for once and refreshed whenever a market is read."""

    def __init__(self, access: VenueAccess) -> None:
        """Ask the order book of these endpoints."""
        self._rest = Rest(access, access.endpoints.clob)
        self._known: OrderedDict[ConditionId, FeeSchedule] = OrderedDict()

    def learn(self, condition_id: ConditionId, fees: FeeSchedule) -> None:
        """Remember what a market's description said."""
        self._known[condition_id] = fees
        self._known.move_to_end(condition_id)
        if len(self._known) > _CACHED_MAX:
            self._known.popitem(last=False)

    async def of(self, condition_id: ConditionId) -> FeeSchedule:
        """Return a market's schedule; raise UnavailableError when the venue knows no such market.

        What we cannot price must not be booked at a guess.
        """
        known = self._known.get(condition_id)
        return known if known is not None else await self.fetch(condition_id)

    async def fetch(self, condition_id: ConditionId) -> FeeSchedule:
        """Return a market's schedule as the order book has it now."""
        payload = await self._rest.fetch(f"/clob-markets/{condition_id}")
        if payload is None:
            raise UnavailableError(f"expected the fees of market {condition_id}, received HTTP 404")
        fees = fees_of(parse(ShortMarketRow, payload).fd)
        self.learn(condition_id, fees)
        return fees


class PolymarketMarketData:
    """Implements MarketData against the venue."""

    def __init__(
        self,
        access: VenueAccess,
        fees: FeeSchedules | None = None,
        fetch_books: FetchBooks | None = None,
    ) -> None:
        """Share `fees` with the gateway, so that a market read here prices its trades there.

        With `fetch_books` a stream asks for the books of which it is told nothing.
        """
        self._access = access
        self._fetch_books = fetch_books
        self._rest = Rest(access, access.endpoints.clob)
        self._gamma = Gamma(access)
        self._fees = fees or FeeSchedules(access)
        self._conditions: OrderedDict[TokenId, ConditionId] = OrderedDict()

    async def fetch_book(self, token_id: TokenId) -> OrderBook:
        """Return a token's book; raise UnavailableError when the venue keeps none for it."""
        payload = await self._rest.fetch("/book", ("token_id", token_id))
        if payload is None:
            raise UnavailableError(f"expected a book of token {token_id}, received HTTP 404")
        book = book_of(parse(BookRow, payload), self._access.clock())
        if book.token_id != token_id:
            raise WireError(f"expected the book of {token_id}, received that of {book.token_id}")
        return book

    async def fetch_market(self, token_id: TokenId) -> Market | None:
        """Return the market of a token, None when the venue knows none."""
        condition_id = self._conditions.get(token_id)
        if condition_id is None:
            row = await self._gamma.fetch_row(token_id)
            clob = None if row is None else await self._fetch_clob(ConditionId(row.condition_id))
        else:
            row, clob = await asyncio.gather(
                self._gamma.fetch_row(token_id), self._fetch_clob(condition_id)
            )
        if row is None:
            return None
        self._remember(token_id, ConditionId(row.condition_id))
        return market_of(row, clob, await self._fees_of(row))

    async def fetch_price_history(self, token_id: TokenId) -> Sequence[Price]:
        """Return a token's mid-prices of the last hour by the minute, oldest first."""
        query = (("market", token_id), ("interval", "1h"), ("fidelity", "1"))
        payload = await self._rest.fetch("/prices-history", *query)
        return () if payload is None else read_prices(payload)

    async def fetch_clock(self) -> datetime:
        """Return the venue's time, in whole seconds."""
        answer = await self._rest.send(HttpRequest("GET", "/time"))
        if not answer.is_ok:
            raise UnavailableError(f"/time: HTTP {answer.status}")
        return read_clock(answer.body)

    def stream_market(self, tokens: TokenSet) -> AsyncIterator[MarketEvent]:
        """Yield books of a changing set of tokens, for ever."""
        stream = MarketStream(self._access, self.fetch_book, fetch_books=self._fetch_books)
        return stream.events(tokens)

    async def _fetch_clob(self, condition_id: ConditionId) -> ClobMarketRow | None:
        payload = await self._rest.fetch(f"/markets/{condition_id}")
        return None if payload is None else parse(ClobMarketRow, payload)

    async def _fees_of(self, row: GammaMarketRow) -> FeeSchedule:
        condition_id = ConditionId(row.condition_id)
        if row.fees_enabled is False:
            fees = _NO_FEES
        elif row.fee_schedule is not None:
            fees = fees_of(row.fee_schedule)
        else:
            return await self._fees.fetch(condition_id)
        self._fees.learn(condition_id, fees)
        return fees

    def _remember(self, token_id: TokenId, condition_id: ConditionId) -> None:
        self._conditions[token_id] = condition_id
        if len(self._conditions) > _CACHED_MAX:
            self._conditions.popitem(last=False)
