"""What the market stream gets wrong on purpose: books that cannot be, until the true one comes."""

from dataclasses import replace

from paper.faults import Fault
from paper.model import MICROS, Book, Level

CROSSED, EMPTY, NO_SNAPSHOT = "crossed", "empty", "no_snapshot"
FALSE_BOOKS = (CROSSED, EMPTY)
TRUE_AFTER_MS = 1_000


def truth_after_s(fault: Fault) -> float:
    """Return the seconds after which a false book is put right: `delay_s`, one if not given."""
    return (fault.delay_ms or TRUE_AFTER_MS) / 1000


def false_book(book: Book, fault: Fault, tick_size: int) -> Book:
    """Return a book without levels, or with a bid above its best ask.

    A book without asks gets an ask below its best bid; one without any level stays as it is.
    """
    if fault.fault == EMPTY:
        return replace(book, bids=(), asks=())
    if book.asks:
        best = book.asks[0]
        above = min(best.price + tick_size, MICROS - tick_size)
        return replace(book, bids=(Level(above, best.size), *book.bids))
    if book.bids:
        best = book.bids[0]
        below = max(best.price - tick_size, tick_size)
        return replace(book, asks=(Level(below, best.size),))
    return book
