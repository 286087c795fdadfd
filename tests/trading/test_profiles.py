"""The printed profiles and what they depart from."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from trading.profiles import DEFAULT, LOAD, _at_pace, replay
from trading.rules import Rules


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
    assert LOAD.risk.losses_in_row_max == DEFAULT.risk.losses_in_row_max
