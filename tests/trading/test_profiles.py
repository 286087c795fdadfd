"""The printed profiles and what they depart from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trading.breakers import Losses, Result, count_result, pause_of
from trading.profiles import DEFAULT, LOAD, _at_pace, replay
from trading.rules import Rules
from trading.types import ConditionId, Usd, Wallet


def test_the_default_profile_departs_from_nothing() -> None:
    assert Rules() == DEFAULT


def test_a_replay_departs_in_end_dates_throttles_pauses_repeats_and_bankroll_only() -> None:
    rules = replay(Decimal(20))
    assert rules.filters.ends_in_min == timedelta(seconds=6)
    assert rules.risk.pause == timedelta(minutes=3)
    assert rules.risk.orders_per_min_max == 600
    assert rules.risk.repeats_max == 0
    assert rules.sizing.bankroll_max == 1000
    restored = replace(
        rules,
        filters=replace(rules.filters, ends_in_min=DEFAULT.filters.ends_in_min),
        sizing=DEFAULT.sizing,
        risk=replace(
            rules.risk,
            pause=DEFAULT.risk.pause,
            market_cooldown=DEFAULT.risk.market_cooldown,
            whale_cooldown=DEFAULT.risk.whale_cooldown,
            failure_window=DEFAULT.risk.failure_window,
            failure_pause=DEFAULT.risk.failure_pause,
            orders_per_min_max=DEFAULT.risk.orders_per_min_max,
            orders_per_min_token_max=DEFAULT.risk.orders_per_min_token_max,
            notional_per_min_max=DEFAULT.risk.notional_per_min_max,
            notional_per_day_max=DEFAULT.risk.notional_per_day_max,
            repeats_max=DEFAULT.risk.repeats_max,
            throttled_max=DEFAULT.risk.throttled_max,
        ),
    )
    assert restored == DEFAULT


@pytest.mark.parametrize("speed", [Decimal(1), Decimal("0.5")])
def test_a_slow_replay_never_waits_longer_than_the_rules_say(speed: Decimal) -> None:
    assert replay(speed).risk.pause == DEFAULT.risk.pause


def test_a_cap_that_is_off_stays_off_at_any_pace() -> None:
    assert _at_pace(None, Decimal(20)) is None
    assert replay(Decimal(20)).risk.notional_per_day_max == 700_000


def test_the_load_profile_departs_in_risk_and_throttles_only() -> None:
    assert replace(LOAD, risk=DEFAULT.risk, throttle=DEFAULT.throttle) == DEFAULT


def test_a_hundred_losses_in_a_row_pause_the_default_and_not_a_load() -> None:
    day = datetime(2026, 9, 28, tzinfo=UTC)
    result = Result(Usd(Decimal("-0.10")), day, ConditionId("0xc"), Wallet("0xa"))
    paused, load = Losses(), Losses()
    for _ in range(100):
        paused = count_result(paused, result, DEFAULT.risk)
        load = count_result(load, result, LOAD.risk)
    assert pause_of(paused) is not None
    assert pause_of(load) is None
