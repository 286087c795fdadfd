"""The markets that this venue runs, with their books and what is yet to come of them."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from paper.books import MarketBook
from paper.model import MICROS, Book, BookChanged, Level, Market, Side

HISTORY_POINTS = 4_000  # of a market's mid-price, at most one a second


def mirrored(levels: Iterable[Level]) -> tuple[Level, ...]:
    """Turn levels of one outcome into the other's: a bid at p is an ask at 1 - p."""
    return tuple(Level(MICROS - level.price, level.size) for level in levels)


@dataclass(slots=True)
class Listing:
    """A market as it runs here. Times are wall-clock ms; `result` is not known to traders."""

    market: Market
    play_id: str
    resolves_at: int | None = None
    result: tuple[int, int] | None = None
    redeems_at: int | None = None
    is_redeemed: bool = False
    opens_itself: bool = True  # else it takes orders when another venue does
    recorded_at: int = 0  # when the book was last told anything
    last_price: int | None = None  # of a trade, in the first outcome's terms
    has_snapshot: bool = False
    book: MarketBook = field(default_factory=MarketBook)
    history: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=HISTORY_POINTS))

    def outcome_of(self, token_id: str) -> int:
        """Return 0 or 1, the place of a token in its market."""
        return self.market.token_ids.index(token_id)

    def in_book_terms(self, outcome: int, side: Side, price: int) -> tuple[Side, int]:
        """Express an order in the first outcome's terms: buying one is selling the other."""
        if outcome == 0:
            return side, price
        return (Side.SELL if side is Side.BUY else Side.BUY), MICROS - price

    def view(self, outcome: int) -> Book:
        """Return the book of one outcome as traders see it."""
        bids, asks = self.book.levels(Side.BUY), self.book.levels(Side.SELL)
        last = self.last_price
        if outcome == 1:
            bids, asks = mirrored(asks), mirrored(bids)
            last = None if last is None else MICROS - last
        return Book(
            token_id=self.market.token_ids[outcome],
            condition_id=self.market.condition_id,
            bids=bids,
            asks=asks,
            at=self.recorded_at,
            last_trade_price=last,
        )

    def prices(self, outcome: int) -> list[tuple[int, int]]:
        """Return (seconds, mid-price in micros) pairs of one outcome, oldest first."""
        return [(at, MICROS - mid if outcome else mid) for at, mid in self.history]

    def book_changes(self, now: int) -> BookChanged | None:
        """Return what readers have not been told of the book yet, None if that is nothing."""
        bids, asks = self.book.take_changes()
        if not bids and not asks:
            return None
        self.recorded_at = now
        is_snapshot, self.has_snapshot = not self.has_snapshot, True
        mid = self.book.mid()
        if mid is not None and (not self.history or self.history[-1][0] < now // 1000):
            self.history.append((now // 1000, mid))
        return BookChanged(self.market.condition_id, bids, asks, now, is_snapshot)

    def add_trade(self, outcome: int, price: int, cost: int) -> None:
        """Remember the last price, and count the notional."""
        self.last_price = MICROS - price if outcome else price
        self.market = replace(self.market, volume=self.market.volume + cost)


class Registry:
    """Listings by condition id and by token id."""

    def __init__(self) -> None:
        self._listings: dict[str, Listing] = {}
        self._by_token: dict[str, Listing] = {}
        self._unfinished: list[Listing] = []
        self._changed: dict[str, Listing] = {}

    def add(self, listing: Listing) -> None:
        """List a market, or replace the one with its condition id."""
        self._listings[listing.market.condition_id] = listing
        self._unfinished = [one for one in self._listings.values() if not one.is_redeemed]
        for token_id in listing.market.token_ids:
            self._by_token[token_id] = listing
        self.touch(listing)

    def get(self, condition_id: str) -> Listing | None:
        """Return a market by condition id."""
        return self._listings.get(condition_id)

    def of_token(self, token_id: str) -> Listing | None:
        """Return the market of a token."""
        return self._by_token.get(token_id)

    def all(self) -> list[Listing]:
        """Return every market, oldest first."""
        return list(self._listings.values())

    def unfinished(self) -> list[Listing]:
        """Return the markets that are not redeemed yet, oldest first."""
        self._unfinished = [one for one in self._unfinished if not one.is_redeemed]
        return self._unfinished

    def touch(self, listing: Listing) -> None:
        """Have a market saved again."""
        self._changed[listing.market.condition_id] = listing

    def take_changes(self) -> list[Listing]:
        """Return the markets that have to be saved."""
        changed, self._changed = self._changed, {}
        return list(changed.values())
