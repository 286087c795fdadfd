"""Latencies are as measured, and the same for the same order whatever else was drawn."""

from datetime import timedelta

import pytest

from backtest.delays import Delays
from backtest.plan import Latency


def test_half_are_below_the_median_and_nine_of_ten_below_the_p90() -> None:
    delays = Delays(Latency(150, 250), seed=7)
    drawn = sorted(delays.of(f"order {n}") for n in range(2000))
    assert abs(drawn[1000] - timedelta(milliseconds=150)) < timedelta(milliseconds=8)
    assert abs(drawn[1800] - timedelta(milliseconds=250)) < timedelta(milliseconds=15)
    assert drawn[0] > timedelta(0)


def test_a_delay_depends_on_seed_and_key_alone() -> None:
    one, again, other = (Delays(Latency(), seed) for seed in (1, 1, 2))
    one.of("before")
    assert one.of("x") == again.of("x") != other.of("x")


def test_a_fixed_delay_can_be_had() -> None:
    assert Delays(Latency(100, 100), 1).of("x") == timedelta(milliseconds=100)


@pytest.mark.parametrize("latency", [Latency(0, 10), Latency(200, 100)])
def test_a_latency_that_cannot_be_is_refused(latency: Latency) -> None:
    with pytest.raises(ValueError, match="expected 0 < p50 <= p90"):
        Delays(latency, 1)
