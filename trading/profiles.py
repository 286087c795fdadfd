"""The printed profiles: the default rules, and the two named copies that depart from them."""

from dataclasses import replace as changed
from datetime import timedelta
from decimal import Decimal

from trading.rules import Rules
from trading.types import Usd

DEFAULT = Rules()

_UNLIMITED = Usd(Decimal(10_000_000))


def replay(speed: Decimal) -> Rules:
    """Return the rules for recorded 15-minute markets played at `speed` (tape s per second).

    End-date and last-minutes rules fit the markets, throttles and pauses run at the tape's
    speed, repeats are allowed, and the bankroll is $1,000, so that no demonstration halts itself
    on its third stop.
    """
    rules = DEFAULT
    filters = changed(
        rules.filters,
        ends_in_min=_at_speed(timedelta(minutes=2), speed),
        ends_in_max=timedelta(days=90),
    )
    risk = changed(
        rules.risk,
        pause=_at_speed(rules.risk.pause, speed),
        market_cooldown=_at_speed(rules.risk.market_cooldown, speed),
        whale_cooldown=_at_speed(rules.risk.whale_cooldown, speed),
        failure_window=_at_speed(rules.risk.failure_window, speed),
        failure_pause=_at_speed(rules.risk.failure_pause, speed),
        orders_per_min_max=int(rules.risk.orders_per_min_max * speed),
        orders_per_min_token_max=int(rules.risk.orders_per_min_token_max * speed),
        notional_per_min_max=Usd(rules.risk.notional_per_min_max * speed),
        notional_per_day_max=_at_pace(rules.risk.notional_per_day_max, speed),
        repeats_max=0,
        throttled_max=int(rules.risk.throttled_max * speed),
    )
    sizing = changed(rules.sizing, bankroll_max=Usd(Decimal(1000)))
    return changed(rules, filters=filters, risk=risk, sizing=sizing)


LOAD = changed(
    DEFAULT,
    risk=changed(
        DEFAULT.risk,
        position_max=_UNLIMITED,
        market_max=_UNLIMITED,
        whale_max=_UNLIMITED,
        wallet_max=_UNLIMITED,
        market_share_max=Decimal(1),
        daily_loss_max=_UNLIMITED,
        market_cooldown=timedelta(0),
        whale_cooldown=timedelta(0),
        failure_rate_max=Decimal(1),
        losses_in_row_max=1_000_000,
        open_orders_max=1_000_000,
        orders_per_min_max=1_000_000,
        orders_per_min_token_max=1_000_000,
        notional_per_min_max=_UNLIMITED,
        notional_per_day_max=None,
        repeats_max=0,
        order_max=_UNLIMITED,
        throttled_max=0,
    ),
    throttle=changed(
        DEFAULT.throttle,
        entries_per_s=Decimal(1000),
        entries_burst=1000,
        exits_per_s=Decimal(1000),
        exits_burst=1000,
    ),
)
"""Benches and chaos: throttles, caps and pauses out of the way, except in the tests of them."""


def _at_pace(notional: Usd | None, speed: Decimal) -> Usd | None:
    return None if notional is None else Usd(notional * speed)


def _at_speed(duration: timedelta, speed: Decimal) -> timedelta:
    micros = duration // timedelta(microseconds=1)
    return timedelta(microseconds=int(micros / max(speed, Decimal(1))))
