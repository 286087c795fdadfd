"""Whether an edge is gone: a running sum of shortfalls that crosses its bar (CUSUM).

A trade's result is pnl / cost, counted in standard deviations. Source: Page (1954); the bar by
Siegmund's approximation of the average run length (1985).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.moments import DEVIATION_MIN, deviation, mean
from trading.types import ONE, ZERO

EDGE_MIN = Decimal("0.2")
"""Deviations a trade; a whale that is copied is expected to have that much at least."""
EDGE_MAX = ONE
OURS_LOST = Decimal("0.1")
"""Deviations a trade that we lose where our copies are taken to have no edge."""
FALSE_ALARM_EVERY = Decimal(2000)
"""Trades between two false alarms while the edge is there, on average."""
RESULT_MAX = Decimal(4)
"""Deviations a single result counts at most, either way."""
BASELINE_TRADES_MIN = 20
OURS_TRADES_MIN = 20
"""Copies of ours below which their deviation is taken to be the whale's."""

_SURE = Decimal("1.645")  # one-sided 95 %
_OVERSHOOT = Decimal("1.166")
_TWO = Decimal(2)
_STEPS = 12  # each doubles the digits that are right
_EXACT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a whale's results were like when the watch began.

    `edge` is the mean result in deviations, `deviation` that of a result, as a share of its cost.
    """

    edge: Decimal
    deviation: Decimal
    trades: int

    @property
    def expected(self) -> Decimal:
        """Return the edge that is surely there: its lower 95 % bound, within [0.2, 1]."""
        low = self.edge - _SURE / Decimal(max(self.trades, 1)).sqrt()
        return min(max(low, EDGE_MIN), EDGE_MAX)


@dataclass(frozen=True, slots=True)
class EdgeWatch:
    """What a series of results says: its sum of shortfalls, and how high that may get.

    `gone_after` is how many results it took to cross the bar, None while it did not.
    """

    trades: int
    mean_result: Decimal
    level: Decimal
    bar: Decimal
    gone_after: int | None = None


def baseline_of(results: Sequence[Decimal]) -> Baseline | None:
    """Return what the results so far are like; None for fewer than 20."""
    if len(results) < BASELINE_TRADES_MIN:
        return None
    spread = max(deviation(results), DEVIATION_MIN)
    edge = mean([_counted(result, spread) for result in results])
    return Baseline(edge, spread, len(results))


def watch_whale(results: Sequence[Decimal], baseline: Baseline) -> EdgeWatch:
    """Watch a whale's own results: the edge is gone when they average nothing any more."""
    half = baseline.expected / 2
    return _watch(results, baseline.deviation, half, half)


def watch_ours(results: Sequence[Decimal], baseline: Baseline) -> EdgeWatch:
    """Watch what copying the whale made: the edge is gone when the copies lose."""
    own = deviation(results) if len(results) >= OURS_TRADES_MIN else baseline.deviation
    return _watch(results, max(own, DEVIATION_MIN), ZERO, OURS_LOST)


def bar_for(half: Decimal) -> Decimal:
    """Return the bar that a sum crosses once in 2,000 results while the edge is there.

    `half` is half the distance, in deviations, between an edge that is there and one that is gone:
    2 half^2 N = e^x - 1 - x with x = 2 half (bar + 1.166), solved by Newton's steps.
    """
    wanted = _TWO * half**2 * FALSE_ALARM_EVERY
    x = (ONE + wanted).ln() + ONE
    for _ in range(_STEPS):
        grown = x.exp()
        x -= (grown - ONE - x - wanted) / (grown - ONE)
    return (x / (_TWO * half) - _OVERSHOOT).quantize(_EXACT)


def _watch(
    results: Sequence[Decimal], spread: Decimal, reference: Decimal, half: Decimal
) -> EdgeWatch:
    bar, level, gone_after = bar_for(half), ZERO, None
    for number, result in enumerate(results, 1):
        level = max(ZERO, level + reference - _counted(result, spread))
        if level > bar:
            gone_after = number
            break
    return EdgeWatch(len(results), mean(results), level, bar, gone_after)


def _counted(result: Decimal, spread: Decimal) -> Decimal:
    return min(max(result / spread, -RESULT_MAX), RESULT_MAX)
