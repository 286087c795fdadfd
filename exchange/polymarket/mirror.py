"""Keeps copies of books from a stream's snapshots and level changes."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from exchange.polymarket.wire_clob import BookRow, LevelRow
from exchange.polymarket.wire_market import LevelChangeRow
from trading.types import ONE, ZERO, Level, OrderBook, Price, Shares, Side, TokenId


class BookMirror:
    """One token's book as the stream has told it since its last snapshot."""

    def __init__(self, row: BookRow, tick_size: Price, min_size: Shares) -> None:
        """Start from a snapshot."""
        self._token_id: TokenId = row.asset_id
        self._at = row.timestamp
        self._tick_size = tick_size
        self._min_size = min_size
        self._bids = _by_price(row.bids)
        self._asks = _by_price(row.asks)

    def apply(self, change: LevelChangeRow, at: datetime) -> None:
        """Set a level to its new size; zero takes it away."""
        levels = self._bids if change.side is Side.BUY else self._asks
        price = Price(change.price)
        if change.size:
            levels[price] = Level(price, Shares(change.size))
        else:
            levels.pop(price, None)
        self._at = at

    def book(self, received_at: datetime) -> OrderBook:
        """Return the whole book, best levels first."""
        return OrderBook(
            token_id=self._token_id,
            bids=tuple(self._bids[price] for price in sorted(self._bids, reverse=True)),
            asks=tuple(self._asks[price] for price in sorted(self._asks)),
            at=self._at,
            received_at=received_at,
            tick_size=self._tick_size,
            min_size=self._min_size,
            is_streamed=True,
        )

    @property
    def at(self) -> datetime:
        """Return the venue's time of the newest change."""
        return self._at

    def has_best(self, bid: Decimal, ask: Decimal) -> bool:
        """Tell whether these are the best prices; 0 and 1 stand for sides without any level."""
        return bid == max(self._bids, default=ZERO) and ask == min(self._asks, default=ONE)


def _by_price(rows: Sequence[LevelRow]) -> dict[Price, Level]:
    levels = (Level(Price(row.price), Shares(row.size)) for row in rows if row.size)
    return {level.price: level for level in levels}
