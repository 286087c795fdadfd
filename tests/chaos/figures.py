"""What a run is measured by: shares of the signals, unknown outcomes, latencies, exits."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.chaos.books import Books, Evidence

REACHED_SHARE_MIN = 0.60
FILLED_SHARE_MIN = 0.30
EXITS_SHARE_MIN = 0.10  # of the whale orders
UNKNOWN_P95_S_MAX = 10.0
UNKNOWN_S_MAX = 60.0
_ANSWERED_EXIT = ("FILLED", "PARTIAL", "UNFILLED", "FAILED_SETTLEMENT", "VENUE_REJECTED")
_FILLED = ("FILLED", "PARTIAL")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run; seconds and milliseconds as named, `None` where there were none."""

    signals: int
    by_state: Mapping[str, int]
    by_reason: Mapping[str, int]
    reached: int
    filled: int
    exits: int
    unknown_s: tuple[float, ...]
    unknown_open: int
    to_post_ms: tuple[float, ...]

    @property
    def reached_share(self) -> float:
        """Return the share of the signals that came to an order at the venue."""
        return self.reached / self.signals if self.signals else 0.0

    @property
    def filled_share(self) -> float:
        """Return the share of the signals that were filled, wholly or in part."""
        return self.filled / self.signals if self.signals else 0.0


def measure(books: Books) -> Figures:
    """Compute the figures from the books."""
    resolved, still_open = unknown_outcomes(books.evidence)
    return Figures(
        signals=len(books.signals),
        by_state=Counter(signal.state for signal in books.signals),
        by_reason=Counter(signal.reason for signal in books.signals if signal.reason),
        reached=_reached(books),
        filled=sum(signal.state in _FILLED for signal in books.signals),
        exits=_exits(books),
        unknown_s=tuple(sorted(resolved)),
        unknown_open=still_open,
        to_post_ms=tuple(sorted(_to_post_ms(books))),
    )


def shortfalls(figures: Figures, books: Books) -> list[str]:
    """Tell which targets a run has missed, apart from the invariants."""
    planned = len(books.planned)
    told = [
        _below("signals that reached the venue", figures.reached_share, REACHED_SHARE_MIN),
        _below("signals filled", figures.filled_share, FILLED_SHARE_MIN),
        _below("exits", figures.exits / planned if planned else 0.0, EXITS_SHARE_MIN),
    ]
    slow = percentile(figures.unknown_s, 0.95)
    if slow is not None and slow > UNKNOWN_P95_S_MAX:
        told.append(f"unknown outcomes took {slow:.1f} s at p95, {UNKNOWN_P95_S_MAX:g} allowed")
    slowest = percentile(figures.unknown_s, 1.0)
    if slowest is not None and slowest > UNKNOWN_S_MAX and not books.halts:
        told.append(f"an unknown outcome took {slowest:.1f} s, and nothing was halted")
    if figures.unknown_open:
        told.append(f"{figures.unknown_open} outcomes are still unknown")
    return [text for text in told if text]


def unknown_outcomes(evidence: Sequence[Evidence]) -> tuple[list[float], int]:
    """Return how long each unknown outcome lasted, in seconds, and how many last still.

    An order's outcome is unknown from the first word that says so to the next that says more. What
    the venue has spoken of before is unknown no more, however its POST ended.
    """
    since: dict[str, datetime] = {}
    spoken_of: set[str] = set()
    lasted: list[float] = []
    for each in sorted(evidence, key=lambda one: one.at):
        if each.kind in ("order", "trade"):
            spoken_of.add(each.order_id)
        if _is_unknown(each):
            if each.order_id not in spoken_of:
                since.setdefault(each.order_id, each.at)
        elif each.order_id in since and not each.text.startswith("NOT_NOW"):
            lasted.append((each.at - since.pop(each.order_id)).total_seconds())
    return lasted, len(since)


def percentile(ordered: Sequence[float], rank: float) -> float | None:
    """Return the nearest-rank percentile of sorted numbers."""
    return ordered[min(len(ordered) - 1, int(rank * len(ordered)))] if ordered else None


def _is_unknown(evidence: Evidence) -> bool:
    words = evidence.text.split()
    if evidence.kind == "submit":
        return words[:1] in (["UNKNOWN"], ["KNOWN_TO_VENUE"])
    return evidence.kind == "ruling" and words[:1] == ["UNKNOWN"]


def _reached(books: Books) -> int:
    """Count entries with an order at the venue, and whales' exits that an exit of ours answered."""
    booked = {order.order_id for order in books.venue_orders}
    entered = {order.signal_id for order in books.orders if order.order_id in booked}
    return sum(
        signal.signal_id in entered if signal.side == "BUY" else signal.state in _ANSWERED_EXIT
        for signal in books.signals
    )


def _exits(books: Books) -> int:
    """Count the exits that sold something at the venue."""
    sold = {fill.order_id for fill in books.venue_fills if fill.side == "SELL"}
    exits = defaultdict(set)
    for order in books.orders:
        if order.order_id in sold:
            exits[order.position_id].add(order.exit_epoch)
    return sum(len(epochs) for epochs in exits.values())


def _to_post_ms(books: Books) -> Iterator[float]:
    committed = {signal.signal_id: signal.committed_at for signal in books.signals}
    received = {order.order_id: order.received_at for order in books.venue_orders}
    for order in books.orders:
        is_first = order.is_entry and order.attempt == 1
        if is_first and order.order_id in received and order.signal_id is not None:
            took = received[order.order_id] - committed[order.signal_id]
            yield took.total_seconds() * 1000


def _below(what: str, share: float, least: float) -> str:
    return f"{what}: {share:.0%}, expected {least:.0%}" if share < least else ""
