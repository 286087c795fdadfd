"""The few statistics a whale's score is made of, in exact decimals."""

from collections.abc import Sequence
from decimal import Decimal

from trading.types import ONE, ZERO

DEVIATION_MIN = Decimal("0.01")
"""No series of returns counts as calmer than this, lest a few equal trades look like genius."""


def mean(series: Sequence[Decimal]) -> Decimal:
    """Return the average; 0 of nothing."""
    return sum(series, ZERO) / len(series) if series else ZERO


def deviation(series: Sequence[Decimal]) -> Decimal:
    """Return the sample standard deviation; 0 of fewer than two."""
    if len(series) < 2:
        return ZERO
    centre = mean(series)
    return (sum(((x - centre) ** 2 for x in series), ZERO) / (len(series) - 1)).sqrt()


def mean_error(series: Sequence[Decimal]) -> Decimal:
    """Return the standard error of the mean; 0 of fewer than two."""
    return deviation(series) / Decimal(len(series)).sqrt() if series else ZERO


def reward_to_risk(series: Sequence[Decimal]) -> Decimal:
    """Return mean / standard deviation, per step of the series; 0 of fewer than two."""
    if len(series) < 2:
        return ZERO
    return mean(series) / max(deviation(series), DEVIATION_MIN)


def drawdown_of(changes: Sequence[Decimal]) -> Decimal:
    """Return the deepest fall of a running sum from its peak, at least 0; it starts at 0."""
    level = peak = deepest = ZERO
    for change in changes:
        level += change
        peak = max(peak, level)
        deepest = max(deepest, peak - level)
    return deepest


def squash(points: Decimal, cap: Decimal) -> Decimal:
    """Bend points towards a cap: strictly increasing, of slope 1 at 0, always within (-cap, cap).

    points / sqrt(1 + (points / cap)^2): 71 % of the cap at the cap, 89 % at twice the cap.
    """
    return points / (ONE + (points / cap) ** 2).sqrt()
