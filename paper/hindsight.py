"""What the venue knew a while ago, for readers whom a fault shows the past."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from paper.faults import Faults, Point
from paper.model import (
    Book,
    BookChanged,
    OrderRecord,
    OrderUpdated,
    Trade,
    TradeUpdated,
    VenueEvent,
)
from paper.registry import Registry

HORIZON_MS = 120_000

Key = TypeVar("Key")
Value = TypeVar("Value")


class Trail(Generic[Key, Value]):
    """Values by key and by the time since when they hold; what is older than the horizon fades."""

    def __init__(self) -> None:
        self._kept: dict[Key, deque[tuple[int, Value]]] = {}

    def note(self, key: Key, at: int, value: Value) -> None:
        """Remember a value that holds from now on."""
        kept = self._kept.setdefault(key, deque())
        kept.append((at, value))
        while len(kept) > 1 and kept[1][0] <= at - HORIZON_MS:
            kept.popleft()

    def at(self, key: Key, moment: int) -> Value | None:
        """Return the value that held then, else the oldest known; None for an unknown key."""
        kept = self._kept.get(key, ())
        for noted_at, value in reversed(kept):
            if noted_at <= moment:
                return value
        return kept[0][1] if kept else None


class Hindsight:
    """Remembers what clients could have read: their orders, trades and balances, and the books.

    Books change too often to be remembered for nobody: only while a plan lets them lag.
    """

    def __init__(self, registry: Registry, faults: Faults) -> None:
        self._registry = registry
        self._faults = faults
        self.orders: Trail[str, OrderRecord] = Trail()
        self.trades: Trail[str, Trade] = Trail()
        self.balances: Trail[tuple[str, str], int] = Trail()
        self.books: Trail[str, Book] = Trail()

    def note(self, event: VenueEvent) -> None:
        """Remember what an event tells."""
        match event:
            case OrderUpdated():
                self.orders.note(event.record.order.order_id, event.at, event.record)
            case TradeUpdated():
                self._note_trade(event.trade)
            case BookChanged() if self._faults.concern(Point.READ_BOOK):
                self._note_books(event)
            case _:
                return

    def note_balances(self, rows: Iterable[tuple[str, str, int]], now: int) -> None:
        """Remember (account, asset, micros) rows."""
        for account, asset, micros in rows:
            self.balances.note((account, asset), now, micros)

    def _note_trade(self, trade: Trade) -> None:
        if trade.owner or any(maker.owner for maker in trade.makers):
            self.trades.note(trade.trade_id, trade.updated_at, trade)

    def _note_books(self, event: BookChanged) -> None:
        listing = self._registry.get(event.condition_id)
        assert listing is not None, event.condition_id
        for outcome, token_id in enumerate(listing.market.token_ids):
            self.books.note(token_id, event.at, listing.view(outcome))
