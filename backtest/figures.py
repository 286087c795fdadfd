"""What a look back amounts to: money, days, whales, and whether any of it is more than luck."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from decimal import Decimal

from backtest.chance import ALPHA, Interval, Unit, adjusted, interval, luck_probability
from backtest.plan import Plan
from backtest.records import EquityPoint, Outcome
from backtest.replay import Replayed
from trading.types import ZERO, ConditionId, Side, Usd, Wallet

DAYS_MIN = 20
"""Days with trades from which days, else markets, are what luck is reckoned by."""


@dataclass(frozen=True, slots=True)
class Luck:
    """What chance makes of a P&L. `probability` is corrected for the number of whales looked at."""

    units: int
    interval: Interval | None
    probability: float
    probability_alone: float

    @property
    def has_evidence(self) -> bool:
        """Tell whether there is evidence of an edge after costs."""
        return self.probability <= ALPHA

    @property
    def words(self) -> str:
        """Return the plain words."""
        if not self.units:
            return "no evidence: nothing copied"
        return "evidence of an edge after costs" if self.has_evidence else "no evidence"


@dataclass(frozen=True, slots=True)
class Money:
    """Summed over positions. `cost` includes fees of buying, `marked` is what is still held."""

    positions: int
    wins: int
    cost: Usd
    turnover: Usd
    fees: Usd
    realised: Usd
    marked: Usd

    @property
    def pnl(self) -> Usd:
        """Return realised plus marked P&L."""
        return Usd(self.realised + self.marked)

    @property
    def hit_rate(self) -> Decimal | None:
        """Return the share of positions that made money."""
        return Decimal(self.wins) / self.positions if self.positions else None

    @property
    def result(self) -> Decimal | None:
        """Return P&L / cost."""
        return self.pnl / self.cost if self.cost else None


@dataclass(frozen=True, slots=True)
class WhaleFigures:
    """One whale: what copying it made, and what it made itself by its own fills."""

    wallet: Wallet
    name: str
    signals: int
    copied: int
    money: Money
    luck: Luck
    quality_score: Decimal
    closed_trades: int
    own_pnl: Usd


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day; `change` is that of equity, marks included."""

    day: date
    realised: Usd
    change: Usd


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything a report says. `drawdown` is the deepest fall of equity from its peak."""

    replayed: Replayed
    plan: Plan
    money: Money
    luck: Luck
    unit: str
    whales: tuple[WhaleFigures, ...]
    tested: int
    days: tuple[Day, ...]
    drawdown: Usd
    drawdown_share: Decimal
    refusals: Mapping[str, int]


def figure(replayed: Replayed, plan: Plan) -> Figures:
    """Sum a look back up."""
    is_daily = len({o.opened_at.astimezone(UTC).date() for o in replayed.outcomes}) >= DAYS_MIN
    whales = _whales(replayed, plan, is_daily=is_daily)
    tested = max(plan.looked_at or len(replayed.names), len(whales), 1)
    corrected = adjusted([w.luck.probability_alone for w in whales], tested)
    judged = [_judged(w, p) for w, p in zip(whales, corrected, strict=True)]
    drawdown, share = _drawdown(plan.bankroll, replayed.equity)
    return Figures(
        replayed=replayed,
        plan=plan,
        money=_money(replayed.outcomes),
        luck=_luck(units_of(replayed.outcomes, is_daily=is_daily), plan, "all"),
        unit="day" if is_daily else "market",
        whales=tuple(sorted(judged, key=lambda w: (-w.money.pnl, w.wallet))),
        tested=tested,
        days=tuple(_days(plan.bankroll, replayed.equity)),
        drawdown=drawdown,
        drawdown_share=share,
        refusals=dict(Counter(v.outcome for v in replayed.verdicts).most_common()),
    )


def units_of(outcomes: Iterable[Outcome], *, is_daily: bool) -> list[Unit]:
    """Return what luck is reckoned by, in the order of the first copies.

    All copies of a market are one unit; by day, all markets first copied on a UTC day.
    """
    markets: dict[ConditionId, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda o: o.opened_at):
        if outcome.cost > 0:
            markets.setdefault(outcome.market.condition_id, []).append(outcome)
    groups: dict[date | ConditionId, list[Outcome]] = {}
    for condition_id, found in markets.items():
        key = found[0].opened_at.astimezone(UTC).date() if is_daily else condition_id
        groups.setdefault(key, []).extend(found)
    return [
        Unit(sum((o.cost for o in found), ZERO), sum((o.pnl for o in found), ZERO))
        for found in groups.values()
    ]


def _whales(replayed: Replayed, plan: Plan, *, is_daily: bool) -> list[WhaleFigures]:
    signals = Counter(v.whale for v in replayed.verdicts)
    copied = Counter(v.whale for v in replayed.verdicts if v.is_copied and v.side is Side.BUY)
    outcomes: dict[Wallet, list[Outcome]] = {}
    for outcome in replayed.outcomes:
        outcomes.setdefault(outcome.whale, []).append(outcome)
    return [
        WhaleFigures(
            wallet=wallet,
            name=name,
            signals=signals[wallet],
            copied=copied[wallet],
            money=_money(outcomes.get(wallet, ())),
            luck=_luck(units_of(outcomes.get(wallet, ()), is_daily=is_daily), plan, wallet),
            quality_score=replayed.scores[wallet].quality_score,
            closed_trades=replayed.scores[wallet].closed_trades,
            own_pnl=replayed.own_pnl[wallet],
        )
        for wallet, name in replayed.names.items()
        if not plan.whales or wallet in plan.whales
    ]


def _judged(whale: WhaleFigures, probability: float) -> WhaleFigures:
    return replace(whale, luck=replace(whale.luck, probability=probability))


def _luck(units: Sequence[Unit], plan: Plan, name: str) -> Luck:
    alone = luck_probability(units)
    return Luck(len(units), interval(units, plan.resamples, f"{plan.seed} {name}"), alone, alone)


def _money(outcomes: Iterable[Outcome]) -> Money:
    found = list(outcomes)
    return Money(
        positions=len(found),
        wins=sum(o.pnl > 0 for o in found),
        cost=_sum(o.cost for o in found),
        turnover=_sum(o.bought + o.sold for o in found),
        fees=_sum(o.fees for o in found),
        realised=_sum(o.realised for o in found),
        marked=_sum(o.pnl - o.realised for o in found),
    )


def _sum(amounts: Iterable[Decimal]) -> Usd:
    return Usd(sum(amounts, ZERO))


def _drawdown(bankroll: Usd, equity: Sequence[EquityPoint]) -> tuple[Usd, Decimal]:
    """Return the deepest fall from a peak, in USD and as a share of that peak."""
    peak = Decimal(bankroll)
    deepest, share = ZERO, ZERO
    for point in equity:
        peak = max(peak, point.equity)
        if peak - point.equity > deepest:
            deepest = peak - point.equity
        share = max(share, (peak - point.equity) / peak)
    return Usd(deepest), share


def _days(bankroll: Usd, equity: Sequence[EquityPoint]) -> Iterable[Day]:
    lasts: dict[date, EquityPoint] = {}
    for point in equity:
        lasts[point.at.astimezone(UTC).date()] = point
    worth, realised = Decimal(bankroll), ZERO
    for day, last in lasts.items():
        yield Day(day, Usd(last.realised - realised), Usd(last.equity - worth))
        worth, realised = last.equity, last.realised
