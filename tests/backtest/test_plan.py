"""The defaults of a look back."""

from datetime import timedelta
from decimal import Decimal

from backtest.plan import Latency, Plan
from trading.profiles import DEFAULT


def test_by_default_the_measured_delays_and_the_printed_rules_hold() -> None:
    plan = Plan()
    assert plan.rules == DEFAULT
    assert plan.latency == Latency(150, 250)
    assert plan.heard_after == timedelta(milliseconds=1900)
    assert plan.bankroll == Decimal(10_000)
    assert not plan.whales
