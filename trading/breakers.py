"""Circuit breakers and the kill switch: what stops, pauses or halves entries. Never an exit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from trading.rules import RiskRules
from trading.types import ONE, ConditionId, TokenId, Usd, Wallet

HALF = Decimal("0.5")
"""What is left of a size, and of a position's cap, while the drawdown is too deep."""
_ONE_DAY = timedelta(days=1)


class Breaker(StrEnum):
    """What trips by itself."""

    DAILY_LOSS = "DAILY_LOSS"
    """The loss realised on one UTC day: no entries until that day is over."""
    DRAWDOWN = "DRAWDOWN"
    """The fall of cash plus bid value net of deposits from its peak: halves sizes."""
    LOSSES_IN_ROW = "LOSSES_IN_ROW"
    """Closings at a loss, one after the other: no entries for an hour."""
    FAILURE_RATE = "FAILURE_RATE"
    """Orders that were refused, lost or reverted: no entries for an hour."""
    MARKET_COOLDOWN = "MARKET_COOLDOWN"
    """A closing at a loss: no entries in its market for a while."""
    WHALE_COOLDOWN = "WHALE_COOLDOWN"
    """A closing at a loss: no entries after its whale for a while."""
    GEOBLOCK = "GEOBLOCK"
    """The venue takes no orders from where we are: no entries until it says otherwise."""
    CLOSED_ONLY = "CLOSED_ONLY"
    """The account may only close positions: no entries until the venue says otherwise."""
    CLOCK = "CLOCK"
    """Our clock and the venue's differ too much: no entries until they agree."""

    @property
    def is_keyed(self) -> bool:
        """Tell whether it trips for one market or one whale alone."""
        return self in (Breaker.MARKET_COOLDOWN, Breaker.WHALE_COOLDOWN)

    @property
    def is_timed(self) -> bool:
        """Tell whether it holds until a time that is set when it trips."""
        return self not in (Breaker.DAILY_LOSS, Breaker.DRAWDOWN)


@dataclass(frozen=True, slots=True)
class Result:
    """The realised P&L of one closing; `at` is when the chain confirmed it."""

    pnl: Usd
    at: datetime
    condition_id: ConditionId
    whale: Wallet


@dataclass(frozen=True, slots=True)
class Losses:
    """Closings at a loss in a row, and the pause that the last full row has set."""

    in_row: int = 0
    paused_at: datetime | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that holds until a time, whoever restarts meanwhile."""

    breaker: Breaker
    key: str
    tripped_at: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word that a breaker does not hold until a time.

    Of a timed breaker it lifts what had tripped by then; a later trip holds all the same.
    """

    breaker: Breaker
    key: str
    at: datetime
    until: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry would be: whose money, which token of which market, after which whale."""

    wallet: Wallet
    token_id: TokenId | None = None
    condition_id: ConditionId | None = None
    whale: Wallet | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the records say now that bears on one subject's entries.

    `pnl_by_day` has today and, so that a clock set back lifts nothing, the days after it.
    """

    kill: str = ""
    halt: str = ""
    pnl_by_day: Mapping[date, Usd] = field(default_factory=dict)
    trips: Sequence[Trip] = ()
    overrides: Sequence[Override] = ()


def entries_halt(standing: Standing, now: datetime, rules: RiskRules) -> str:
    """Return why no entry may leave now, or nothing."""
    if standing.kill or standing.halt:
        return standing.kill or standing.halt
    holding = [trip for trip in standing.trips if holds(trip, standing.overrides, now)]
    if holding:
        return max(holding, key=lambda trip: trip.until).reason
    loss = day_loss(standing, now)
    if loss > rules.daily_loss_max and not _is_lifted(Breaker.DAILY_LOSS, standing, now):
        return f"daily loss {loss} above {rules.daily_loss_max}"
    return ""


def for_all(standing: Standing) -> Standing:
    """Return what bears on every entry: a cooldown holds for its market or whale alone."""
    return replace(standing, trips=[t for t in standing.trips if not t.breaker.is_keyed])


def day_loss(standing: Standing, now: datetime) -> Decimal:
    """Return the loss of the worst UTC day from today on; negative when all earned."""
    today = now.astimezone(UTC).date()
    days = [pnl for day, pnl in standing.pnl_by_day.items() if day >= today]
    return -min(days, default=Usd(Decimal(0)))


def size_factor(drawdown: Decimal, rules: RiskRules, *, is_lifted: bool = False) -> Decimal:
    """Return what sizes are multiplied with; the drawdown is a share of the peak."""
    return HALF if drawdown > rules.drawdown_halve and not is_lifted else ONE


def is_drawdown_lifted(standing: Standing, now: datetime) -> bool:
    """Tell whether a person wants full sizes whatever the drawdown."""
    return _is_lifted(Breaker.DRAWDOWN, standing, now)


def holds(trip: Trip, overrides: Sequence[Override], now: datetime) -> bool:
    """Tell whether a timed breaker stops entries now."""
    lifted = any(
        each.breaker is trip.breaker
        and each.key in ("", trip.key)
        and trip.tripped_at <= each.at
        and now < each.until
        for each in overrides
    )
    return now < trip.until and not lifted


def count_result(losses: Losses, result: Result, rules: RiskRules) -> Losses:
    """Count a closing in the row; a full row pauses entries and starts again.

    A pause begins when it is known, so that what tripped it never makes it longer; a clock that
    was set back never makes it shorter.
    """
    in_row = losses.in_row + 1 if result.pnl < 0 else 0
    if in_row < rules.losses_in_row_max:
        return replace(losses, in_row=in_row)
    until = result.at + rules.pause
    if losses.paused_until is not None:
        until = max(until, losses.paused_until)
    return Losses(0, result.at, until)


def pause_of(losses: Losses) -> Trip | None:
    """Return the pause that a row of losses has set, over or not."""
    if losses.paused_until is None:
        return None
    until = losses.paused_until
    reason = f"paused until {until.isoformat()} after losses in a row"
    assert losses.paused_at is not None, "a pause has begun"
    return Trip(Breaker.LOSSES_IN_ROW, "", losses.paused_at, until, reason)


def cooldowns(result: Result, rules: RiskRules) -> Sequence[Trip]:
    """Return what a closing at a loss cools down: its market and its whale."""
    if result.pnl >= 0:
        return ()
    found = (
        (Breaker.MARKET_COOLDOWN, result.condition_id, rules.market_cooldown, "its market"),
        (Breaker.WHALE_COOLDOWN, result.whale, rules.whale_cooldown, "its whale"),
    )
    return [
        Trip(
            breaker,
            key,
            result.at,
            result.at + lasts,
            f"{what} cools down until {(result.at + lasts).isoformat()} after a loss",
        )
        for breaker, key, lasts, what in found
        if lasts
    ]


def failure_trip(ended: int, failed: int, now: datetime, rules: RiskRules) -> Trip | None:
    """Return the trip of too many failures among the orders of the window that have ended."""
    if ended < rules.failure_orders_min or failed <= ended * rules.failure_rate_max:
        return None
    until = now + rules.failure_pause
    reason = f"{failed} of {ended} orders failed: paused until {until.isoformat()}"
    return Trip(Breaker.FAILURE_RATE, "", now, until, reason)


def end_of_day(now: datetime) -> datetime:
    """Return when the UTC day ends."""
    tomorrow = now.astimezone(UTC).date() + _ONE_DAY
    return datetime.combine(tomorrow, time(), UTC)


def override_end(breaker: Breaker, trips: Sequence[Trip], now: datetime) -> datetime:
    """Return until when an override counts that says no time itself."""
    if not breaker.is_timed:
        return end_of_day(now)
    return max((t.until for t in trips if t.breaker is breaker), default=now)


def _is_lifted(breaker: Breaker, standing: Standing, now: datetime) -> bool:
    return any(each.breaker is breaker and now < each.until for each in standing.overrides)
