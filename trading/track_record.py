"""A wallet's whole record in figures: the one way in which anybody here is scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.edge import Baseline, baseline_of
from trading.evidence import Halves, halve
from trading.moments import drawdown_of
from trading.types import ZERO
from trading.whales import ClosedTrade, WhaleScore, score_whale


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """A score with the plain figures beside it; None where nothing went in or was lost.

    `max_drawdown` is the deepest fall of the summed P&L from its peak, as a share of all put in.
    `baseline` and `halves` need 20 trades: by the one its edge is watched from here on, the other
    is its part in telling whether scores say anything.
    """

    score: WhaleScore
    roi: Decimal | None
    max_drawdown: Decimal | None
    profit_factor: Decimal | None
    total_trades: int
    baseline: Baseline | None = None
    halves: Halves | None = None


def study(trades: Sequence[ClosedTrade], now: datetime) -> TrackRecord:
    """Score a wallet by its closed trades, oldest first."""
    score = score_whale(trades, now)
    gains = sum((t.pnl for t in trades if t.pnl > 0), ZERO)
    losses = -sum((t.pnl for t in trades if t.pnl < 0), ZERO)
    volume = score.volume
    return TrackRecord(
        score=score,
        roi=(gains - losses) / volume if volume > 0 else None,
        max_drawdown=drawdown_of([t.pnl for t in trades]) / volume if volume > 0 else None,
        profit_factor=gains / losses if losses > 0 else None,
        total_trades=len(trades),
        baseline=baseline_of([t.result for t in trades if t.cost > 0]),
        halves=halve(trades),
    )


def results_since(trades: Sequence[ClosedTrade], since: datetime) -> Sequence[Decimal]:
    """Return the results of what closed after a time, oldest first."""
    later = sorted((t for t in trades if t.cost > 0 and t.closed_at > since), key=_closed_at)
    return [trade.result for trade in later]


def _closed_at(trade: ClosedTrade) -> datetime:
    return trade.closed_at
