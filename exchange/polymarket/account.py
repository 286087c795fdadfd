"""Our own account as a whole: trades of all markets, holdings, and books by the batch."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from exchange.polymarket.client import PolymarketGateway, TradingAccount
from exchange.polymarket.data_api import PAGE_ROWS, PAGES_MAX
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import FeeSchedules
from exchange.polymarket.own_trades import own_parts
from exchange.polymarket.rest import HttpRequest, PrivateRest, Rest, read_answer, write_body
from exchange.polymarket.wire import as_list, parse
from exchange.polymarket.wire_clob import BookRow, TradeRow, book_of
from exchange.polymarket.wire_data import HoldingRow, read_data_page
from exchange.port import PermanentError, UnavailableError, WireError
from trading.orders import VenueTrade
from trading.types import ZERO, ConditionId, OrderBook, OrderHash, Shares, TokenId, Usd

BOOKS_MAX = 500
"""Books in one request."""
READ_AT_ONCE = 10
"""Books that are parsed in one turn; each takes a quarter of a millisecond."""
_OVERLAP = timedelta(seconds=1)  # the venue compares whole seconds
_CLOSED = "CLOSED"
_log = structlog.get_logger()


class PolymarketAccount:
    """Implements VenueAccount against the venue."""

    def __init__(
        self,
        access: VenueAccess,
        account: TradingAccount,
        gateway: PolymarketGateway,
        fees: FeeSchedules,
    ) -> None:
        """Read the account that `gateway` trades with."""
        self._gateway = gateway
        self._fees = fees
        self._clob = PrivateRest(access, account.user)
        self._data = Rest(access, access.endpoints.data)
        self._account = account

    async def fetch_cash(self) -> Usd:
        """Return the wallet's settled pUSD."""
        return await self._gateway.fetch_cash()

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        """Return the wallet's settled holding of a token."""
        return await self._gateway.fetch_shares(token_id)

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        """Return the hashes of all our resting orders."""
        return await self._gateway.fetch_open_orders()

    async def fetch_holdings(self) -> Mapping[TokenId, Shares]:
        """Return all that the wallet holds by the Data API; what is closed is left out."""
        held: dict[TokenId, Shares] = {}
        query = ("user", self._account.owner.wallet), ("limit", str(PAGE_ROWS))
        cursor = ""
        for _ in range(PAGES_MAX):
            page_query = (*query, ("cursor", cursor)) if cursor else query
            payload = await self._data.fetch("/v2/positions", *page_query)
            if payload is None:
                raise UnavailableError("/v2/positions: HTTP 404")
            rows, next_cursor = read_data_page(payload)
            for row in (parse(HoldingRow, each) for each in rows):
                if row.current_size > ZERO and row.status.upper() != _CLOSED:
                    held[row.token_id] = Shares(held.get(row.token_id, ZERO) + row.current_size)
            if not next_cursor or next_cursor == cursor:
                return held
            cursor = next_cursor
        raise UnavailableError(f"/v2/positions: more than {PAGES_MAX} pages")

    async def fetch_own_trades(self, since: datetime) -> Sequence[VenueTrade]:
        """Return our parts of all trades since a time; one that cannot be read is left out.

        It is told of: nobody else would hear that it was there.
        """
        after = str(max(int((since - _OVERLAP).timestamp()), 0))
        rows = await self._clob.fetch_pages("/data/trades", ("after", after))
        parts: list[VenueTrade] = []
        for row in rows:
            try:
                parts.extend(await self._parts(row))
            except WireError as error:
                _log.warning("own_trade_refused", why=str(error)[:300])
        return parts

    async def _parts(self, row: object) -> Sequence[VenueTrade]:
        trade = parse(TradeRow, row)
        return own_parts(trade, self._account.owner, await self._fees.of(ConditionId(trade.market)))


class PolymarketBooks:
    """Implements BookBatches: POST /books."""

    def __init__(self, access: VenueAccess) -> None:
        """Ask the order book of these endpoints."""
        self._rest = Rest(access, access.endpoints.clob)
        self._clock = access.clock

    async def fetch_books(self, token_ids: Sequence[TokenId]) -> Sequence[OrderBook]:
        """Return the books that there are; one that cannot be read is left out and told of."""
        assert len(token_ids) <= BOOKS_MAX, f"expected {BOOKS_MAX} books at most in a request"
        body = write_body([{"token_id": token_id} for token_id in token_ids])
        headers = {"Content-Type": "application/json"}
        answer = await self._rest.send(HttpRequest("POST", "/books", body=body, headers=headers))
        try:
            rows = as_list(read_answer(answer, "/books") or [])
        except PermanentError as error:
            raise UnavailableError(str(error)) from error
        books: list[OrderBook] = []
        for number, row in enumerate(rows):
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)  # prices that come meanwhile do not wait for all of them
            try:
                books.append(book_of(parse(BookRow, row), self._clock()))
            except WireError as error:
                _log.warning("book_refused", why=str(error)[:300])
        return books
