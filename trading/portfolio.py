"""What the whole portfolio earned: per position, whale, market and day, and how high it stood."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

from trading.positions import PositionFill, fold_position
from trading.types import ONE, ZERO, ConditionId, PositionId, Price, Shares, Usd, Wallet

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class PositionPnl:
    """What one position earned and is worth; it counts what the chain has confirmed.

    `cost` is that of the shares held, without fees, exact. `realised` is what sales and payouts
    earned over average cost, less all fees.
    """

    position_id: PositionId
    whale: Wallet
    condition_id: ConditionId
    size: Shares
    cost: Usd
    fees: Usd
    realised: Usd
    mark: Price | None = None  # the payout once there is one; None before the first mark

    @property
    def worth(self) -> Usd:
        """Return size x mark; what it cost, before the first mark."""
        return self.cost if self.mark is None else Usd(self.size * self.mark)

    @property
    def unrealised(self) -> Usd:
        """Return size x (mark - entry), for every token alike; nothing before the first mark."""
        return Usd(self.worth - self.cost)


@dataclass(frozen=True, slots=True)
class Pnl:
    """What some positions earned together; `positions` is how many, `held` those with shares."""

    positions: int = 0
    held: int = 0
    cost: Usd = Usd(ZERO)
    worth: Usd = Usd(ZERO)
    fees: Usd = Usd(ZERO)
    realised: Usd = Usd(ZERO)

    @property
    def unrealised(self) -> Usd:
        """Return what would be realised at the marks, fees of selling not counted."""
        return Usd(self.worth - self.cost)

    @property
    def total(self) -> Usd:
        """Return realised and unrealised together."""
        return Usd(self.realised + self.unrealised)


def equity_of(cash: Decimal, bid_value: Decimal) -> Usd:
    """Return what a portfolio is worth: cash plus what is held at the marks."""
    return Usd(cash + bid_value)


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Our money at one time; `deposits` is net of what was taken out."""

    at: datetime
    cash: Usd
    bid_value: Usd
    deposits: Usd

    @property
    def equity(self) -> Usd:
        """Return cash plus what is held at the marks."""
        return equity_of(self.cash, self.bid_value)

    @property
    def pnl(self) -> Usd:
        """Return equity less deposits."""
        return Usd(self.equity - self.deposits)


@dataclass(frozen=True, slots=True)
class CurveFigures:
    """What a curve shows. Drawdowns are shares of the peak, in [0, 1], `worst` the deepest.

    `gain` is P&L at the end as a share of the deposits, None when there are none.
    """

    gain: Decimal | None
    drawdown: Decimal
    drawdown_worst: Decimal
    equity_low: Usd
    equity_high: Usd


def add_up(positions: Iterable[PositionPnl]) -> Pnl:
    """Add positions up."""
    found = Pnl()
    for each in positions:
        found = _with(found, each)
    return found


def pnl_by(
    positions: Iterable[PositionPnl], key: Callable[[PositionPnl], Key]
) -> Mapping[Key, Pnl]:
    """Add positions up by a key of theirs, such as their whale or their market."""
    groups: dict[Key, Pnl] = {}
    for each in positions:
        groups[key(each)] = _with(groups.get(key(each), Pnl()), each)
    return groups


def identity_gap(pnl: Pnl, cash: Usd, deposits: Usd) -> Usd:
    """Return realised + unrealised - (cash + worth - deposits): zero, or something is not booked.

    Source: every purchase moves cost into what is held, every sale moves it out again and the
    rest of its proceeds into what is realised, so both sides change alike.
    """
    return Usd(pnl.total - (cash + pnl.worth - deposits))


def realised_by_day(settled: Sequence[tuple[PositionFill, datetime]]) -> Mapping[date, Usd]:
    """Split a position's realised P&L by the UTC date of confirmation.

    Folds up to each day's end: what a day adds is its P&L, and the days add up to all of it.
    """
    days = sorted({_day(at) for _, at in settled})
    totals = [
        fold_position(fill for fill, at in settled if _day(at) <= day).settled.realised_pnl
        for day in days
    ]
    before = [Usd(ZERO), *totals]
    return {
        day: Usd(total - before[n]) for n, (day, total) in enumerate(zip(days, totals, strict=True))
    }


def drawdown_of(pnl: Usd, peak: Usd, deposits: Usd) -> Decimal:
    """Return the fall from the peak of P&L as a share of what there was then, in [0, 1].

    Deposits move peak and present alike: they are no gain, and taking them out is no loss.
    """
    height = deposits + peak
    return min(max((peak - pnl) / height, ZERO), ONE) if height > 0 else ZERO


def measure_curve(points: Sequence[EquityPoint]) -> CurveFigures | None:
    """Measure a curve, oldest point first; None when it has no point."""
    if not points:
        return None
    peak, worst, now = Usd(ZERO), ZERO, ZERO
    for point in points:
        peak = max(peak, point.pnl)
        now = drawdown_of(point.pnl, peak, point.deposits)
        worst = max(worst, now)
    last = points[-1]
    return CurveFigures(
        gain=last.pnl / last.deposits if last.deposits > 0 else None,
        drawdown=now,
        drawdown_worst=worst,
        equity_low=min(point.equity for point in points),
        equity_high=max(point.equity for point in points),
    )


def _with(pnl: Pnl, more: PositionPnl) -> Pnl:
    return Pnl(
        positions=pnl.positions + 1,
        held=pnl.held + (more.size > 0),
        cost=Usd(pnl.cost + more.cost),
        worth=Usd(pnl.worth + more.worth),
        fees=Usd(pnl.fees + more.fees),
        realised=Usd(pnl.realised + more.realised),
    )


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
