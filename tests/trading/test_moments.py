"""The few statistics a whale's score is made of."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading.moments import (
    DEVIATION_MIN,
    deviation,
    drawdown_of,
    mean,
    mean_error,
    reward_to_risk,
    squash,
)

CAP = Decimal(30)


def series(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


def test_the_statistics_of_little_are_zero() -> None:
    assert mean([]) == deviation([]) == mean_error([]) == reward_to_risk([]) == drawdown_of([]) == 0
    one = series("0.5")
    assert mean(one) == Decimal("0.5")
    assert deviation(one) == mean_error(one) == reward_to_risk(one) == 0


def test_the_statistics_by_hand() -> None:
    four = series("1", "3", "3", "5")
    assert mean(four) == 3
    assert deviation(four) == (Decimal(8) / 3).sqrt()
    assert mean_error(four) == deviation(four) / 2
    assert reward_to_risk(four) == 3 / deviation(four)


def test_a_series_without_risk_is_not_infinitely_good() -> None:
    assert reward_to_risk(series("0.1", "0.1", "0.1")) == Decimal("0.1") / DEVIATION_MIN


def test_the_drawdown_is_the_deepest_fall_from_a_peak() -> None:
    assert drawdown_of(series("5", "-3", "4", "-8", "1", "9")) == 8
    assert drawdown_of(series("-2", "-3", "9")) == 5
    assert drawdown_of(series("1", "2")) == 0


@given(
    low=st.decimals(min_value=-10_000, max_value=10_000, places=4),
    step=st.decimals(min_value="0.0001", max_value=1000, places=4),
)
def test_squashed_points_rise_strictly_and_never_reach_the_cap(low: Decimal, step: Decimal) -> None:
    assert -CAP < squash(low, CAP) < squash(low + step, CAP) < CAP


def test_small_points_are_hardly_bent() -> None:
    assert squash(Decimal(0), CAP) == 0
    assert round(squash(Decimal(3), CAP), 2) == Decimal("2.99")
    assert round(squash(CAP, CAP) / CAP, 2) == Decimal("0.71")
