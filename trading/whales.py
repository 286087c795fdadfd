"""How good a whale is: its quality score, its shrunk win rate, and how sure one can be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from trading.moments import (
    deviation,
    drawdown_of,
    mean,
    mean_error,
    reward_to_risk,
    squash,
)
from trading.types import ONE, ZERO, Price, Significance, Usd

EWMA_LAMBDA = Decimal("0.94")
"""Weight of the past in the volatility's moving average."""
PRIOR_STRENGTH = Decimal(20)
"""Trades that the prior win rate of one half is worth."""
HALF_LIFE = timedelta(days=60)
"""Age at which a closed trade counts half in the win rate."""
TRADES_FULL = 50
"""Closed trades below which the score is cut for a small sample."""
HHI_MAX = Decimal(1800)
"""Concentration of cost over categories (0 to 10,000) above which the score is cut."""
EVIDENCE_TRADES_MIN = 10
"""Closed trades below which nothing is evidence."""
EVIDENCE_Z = Decimal("1.645")
"""One-sided 95 %."""

_YEAR_DAYS = Decimal(365)
_HALF = Decimal("0.5")
_ROLLING = timedelta(days=30)
_HISTORY_DAYS_MIN = Decimal(30)
_FOLDS = 10
_MINUTE = timedelta(minutes=1)
_HALF_LIFE_MIN = HALF_LIFE // _MINUTE
_DECAYS = tuple(
    _HALF ** (Decimal(1 << bit) / _HALF_LIFE_MIN) for bit in range(_HALF_LIFE_MIN.bit_length())
)
"""What 1, 2, 4, ... minutes leave of a weight: any age is a product of these."""


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One finished trade of a whale. `pnl` is signed, after fees; `cost` is what went in."""

    closed_at: datetime
    cost: Usd
    pnl: Usd
    category: str

    @property
    def result(self) -> Decimal:
        """Return pnl / cost."""
        return self.pnl / self.cost


@dataclass(frozen=True, slots=True)
class QualityParts:
    """The score's parts in points; the comments give their caps, which none of them reaches."""

    sharpe: Decimal  # 30
    information: Decimal  # 25
    calmar: Decimal  # 20
    consistency: Decimal  # 15
    volume: Decimal  # 10
    sample_factor: Decimal
    concentration_factor: Decimal

    @property
    def score(self) -> Decimal:
        """Return the quality score in [0, 1)."""
        points = self.sharpe + self.information + self.calmar + self.consistency + self.volume
        return max(points * self.sample_factor * self.concentration_factor / 100, ZERO)


@dataclass(frozen=True, slots=True)
class WhaleScore:
    """A whale's score with its uncertainty. `has_evidence` False reads: no evidence of skill.

    `score_error` is the jackknife standard error of the score. `return_low` is the lower one-sided
    95 % bound of the mean return of a trade; skill has evidence when it is above 0.
    """

    quality_score: Decimal
    score_error: Decimal
    win_rate: Decimal  # shrunk
    mean_return: Decimal
    return_error: Decimal
    return_low: Decimal
    has_evidence: bool
    closed_trades: int
    volume: Usd
    parts: QualityParts


def score_whale(trades: Sequence[ClosedTrade], now: datetime) -> WhaleScore:
    """Score a whale by its closed trades; without any it scores 0 and wins half the time."""
    usable = sorted((t for t in trades if t.cost > 0), key=lambda t: t.closed_at)
    parts = quality_parts(usable)
    results = [trade.result for trade in usable]
    average, error = mean(results), mean_error(results)
    low = average - EVIDENCE_Z * error
    return WhaleScore(
        quality_score=parts.score,
        score_error=_score_error(usable),
        win_rate=shrunk_win_rate(usable, now),
        mean_return=average,
        return_error=error,
        return_low=low,
        has_evidence=len(usable) >= EVIDENCE_TRADES_MIN and low > 0,
        closed_trades=len(usable),
        volume=_volume(usable),
        parts=parts,
    )


def quality_parts(trades: Sequence[ClosedTrade]) -> QualityParts:
    """Return the score's parts for trades in the order of their closing.

    Sharpe 12 x SR (cap 30), information ratio 20 x IR (25), Calmar 6.67 x C (20), consistency
    15 x max(0, 1 - std(rolling 30-day Sharpe) / 0.75), volume 2.5 x log10(volume / 10,000) (10).
    The published formula cuts each part off at its cap, which made most good whales equal; here a
    part bends towards its cap and never reaches it (`squash`), so that better is always more.
    Fewer than 50 trades: x (0.5 + n / 100). Concentration above 1,800: x 0.9.
    """
    days = _daily_results(trades)
    return QualityParts(
        sharpe=squash(12 * _annual_sharpe(days), Decimal(30)),
        information=squash(20 * reward_to_risk([t.result for t in trades]), Decimal(25)),
        calmar=squash(Decimal("6.67") * _calmar(trades), Decimal(20)),
        consistency=15 * _consistency(days),
        volume=squash(_volume_points(trades), Decimal(10)),
        sample_factor=min(_HALF + Decimal(len(trades)) / (2 * TRADES_FULL), ONE),
        concentration_factor=Decimal("0.9") if concentration(trades) > HHI_MAX else ONE,
    )


def shrunk_win_rate(trades: Sequence[ClosedTrade], now: datetime) -> Decimal:
    """Return the share of winning trades, each halved in weight per 60 days, drawn towards 1/2.

    A Beta prior worth 20 trades; a trade that broke even did not win.
    """
    wins = total = ZERO
    for trade in trades:
        weight = _weight(now - trade.closed_at)
        total += weight
        wins += weight if trade.pnl > 0 else ZERO
    return (wins + PRIOR_STRENGTH * _HALF) / (total + PRIOR_STRENGTH)


def concentration(trades: Sequence[ClosedTrade]) -> Decimal:
    """Return the Herfindahl index of cost over categories, 0 (no trades) to 10,000 (one only)."""
    total = _volume(trades)
    costs: dict[str, Decimal] = {}
    for trade in trades:
        costs[trade.category] = costs.get(trade.category, ZERO) + trade.cost
    return sum(((100 * cost / total) ** 2 for cost in costs.values()), ZERO)


def significance(quality_score: Decimal, notional: Usd) -> Significance:
    """Return how much a whale order says: shown, and the workflow's priority, nothing else."""
    if quality_score > Decimal("0.8") and notional > 10_000:
        return Significance.HIGH
    if quality_score < _HALF or notional < 1_000:
        return Significance.LOW
    return Significance.MEDIUM


def ewma_volatility(prices: Sequence[Price]) -> Decimal:
    """Return the volatility of a price's returns, oldest first: EWMA with lambda 0.94.

    Per step of the series, as a share; 0 for fewer than two usable prices.
    """
    usable = [price for price in prices if price > 0]
    returns = [usable[i] / usable[i - 1] - ONE for i in range(1, len(usable))]
    if not returns:
        return ZERO
    variance = returns[0] ** 2
    for result in returns[1:]:
        variance = EWMA_LAMBDA * variance + (ONE - EWMA_LAMBDA) * result**2
    return variance.sqrt()


def _weight(age: timedelta) -> Decimal:
    halvings, left = divmod(max(age // _MINUTE, 0), _HALF_LIFE_MIN)
    weight = _HALF**halvings
    for decay in _DECAYS:
        if left & 1:
            weight *= decay
        left >>= 1
    return weight


def _volume(trades: Iterable[ClosedTrade]) -> Usd:
    return Usd(sum((trade.cost for trade in trades), ZERO))


def _volume_points(trades: Sequence[ClosedTrade]) -> Decimal:
    volume = _volume(trades)
    return Decimal("2.5") * (volume / 10_000).log10() if volume > 0 else ZERO


def _daily_results(trades: Iterable[ClosedTrade]) -> dict[date, Decimal]:
    """Return pnl / cost of all trades closed on a UTC day, for the days that had any."""
    sums: dict[date, tuple[Decimal, Decimal]] = {}
    for trade in trades:
        day = trade.closed_at.astimezone(UTC).date()
        pnl, cost = sums.get(day, (ZERO, ZERO))
        sums[day] = (pnl + trade.pnl, cost + trade.cost)
    return {day: pnl / cost for day, (pnl, cost) in sums.items()}


def _annual_sharpe(days: dict[date, Decimal]) -> Decimal:
    """Annualise by the whale's own trading days; a history counts as 30 days long at least."""
    if not days:
        return ZERO
    span = max(Decimal((max(days) - min(days)).days + 1), _HISTORY_DAYS_MIN)
    per_year = len(days) / span * _YEAR_DAYS
    return reward_to_risk(list(days.values())) * per_year.sqrt()


def _calmar(trades: Sequence[ClosedTrade]) -> Decimal:
    """Return a year's P&L over the deepest drawdown, which counts as one average trade at least."""
    if not trades:
        return ZERO
    span = _in_days(trades[-1].closed_at - trades[0].closed_at)
    years = max(span, _HISTORY_DAYS_MIN) / _YEAR_DAYS
    changes = [trade.pnl for trade in trades]
    deepest = max(drawdown_of(changes), _volume(trades) / len(trades))
    return sum(changes, ZERO) / years / deepest


def _consistency(days: dict[date, Decimal]) -> Decimal:
    """Return 1 for the steadiest rolling 30-day Sharpe (per day), 0 for a wild or short one."""
    first = min(days, default=None)
    windows = [
        reward_to_risk([days[d] for d in days if last - _ROLLING < d <= last])
        for last in days
        if first is not None and last - first >= _ROLLING
    ]
    if len(windows) < 2:
        return ZERO
    return max(ZERO, ONE - deviation(windows) / Decimal("0.75"))


def _score_error(trades: Sequence[ClosedTrade]) -> Decimal:
    """Return the jackknife error of the score: how it moves when a tenth of the trades is left out.

    0 for fewer than two trades, of which nothing can be said.
    """
    folds = min(_FOLDS, len(trades))
    if folds < 2:
        return ZERO
    scores = [
        quality_parts([t for i, t in enumerate(trades) if i % folds != fold]).score
        for fold in range(folds)
    ]
    centre = mean(scores)
    total = sum(((score - centre) ** 2 for score in scores), ZERO)
    return (total * (folds - 1) / folds).sqrt()


def _in_days(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(milliseconds=1)) / 86_400_000
