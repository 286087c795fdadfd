"""Deadlines and circuit breakers: what stops, pauses or halves entries. Exits are never stopped."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from trading.rules import OrderRules, RiskRules
from trading.types import ONE, ZERO, Usd

_HALF = Decimal("0.5")


def entry_deadline(traded_at: datetime, committed_at: datetime, rules: OrderRules) -> datetime:
    """Return when an entry's first POST must have left: commit + 5 s, or the fill + 10 s before."""
    return min(committed_at + rules.entry_expires_after, traded_at + rules.traded_expires_after)


@dataclass(frozen=True, slots=True)
class Result:
    """The realised P&L of one closing; `at` is when the chain confirmed it."""

    pnl: Usd
    at: datetime


@dataclass(frozen=True, slots=True)
class Breakers:
    """The breakers' memory. `day` is a UTC date, `day_pnl` what was realised on it.

    `losses_in_row` starts anew when a pause begins, so that a pause is never made longer by what
    tripped it. `daily_loss_cleared` is a person's word for that day only.
    """

    day: date | None = None
    day_pnl: Usd = Usd(ZERO)
    losses_in_row: int = 0
    paused_until: datetime | None = None
    daily_loss_cleared: bool = False


@dataclass(frozen=True, slots=True)
class Restriction:
    """What the breakers demand now: no entries (and why), or sizes times `size_factor`."""

    entries_halted: bool
    reason: str
    size_factor: Decimal


def book_result(breakers: Breakers, result: Result, rules: RiskRules) -> Breakers:
    """Count a closing on the UTC day of its confirmation, and in the row of losses.

    One that belongs to an earlier day than the newest counts in the row only. A closing without
    a loss ends the row.
    """
    day = result.at.astimezone(UTC).date()
    if breakers.day is None or day > breakers.day:
        breakers = replace(breakers, day=day, day_pnl=Usd(ZERO), daily_loss_cleared=False)
    if day == breakers.day:
        breakers = replace(breakers, day_pnl=Usd(breakers.day_pnl + result.pnl))
    losses = breakers.losses_in_row + 1 if result.pnl < 0 else 0
    if losses < rules.losses_in_row_max:
        return replace(breakers, losses_in_row=losses)
    return replace(breakers, losses_in_row=0, paused_until=result.at + rules.pause)


def clear_daily_loss(breakers: Breakers) -> Breakers:
    """Lift the halt of the day's loss for the rest of that day."""
    return replace(breakers, daily_loss_cleared=True)


def clear_pause(breakers: Breakers) -> Breakers:
    """End a pause now."""
    return replace(breakers, paused_until=None)


def restriction(
    breakers: Breakers, drawdown: Decimal, now: datetime, rules: RiskRules
) -> Restriction:
    """Return what holds now. The halt of a day's loss ends with that UTC day, nothing else does."""
    factor = _HALF if drawdown > rules.drawdown_halve else ONE
    if breakers.paused_until is not None and now < breakers.paused_until:
        reason = f"paused until {breakers.paused_until.isoformat()} after losses in a row"
        return Restriction(entries_halted=True, reason=reason, size_factor=factor)
    loss = -breakers.day_pnl if breakers.day == now.astimezone(UTC).date() else ZERO
    if loss > rules.daily_loss_max and not breakers.daily_loss_cleared:
        reason = f"daily loss {loss} above {rules.daily_loss_max}"
        return Restriction(entries_halted=True, reason=reason, size_factor=factor)
    return Restriction(entries_halted=False, reason="", size_factor=factor)


def pnl_by_day(results: Iterable[Result]) -> dict[date, Usd]:
    """Return the realised P&L of each UTC day of confirmation."""
    days: dict[date, Usd] = {}
    for result in results:
        day = result.at.astimezone(UTC).date()
        days[day] = Usd(days.get(day, ZERO) + result.pnl)
    return days
