"""The books as they stand now, less what we took from them since they were recorded."""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from backtest.port import BookSeen, BookView
from trading.book import Walk, mid_price
from trading.types import (
    ONE,
    ZERO,
    ConditionId,
    Level,
    Market,
    OrderBook,
    Price,
    Shares,
    Side,
    TokenId,
)
from trading.whales import ewma_volatility

_MINUTE = timedelta(minutes=1)
_MIDS_MAX = 60
"""Minutes of mid-prices kept, as many as are asked of the venue."""


@dataclass(slots=True)
class _Shown:
    view: BookView
    at: datetime
    stands: bool
    taken: dict[tuple[TokenId, Side, Price], Decimal] = field(default_factory=dict)
    books: dict[TokenId, OrderBook] = field(default_factory=dict)


@dataclass(slots=True)
class _Mids:
    minute: datetime
    prices: deque[Price]


class Pit:
    """Holds each market's latest books. A fill of ours is gone from them until the next ones."""

    def __init__(self) -> None:
        self._markets: dict[TokenId, Market] = {}
        self._by_condition: dict[ConditionId, Market] = {}
        self._shown: dict[ConditionId, _Shown] = {}
        self._mids: dict[ConditionId, _Mids] = {}

    def open(self, market: Market) -> None:
        """Take a market's books from now on."""
        self._by_condition[market.condition_id] = market
        for token_id in market.token_ids:
            self._markets[token_id] = market

    def close(self, market: Market) -> None:
        """Forget a market's books; `market` is how it ended."""
        self.open(market)
        self._shown.pop(market.condition_id, None)
        self._mids.pop(market.condition_id, None)

    def see(self, seen: BookSeen) -> None:
        """Take a market's new books."""
        self._shown[seen.condition_id] = _Shown(seen.view, seen.at, seen.stands)
        minute = seen.at.replace(second=0, microsecond=0)
        mids = self._mids.get(seen.condition_id)
        if mids is not None and minute - mids.minute < _MINUTE:
            return
        market = self.market_of(seen.condition_id)
        mid = None if market is None else mid_price(seen.view.book(market.token_ids[0]))
        if mid is None:
            return
        if mids is None:
            mids = self._mids[seen.condition_id] = _Mids(minute, deque(maxlen=_MIDS_MAX))
        mids.minute = minute
        mids.prices.append(mid)

    def market(self, token_id: TokenId) -> Market | None:
        """Return a token's market, or None when it was never listed."""
        return self._markets.get(token_id)

    def market_of(self, condition_id: ConditionId) -> Market | None:
        """Return a market by its condition, or None when it was never listed."""
        return self._by_condition.get(condition_id)

    def book(self, token_id: TokenId, now: datetime) -> OrderBook | None:
        """Return a token's book as an order sent now would meet it."""
        shown = self._shown_of(token_id)
        if shown is None:
            return None
        if token_id not in shown.books:
            shown.books[token_id] = _less(shown.view.book(token_id), token_id, shown.taken)
        book = shown.books[token_id]
        return replace(book, received_at=now) if shown.stands else book

    def take(self, token_id: TokenId, side: Side, walk: Walk) -> None:
        """Take a walk's fills out of both tokens' books: an ask of one is a bid of the other."""
        shown, market = self._shown_of(token_id), self._markets[token_id]
        assert shown is not None, f"expected a book of {token_id}"
        for fill in walk.fills:
            for token in market.token_ids:
                is_same = token == token_id
                met = side if is_same else side.opposite
                price = fill.price if is_same else Price(ONE - fill.price)
                key = (token, met, price)
                shown.taken[key] = shown.taken.get(key, ZERO) + fill.size
        shown.books.clear()

    def volatility(self, token_id: TokenId) -> Decimal:
        """Return the volatility of a token's mid-price by the minute."""
        market = self._markets[token_id]
        mids = self._mids.get(market.condition_id)
        if mids is None:
            return ZERO
        is_first = market.token_ids[0] == token_id
        return ewma_volatility([p if is_first else Price(ONE - p) for p in mids.prices])

    def _shown_of(self, token_id: TokenId) -> _Shown | None:
        market = self._markets.get(token_id)
        return None if market is None else self._shown.get(market.condition_id)


def _less(
    book: OrderBook, token_id: TokenId, taken: dict[tuple[TokenId, Side, Price], Decimal]
) -> OrderBook:
    if not taken:
        return book
    gone: dict[Side, dict[Price, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
    for (token, side, price), size in taken.items():
        if token == token_id:
            gone[side][price] = size
    asks, bids = _rest(book.asks, gone[Side.BUY]), _rest(book.bids, gone[Side.SELL])
    return replace(book, asks=asks, bids=bids)


def _rest(levels: tuple[Level, ...], taken: dict[Price, Decimal]) -> tuple[Level, ...]:
    left = (Level(lv.price, Shares(lv.size - taken.get(lv.price, ZERO))) for lv in levels)
    return tuple(level for level in left if level.size > 0)
