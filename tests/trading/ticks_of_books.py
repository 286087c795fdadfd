"""Books that lie and books that fall, by seed: what exit rules must tell apart."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from tests.trading.scene import NOW, order_book, price, shares
from trading.exits import ExitLevels, ExitWatch, read_exit
from trading.levels import Rise, follow_bid
from trading.rules import ExitRules
from trading.types import ExitReason, OrderBook, Price, Shares

ENTRY = price("0.50")
HELD = shares("100")
Pairs = tuple[tuple[str, str], ...]
LIES = ("crossed", "empty", "half empty", "frozen", "print", "stubs", "thin", "spike")


@dataclass(frozen=True, slots=True)
class Look:
    """A book, and when somebody looks at it."""

    book: OrderBook
    at: datetime


def true_book(at: datetime, bid: Price = ENTRY) -> OrderBook:
    """Return a sound book around a bid."""
    ask = bid + price("0.01")
    return order_book(((str(bid), "20000"),), ((str(ask), "20000"),), received_at=at)


def lies(rng: Random, count: int) -> list[Look]:
    """Return looks at phantom books, each among true ones at the entry price.

    Crossed, empty and half empty books, frozen ones, leftovers at 0.01 and 0.99, single prints of
    one share and thin bids last for seconds; a false price of full depth lasts under a second.
    """
    looks: list[Look] = []
    at = NOW
    while len(looks) < count:
        at += timedelta(milliseconds=rng.randint(5, 900))
        kind = rng.choice(LIES)
        for n in range(rng.randint(1, 2 if kind == "spike" else 4)):
            looks.append(_lie(rng, kind, at, n))
            at += timedelta(milliseconds=rng.randint(1, 400 if kind == "spike" else 800))
        looks.append(Look(replace(true_book(at), is_streamed=rng.random() < 0.5), at))
    return looks


def _lie(rng: Random, kind: str, at: datetime, n: int) -> Look:
    low, high = rng.choice(("0.08", "0.30", "0.41")), rng.choice(("0.70", "0.90", "0.99"))
    wild = rng.choice((low, high))
    book = _false_book(kind, wild, at)
    seen_at = at + timedelta(seconds=6 + n) if kind == "frozen" else at
    return Look(replace(book, is_streamed=rng.random() < 0.5), seen_at)


def _false_book(kind: str, wild: str, at: datetime) -> OrderBook:
    """Return a book with nothing true in it; without a kind, one of full depth at a false price."""
    deep, beside = (wild, "9000"), (str(price(wild) + price("0.01")), "9000")
    sides: dict[str, tuple[Pairs, Pairs]] = {
        "crossed": ((deep,), (deep,)),
        "empty": ((), ()),
        "half empty": ((("0.02", "9000"),), ()),
        "stubs": ((("0.01", "9000"),), (("0.99", "9000"),)),
        "print": (((wild, "1"),), (beside,)),
        "thin": (((wild, "20"), ("0.001", "9000")), (beside,)),
    }
    bids, asks = sides.get(kind, ((deep,), (beside,)))
    return order_book(bids, asks, received_at=at)


def gap(rng: Random) -> list[Look]:
    """Return looks at a book that falls far below the stop, and stays there."""
    at = NOW + timedelta(milliseconds=rng.randint(1, 999))
    bid = price(rng.choice(("0.08", "0.10", "0.25", "0.41")))
    kind = rng.choice(("sound", "sound", "sound", "empty", "half empty", "stubs", "thin"))
    looks = [Look(true_book(NOW), NOW)]
    for _ in range(12):
        book = true_book(at, bid) if kind == "sound" else _false_book(kind, str(bid), at)
        looks.append(Look(book, at))
        at += timedelta(milliseconds=rng.randint(300, 900))
    return looks


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was made of some looks: exits, the first call for a person, and how late each came."""

    exits: tuple[ExitReason, ...]
    told_after: timedelta | None


def judge(looks: list[Look], rules: ExitRules, held: Shares = HELD) -> Verdict:
    """Look at books one after another as the price watch does."""
    levels, rise = ExitLevels(None, None), Rise()
    watch, exits = ExitWatch(), []
    told_at: datetime | None = None
    for look in looks:
        read = read_exit(look.book, held, look.at, rules)
        if not read.fault:
            rise, bid = rise.observe(levels.high_water or ENTRY, read, rules)
            levels = follow_bid(levels, ENTRY, bid, look.book.tick_size, rules)
        watch, reason = watch.observe(levels, read, rules)
        exits += [reason] if reason is not None else []
        if told_at is None and (reason is not None or watch.is_doubtful(look.at, rules)):
            told_at = look.at
    return Verdict(tuple(exits), None if told_at is None else told_at - NOW)
