"""Every limit and breaker with what is used of it, its cap and the share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from storage.breakers import HaltScope
from storage.limits import Scope
from storage.views import HaltRow, LimitUse, Money, RiskFigures
from trading.breakers import Breaker, Override, Standing, entries_halt, for_all, holds
from trading.caps import share_cap
from trading.rules import RiskRules
from trading.types import ZERO, Usd

NEAR = Decimal("0.8")
SHARE_STEP = Decimal("0.0001")
LISTED_MAX = 60


class Unit(StrEnum):
    """What a limit is counted in."""

    USD = "USD"
    COUNT = "COUNT"
    SHARE = "SHARE"


@dataclass(frozen=True, slots=True)
class LimitView:
    """One limit. `share` is used / cap; at `is_full` nothing more is let through."""

    name: str
    scope: str
    key: str
    label: str
    unit: Unit
    used: Decimal
    cap: Decimal
    share: Decimal
    is_near: bool
    is_full: bool


@dataclass(frozen=True, slots=True)
class TripView:
    """A breaker that has tripped and not ended; `key` is its market or whale, "" for all."""

    breaker: Breaker
    key: str
    reason: str
    until: datetime
    is_lifted: bool


@dataclass(frozen=True, slots=True)
class RiskView:
    """Limits, breakers and halts; `halt_reason` says why entries are halted, else it is null."""

    entries_halted: bool
    halt_reason: str | None
    limits: Sequence[LimitView]
    breakers: Sequence[LimitView]
    paused_until: datetime | None
    halts: Sequence[HaltRow]
    trips: Sequence[TripView] = ()
    overrides: Sequence[Override] = ()


@dataclass(frozen=True, slots=True)
class RiskInputs:
    """What the limits and breakers are compared with, and the rules that say where they lie."""

    figures: RiskFigures
    money: Money
    rules: RiskRules
    now: datetime


def view_risk(inputs: RiskInputs) -> RiskView:
    """Compare what is used with every cap of the rules in force."""
    reason = _halt_reason(inputs)
    return RiskView(
        entries_halted=reason is not None,
        halt_reason=reason,
        limits=[*_exposure(inputs), *_throttles(inputs)],
        breakers=list(_breakers(inputs)),
        paused_until=_paused_until(inputs),
        halts=inputs.figures.halts,
        trips=_trips(inputs),
        overrides=inputs.figures.standing.overrides,
    )


def _exposure(inputs: RiskInputs) -> list[LimitView]:
    """List the wallet, then what is in use of the others, the fullest first."""
    caps = _caps(inputs)
    listed = [
        _limit(name, use, cap)
        for use in inputs.figures.uses
        for name, cap in caps.get(use.scope, ())
    ]
    wallets = [limit for limit in listed if limit.scope == Scope.WALLET]
    others = [limit for limit in listed if limit.scope != Scope.WALLET and limit.used > 0]
    others.sort(key=lambda limit: (-limit.share, limit.scope, limit.key))
    return [*(wallets or [_unused_wallet(inputs)]), *others[:LISTED_MAX]]


def _caps(inputs: RiskInputs) -> dict[str, tuple[tuple[str, Usd], ...]]:
    """Name the caps of each scope; a market has one in USD and one in portfolio share."""
    rules = inputs.rules
    share = share_cap(rules.market_share_max, inputs.money.equity)
    return {
        Scope.WALLET: (("wallet_exposure", rules.wallet_max),),
        Scope.WHALE: (("whale_exposure", rules.whale_max),),
        Scope.MARKET: (("market_exposure", rules.market_max), ("market_share", share)),
        Scope.POSITION: (("position_exposure", rules.position_max),),
    }


def _limit(name: str, use: LimitUse, cap: Usd) -> LimitView:
    return _made(name, (use.scope, use.key, use.label), Unit.USD, use.used, cap)


def _unused_wallet(inputs: RiskInputs) -> LimitView:
    use = LimitUse(Scope.WALLET, "", "all positions", Usd(ZERO))
    return _limit("wallet_exposure", use, inputs.rules.wallet_max)


def _throttles(inputs: RiskInputs) -> Iterator[LimitView]:
    figures, rules = inputs.figures, inputs.rules
    counts = (
        ("open_orders", "open orders", figures.open_orders, rules.open_orders_max),
        (
            "orders_per_min",
            "entries in a minute",
            figures.orders_last_min,
            rules.orders_per_min_max,
        ),
        (
            "orders_per_min_token",
            "entries in a minute, busiest token",
            figures.orders_last_min_token,
            rules.orders_per_min_token_max,
        ),
    )
    for name, label, used, cap in counts:
        yield _made(name, ("THROTTLE", "", label), Unit.COUNT, Decimal(used), Decimal(cap))
    yield _made(
        "notional_per_min",
        ("THROTTLE", "", "notional in a minute"),
        Unit.USD,
        figures.notional_last_min,
        rules.notional_per_min_max,
    )


def _breakers(inputs: RiskInputs) -> Iterator[LimitView]:
    figures, rules, money = inputs.figures, inputs.rules, inputs.money
    loss = max(-money.pnl_today, ZERO)
    what = ("BREAKER", "", "loss today, halts entries")
    yield _made("daily_loss", what, Unit.USD, loss, rules.daily_loss_max)
    what = ("BREAKER", "", "drawdown, halves sizes")
    yield _made("drawdown", what, Unit.SHARE, money.drawdown, rules.drawdown_halve)
    what = ("BREAKER", "", "losses in a row, pause entries")
    lost, most = Decimal(figures.losses_in_row), Decimal(rules.losses_in_row_max)
    yield _made("losses_in_row", what, Unit.COUNT, lost, most)


def _made(
    name: str, what: tuple[str, str, str], unit: Unit, used: Decimal, cap: Decimal
) -> LimitView:
    scope, key, label = what
    share = used / cap if cap > 0 else Decimal(1 if used > 0 else 0)
    return LimitView(
        name=name,
        scope=scope,
        key=key,
        label=label,
        unit=unit,
        used=used,
        cap=cap,
        share=share.quantize(SHARE_STEP, ROUND_FLOOR),
        is_near=share >= NEAR,
        is_full=share >= 1,
    )


def _halt_reason(inputs: RiskInputs) -> str | None:
    """Say why no entry at all may leave, as it is decided where entries are reserved."""
    for halt in inputs.figures.halts:
        if halt.scope == HaltScope.WALLET:
            return halt.reason
    return entries_halt(_standing(inputs), inputs.now, inputs.rules) or None


def _standing(inputs: RiskInputs) -> Standing:
    """Return what bears on every entry: halts were told, cooldowns hold for one market or whale."""
    standing, today = inputs.figures.standing, inputs.now.astimezone(UTC).date()
    days = {today: inputs.money.pnl_today, **standing.pnl_by_day}
    return replace(for_all(standing), kill="", halt="", pnl_by_day=days)


def _trips(inputs: RiskInputs) -> Sequence[TripView]:
    standing, now = inputs.figures.standing, inputs.now
    return [
        TripView(
            breaker=trip.breaker,
            key=trip.key,
            reason=trip.reason,
            until=trip.until,
            is_lifted=not holds(trip, standing.overrides, now),
        )
        for trip in standing.trips
        if now < trip.until
    ]


def _paused_until(inputs: RiskInputs) -> datetime | None:
    until = inputs.figures.paused_until
    return until if until is not None and inputs.now < until else None
