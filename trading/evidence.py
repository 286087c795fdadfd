"""Whether scores say anything of what comes after them: their rank correlation, out of sample."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.moments import mean
from trading.types import ONE, ZERO
from trading.whales import ClosedTrade, quality_parts

HISTORY_MIN = 20
"""Closed trades of a wallet whose first half is held against its second."""
WALLETS_MIN = 5
"""Wallets below which no correlation is told."""

_Z = Decimal("1.96")
_FIELLER = Decimal("1.06")
_KEPT = Decimal("0.00000001")
_NEARLY_ONE = Decimal("0.999999")


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rho with its 95 % interval, over `wallets`."""

    rho: Decimal
    low: Decimal
    high: Decimal
    wallets: int

    @property
    def is_evidence(self) -> bool:
        """Tell whether better scores went with better results later; False reads: no evidence."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Halves:
    """A wallet's score by the earlier half of its trades, and the later half's mean result."""

    score: Decimal
    later: Decimal


def halve(trades: Iterable[ClosedTrade]) -> Halves | None:
    """Score the earlier half of a history and take the later one's result; None below 20 trades."""
    usable = sorted((t for t in trades if t.cost > 0), key=lambda t: t.closed_at)
    if len(usable) < HISTORY_MIN:
        return None
    half = len(usable) // 2
    score = quality_parts(usable[:half]).score
    later = mean([trade.result for trade in usable[half:]])
    return Halves(score.quantize(_KEPT), later.quantize(_KEPT))


def out_of_sample(halves: Sequence[Halves]) -> RankCorrelation | None:
    """Hold wallets' scores against what came after them; None for fewer than 5 wallets."""
    return rank_correlation([h.score for h in halves], [h.later for h in halves])


def rank_correlation(first: Sequence[Decimal], second: Sequence[Decimal]) -> RankCorrelation | None:
    """Return Spearman's rho; None for fewer than 5 pairs. Equal values share their mean rank.

    The interval is Fisher's with Fieller's variance 1.06 / (n - 3). Source: Fieller et al. (1957).
    """
    assert len(first) == len(second), f"expected pairs, received {len(first)} and {len(second)}"
    if len(first) < WALLETS_MIN:
        return None
    rho = _pearson(_ranks(first), _ranks(second))
    bent = _atanh(max(min(rho, _NEARLY_ONE), -_NEARLY_ONE))
    reach = _Z * (_FIELLER / (len(first) - 3)).sqrt()
    return RankCorrelation(rho, _tanh(bent - reach), _tanh(bent + reach), len(first))


def _ranks(values: Sequence[Decimal]) -> list[Decimal]:
    order = sorted(range(len(values)), key=lambda place: values[place])
    ranks = [ZERO] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = Decimal(start + end + 1) / 2
        start = end
    return ranks


def _pearson(first: Sequence[Decimal], second: Sequence[Decimal]) -> Decimal:
    """Return the correlation of two series; 0 when one of them never changes."""
    centre, other = mean(first), mean(second)
    shared = sum(((x - centre) * (y - other) for x, y in zip(first, second, strict=True)), ZERO)
    spread = sum(((x - centre) ** 2 for x in first), ZERO)
    spread *= sum(((y - other) ** 2 for y in second), ZERO)
    return shared / spread.sqrt() if spread > 0 else ZERO


def _atanh(x: Decimal) -> Decimal:
    return ((ONE + x) / (ONE - x)).ln() / 2


def _tanh(x: Decimal) -> Decimal:
    grown = (2 * x).exp()
    return (grown - ONE) / (grown + ONE)
