"""Finds the moments at which asks disappeared between two recorded books."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile

from paper.model import MICROS, Level
from paper.tape import Snapshot
from paper.tapes.source import mirror

GAP_MS_MAX = 2_500
LASTING_MS = 30_000  # how far behind a moment its asks are looked at


@dataclass(frozen=True, slots=True)
class Moment:
    """Asks of one outcome that are gone, best first, and the best prices after it, in its terms."""

    at: int  # Unix ms of the later book
    condition_id: str
    outcome_index: int
    gone: tuple[Level, ...]
    bid_after: int
    ask_after: int
    ask_highest: int  # the best ask's highest price within the next 30 s

    @property
    def notional(self) -> int:
        """What the asks would have cost, in micros of pUSD."""
        return notional_of(self.gone)

    @property
    def price(self) -> int:
        """Their VWAP in micros, rounded down."""
        return self.notional * MICROS // sum(level.size for level in self.gone)


def find_moments(snapshots: Sequence[Snapshot]) -> Iterator[Moment]:
    """Yield the moments of one market, both outcomes, oldest first.

    Books more than `GAP_MS_MAX` apart are not compared: too much could have happened between
    them. Moments after which one side of the book is empty are left out.
    """
    for number, (before, after) in enumerate(pairwise(snapshots), 1):
        if after.at - before.at > GAP_MS_MAX or not after.bids or not after.asks:
            continue
        bid, ask = after.bids[0].price, after.asks[0].price
        highest, lowest = _reach(snapshots, number)
        gone = gone_asks(before.asks, after.asks)
        if gone:
            yield Moment(after.at, after.condition_id, 0, gone, bid, ask, highest)
        gone = gone_asks(mirror(before.bids), mirror(after.bids))
        if gone:
            at, market = after.at, after.condition_id
            yield Moment(at, market, 1, gone, MICROS - ask, MICROS - bid, MICROS - lowest)


def _reach(snapshots: Sequence[Snapshot], number: int) -> tuple[int, int]:
    """Return the highest best ask and the lowest best bid of the 30 s from one book on.

    An empty side counts as out of reach.
    """
    ends_at = snapshots[number].at + LASTING_MS
    books = takewhile(lambda book: book.at <= ends_at, islice(snapshots, number, None))
    edges = [
        (book.asks[0].price if book.asks else MICROS, book.bids[0].price if book.bids else 0)
        for book in books
    ]
    return max(ask for ask, _ in edges), min(bid for _, bid in edges)


def gone_asks(before: Sequence[Level], after: Sequence[Level]) -> tuple[Level, ...]:
    """Return what a buyer could have taken: levels below the new best ask, and what it lost.

    Both arguments are asks, best first, `after` not empty. Levels above the new best ask that
    shrank are left out: nobody could have bought there without taking the better ones first.
    """
    best = after[0]
    levels = (
        Level(level.price, level.size - (best.size if level.price == best.price else 0))
        for level in before
        if level.price <= best.price
    )
    return tuple(level for level in levels if level.size > 0)


def notional_of(levels: Sequence[Level]) -> int:
    """Return the sum of price times size in micros of pUSD, rounded down."""
    return sum(level.price * level.size for level in levels) // MICROS
