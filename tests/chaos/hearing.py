"""Which signals stand for which whale orders, with what a venue and a chain make of an order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import compress, product

from tests.chaos.books import Books, Signal

Key = tuple[str, str, str]
"""Names a whale order: wallet, side, size."""

_REQUESTS_MAX = 50  # to leave one position


@dataclass(frozen=True, slots=True)
class Hearing:
    """The signals found of each whale order; what is explained by others is taken out."""

    books: Books
    found: defaultdict[Key, list[str]]
    refused: Mapping[tuple[str, str], set[Decimal]]

    def was_right(self, key: Key) -> bool:
        """Tell whether a whale order became the signals that it should."""
        return len(self.found[key]) == 1 or self._was_refused(key) or self._was_split(key)

    def _was_refused(self, key: Key) -> bool:
        """Tell whether the chain refused a whale order, or the part of it that is missing."""
        wallet, side, size = key
        for lost in self.refused.get((wallet, side), set()):
            rest = name_order(wallet, side, Decimal(size) - lost)
            if lost == Decimal(size) or len(self.found.get(rest, [])) == 1:
                self.found.pop(rest, None)
                return True
        return False

    def _was_split(self, key: Key) -> bool:
        """Tell whether the venue settled a whale order in parts, met with our resting order.

        Parts that are mined together are heard together, and what is mined apart is heard apart:
        each is a signal of what it adds. The parts of one order were matched at one instant.
        """
        wallet, side, size = key
        ours = "SELL" if side == "BUY" else "BUY"
        matches: defaultdict[tuple[str, datetime], dict[str, Decimal]] = defaultdict(dict)
        for fill in self.books.venue_fills:
            if fill.taker.lower() == wallet and fill.side == ours:
                matches[fill.token_id, fill.at][fill.trade_id] = fill.trade_size
        for parts in matches.values():
            if sum(parts.values()) != Decimal(size):
                continue
            heard = self._heard_of((wallet, side), tuple(parts.values()))
            for name in heard:
                self.found.pop(name)
            if heard:
                return True
        return False

    def _heard_of(self, whose: tuple[str, str], parts: Sequence[Decimal]) -> list[Key]:
        """Return the signals that tell of all parts, each once; none when there are no such."""
        first, rest = parts[0], parts[1:]
        for bits in product((False, True), repeat=len(rest)):
            name = name_order(*whose, first + sum(compress(rest, bits)))
            if len(self.found.get(name, [])) != 1:
                continue
            left = [part for part, is_in in zip(rest, bits, strict=True) if not is_in]
            others = self._heard_of(whose, left) if left else []
            if others or not left:
                return [name, *others]
        return []


def hear(books: Books) -> Hearing:
    """Sort the signals by the whale order that they stand for."""
    found: defaultdict[Key, list[str]] = defaultdict(list)
    asked_again = _asked_again(books)
    for signal in books.signals:
        if signal.signal_id not in asked_again:
            found[name_order(signal.wallet, signal.side, signal.size)].append(signal.signal_id)
    return Hearing(books, found, _refused_by_chain(books))


def name_order(wallet: str, side: str, size: Decimal) -> Key:
    """Return the name of a whale order."""
    return wallet.lower(), side, format(size.normalize(), "f")


def _asked_again(books: Books) -> set[str]:
    """Return the requests to sell what the answers to a whale's sales left of a position.

    Such a request bears its position's name. It comes only while no sale of that whale and token
    is unanswered; one that came sooner is a sale told twice.
    """
    requests = {
        sha256(f"mirror|{position.position_id}|{number}".encode()).hexdigest(): position
        for position in books.positions
        for number in range(_REQUESTS_MAX)
    }
    sales: defaultdict[tuple[str, str], list[Signal]] = defaultdict(list)
    for signal in sorted(books.signals, key=lambda signal: signal.committed_at):
        if signal.side == "SELL":
            sales[signal.wallet, signal.token_id].append(signal)
    found: set[str] = set()
    for (wallet, token_id), told in sales.items():
        for number, later in enumerate(told):
            position = requests.get(later.signal_id)
            if position is None or (position.whale, position.token_id) != (wallet, token_id):
                continue
            before = told[:number]
            if before and all(
                s.finished_at and s.finished_at <= later.committed_at for s in before
            ):
                found.add(later.signal_id)
    return found


def _refused_by_chain(books: Books) -> Mapping[tuple[str, str], set[Decimal]]:
    """Return the sizes of each whale's trades against our resting orders that never settled.

    Nobody could hear of them: neither logs nor feeds tell of what was not mined.
    """
    refused: defaultdict[tuple[str, str], set[Decimal]] = defaultdict(set)
    for fill in books.venue_fills:
        if fill.status == "FAILED" and fill.taker:
            side = "SELL" if fill.side == "BUY" else "BUY"
            refused[fill.taker.lower(), side].add(fill.trade_size)
    return refused
