"""The venue as one reader sees it: as it is, or as it was where a fault makes reads lag."""

from collections.abc import Sequence
from dataclasses import dataclass

from paper.derive import account_name
from paper.ledger import CASH
from paper.model import Book, OrderRecord, Trade
from paper.trades import OwnTrades
from paper.venue import Venue


@dataclass(frozen=True, slots=True)
class Look:
    """Reads the venue as of a moment in Unix ms; None is now."""

    venue: Venue
    own_trades: OwnTrades
    as_of: int | None = None

    def order(self, order_id: str) -> OrderRecord | None:
        """Return an order; None if it did not exist then."""
        record = self.venue.order(order_id)
        return None if record is None else self._past_order(record)

    def orders(self) -> Sequence[OrderRecord]:
        """Return every order that was accepted by then, oldest first."""
        if self.as_of is None:
            return self.venue.orders()
        past = map(self._past_order, self.venue.orders())
        return [record for record in past if record is not None]

    def trades_of(self, owner: str) -> Sequence[Trade]:
        """Return the trades that a key had a part in by then, oldest first."""
        trades, as_of = self.own_trades.of(owner), self.as_of
        if as_of is None:
            return trades
        past = self.venue.hindsight.trades
        return [
            past.at(trade.trade_id, as_of) or trade for trade in trades if trade.matched_at <= as_of
        ]

    def balance(self, wallet: str, token_id: str | None) -> int:
        """Return settled micros of pUSD (`token_id` None) or of a token."""
        micros = self.venue.balance(wallet, token_id)
        if self.as_of is None:
            return micros
        key = (account_name(wallet), CASH if token_id is None else token_id)
        past = self.venue.hindsight.balances.at(key, self.as_of)
        return micros if past is None else past

    def book(self, token_id: str) -> Book | None:
        """Return a token's book."""
        book = self.venue.book(token_id)
        if self.as_of is None or book is None:
            return book
        return self.venue.hindsight.books.at(token_id, self.as_of) or book

    def _past_order(self, record: OrderRecord) -> OrderRecord | None:
        if self.as_of is None:
            return record
        if record.received_at > self.as_of:
            return None
        return self.venue.hindsight.orders.at(record.order.order_id, self.as_of) or record
