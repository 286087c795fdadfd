"""How far luck alone reaches: intervals, a test that luck cannot fool, many whales at once.

Floats live here and nowhere else in the room: they are statistics of results, never money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from math import exp, inf, log, log1p, prod
from random import Random

UNITS_MIN = 5
"""Independent units below which no interval is told."""
ALPHA = 0.05
_CONFIDENCE = 0.95
_STAKES = tuple(step / 20 for step in range(1, 20))  # shares of a purse, 5 % to 95 %
_FEW = 20  # factors multiplied before a logarithm is taken: fast, and they cannot overflow


@dataclass(frozen=True, slots=True)
class Unit:
    """All copies of one market, or of one day: what they cost and made; pnl >= -cost."""

    cost: Decimal
    pnl: Decimal

    @property
    def result(self) -> float:
        """Return pnl / cost, -1 at worst."""
        return max(float(self.pnl / self.cost), -1.0)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where 95 % of the resampled totals lie, in USD."""

    low: float
    high: float


def interval(units: Sequence[Unit], resamples: int, seed: str) -> Interval | None:
    """Return the 95 % interval of the summed P&L; None for too few units.

    The stationary bootstrap: blocks of units in time order, of geometric length with mean n^(1/3),
    so that what follows on itself stays together. Source: Politis and Romano (1994).
    """
    count = len(units)
    if count < UNITS_MIN:
        return None
    chance = Random(seed)  # noqa: S311 - statistics, not a secret
    sums = [0.0, *accumulate(float(unit.pnl) for unit in units)]
    ends = 1 / max(count ** (1 / 3), 1.0)
    totals = sorted(_resampled(sums, ends, chance) for _ in range(resamples))
    tail = (1 - _CONFIDENCE) / 2
    return Interval(
        totals[int(tail * (resamples - 1))], totals[int((1 - tail) * (resamples - 1) + 0.5)]
    )


def luck_probability(units: Sequence[Unit]) -> float:
    """Return p: how probable so good a record is at most without any edge after costs.

    A purse bets a fixed share of itself on every unit in turn, won or lost as the unit was. Without
    an edge no such purse is expected to grow, so it multiplies by W with probability 1/W at most;
    p is 1 over the average purse of 19 shares. This holds for any few results and any skew: twenty
    small wins at a price of 0.90 prove nothing. Source: Ville (1939); Waudby-Smith, Ramdas (2024).
    """
    if not units:
        return 1.0
    results = [unit.result for unit in units]
    purses = [_log_purse(stake, results) for stake in _STAKES]
    best = max(purses)
    log_average = best + log(sum(exp(purse - best) for purse in purses) / len(purses))
    return min(1.0, exp(-log_average))


def adjusted(probabilities: Sequence[float], tested: int) -> list[float]:
    """Return each p corrected for having looked at many: Benjamini and Hochberg's step-up.

    `tested` counts those without a p too. As each p is 1 over an expected purse of 1, the rule
    holds however the whales depend on each other, and where nobody has skill it calls anyone
    skilful in 5 % of cases at most. Source: Wang and Ramdas (2022), the e-BH procedure.
    """
    assert tested >= len(probabilities), f"expected {tested} or fewer: {len(probabilities)}"
    order = sorted(range(len(probabilities)), key=lambda i: probabilities[i], reverse=True)
    found = [1.0] * len(probabilities)
    lowest = inf
    for rank, index in zip(range(len(order), 0, -1), order, strict=True):
        lowest = min(lowest, probabilities[index] * tested / rank)
        found[index] = max(probabilities[index], min(lowest, 1.0))  # rounding strengthens nothing
    return found


def _log_purse(stake: float, results: Sequence[float]) -> float:
    parts = (results[i : i + _FEW] for i in range(0, len(results), _FEW))
    return sum(log(prod(1 + stake * result for result in part)) for part in parts)


def _resampled(sums: Sequence[float], ends: float, chance: Random) -> float:
    count = len(sums) - 1
    left, total = count, 0.0
    while left:
        start = chance.randrange(count)
        length = min(left, _block(ends, chance))
        total += _around(sums, start, length)
        left -= length
    return total


def _block(ends: float, chance: Random) -> int:
    if ends >= 1:
        return 1
    return 1 + int(log1p(-chance.random()) / log1p(-ends))


def _around(sums: Sequence[float], start: int, length: int) -> float:
    """Return the sum of units from `start` on, going on at the first after the last."""
    count = len(sums) - 1
    end = start + length
    if end <= count:
        return sums[end] - sums[start]
    return sums[count] - sums[start] + sums[end - count]
