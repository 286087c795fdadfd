"""Follows one market's book event by event and says what changed, for both of its outcomes."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from paper.model import MICROS, Book, BookChanged, Level, Side
from paper.registry import mirrored as mirrored_levels


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level's new size in one outcome's terms; 0 means that the level is gone."""

    side: Side
    price: int
    size: int


@dataclass(frozen=True, slots=True)
class Best:
    """Best bid and ask of one outcome, in micros; None where a side is empty."""

    bid: int | None
    ask: int | None


def mirrored(changes: Iterable[LevelChange]) -> tuple[LevelChange, ...]:
    """Say the same in the other outcome's terms: a bid at p is an ask at 1 - p."""
    return tuple(
        LevelChange(
            Side.SELL if change.side is Side.BUY else Side.BUY, MICROS - change.price, change.size
        )
        for change in changes
    )


def book_hash(token_id: str, bids: Sequence[Level], asks: Sequence[Level]) -> str:
    """Name the content of a book; bids and asks best first."""
    levels = "|".join(
        ",".join(f"{level.price}:{level.size}" for level in side) for side in (bids, asks)
    )
    return hashlib.sha1(f"{token_id}|{levels}".encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class Replica:
    """A market's book in the first outcome's terms, sizes by price in micros."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)

    def apply(self, event: BookChanged) -> tuple[LevelChange, ...]:
        """Take an event in; return the levels that really changed, in the first outcome's terms."""
        changed_bids = _apply(self.bids, event.bids, is_whole=event.is_snapshot)
        changed_asks = _apply(self.asks, event.asks, is_whole=event.is_snapshot)
        return (
            *(LevelChange(Side.BUY, price, size) for price, size in changed_bids),
            *(LevelChange(Side.SELL, price, size) for price, size in changed_asks),
        )

    def load(self, book: Book) -> None:
        """Start again from the first outcome's book."""
        self.bids = {level.price: level.size for level in book.bids}
        self.asks = {level.price: level.size for level in book.asks}

    def best(self, outcome_index: int) -> Best:
        """Return an outcome's best prices."""
        bid = max(self.bids, default=None)
        ask = min(self.asks, default=None)
        if outcome_index == 0:
            return Best(bid, ask)
        return Best(
            None if ask is None else MICROS - ask,
            None if bid is None else MICROS - bid,
        )

    def levels(self, outcome_index: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return an outcome's bids and asks, both best first."""
        bids = tuple(Level(price, self.bids[price]) for price in sorted(self.bids, reverse=True))
        asks = tuple(Level(price, self.asks[price]) for price in sorted(self.asks))
        if outcome_index == 0:
            return bids, asks
        return mirrored_levels(asks), mirrored_levels(bids)


def _apply(
    known: dict[int, int], told: Sequence[Level], *, is_whole: bool
) -> list[tuple[int, int]]:
    sizes = {level.price: level.size for level in told}
    if is_whole:
        sizes = dict.fromkeys(known, 0) | sizes
    changed = [(price, size) for price, size in sizes.items() if known.get(price, 0) != size]
    for price, size in changed:
        if size == 0:
            del known[price]
        else:
            known[price] = size
    return changed
