"""An edge that goes is noticed, and one that stays is seldom called gone."""

import random
from decimal import Decimal

import pytest

from trading.edge import (
    BASELINE_TRADES_MIN,
    EDGE_MAX,
    EDGE_MIN,
    FALSE_ALARM_EVERY,
    Baseline,
    EdgeWatch,
    bar_for,
    baseline_of,
    watch_ours,
    watch_whale,
)

SPREAD = Decimal("0.3")
SKILLED = Baseline(Decimal("0.65"), SPREAD, 200)  # surely 0.53 of a deviation


def results(edge: float, count: int, seed: int) -> list[Decimal]:
    """Results of `edge` deviations on average, as shares of their cost."""
    chance = random.Random(seed)
    return [Decimal(str(round(chance.gauss(edge * 0.3, 0.3), 4))) for _ in range(count)]


def test_a_baseline_needs_twenty_results() -> None:
    assert baseline_of(results(0.5, BASELINE_TRADES_MIN - 1, 1)) is None
    found = baseline_of(results(0.5, 400, 1))
    assert found is not None
    assert abs(found.edge - Decimal("0.5")) < Decimal("0.15")
    assert abs(found.deviation - SPREAD) < Decimal("0.03")
    assert found.trades == 400


def test_what_is_expected_is_the_sure_part_of_the_edge_within_bounds() -> None:
    assert Baseline(Decimal("0.5"), SPREAD, 100).expected == Decimal("0.3355")
    assert Baseline(Decimal(-3), SPREAD, 100).expected == EDGE_MIN
    assert Baseline(Decimal(9), SPREAD, 100).expected == EDGE_MAX
    assert Baseline(Decimal("0.5"), SPREAD, 0).expected == EDGE_MIN


def test_equal_results_do_not_divide_by_nothing() -> None:
    base = baseline_of([Decimal("0.1")] * 30)
    assert base is not None
    assert base.deviation == Decimal("0.01")
    assert base.edge == 4  # a result counts four deviations at most


@pytest.mark.parametrize("half", ["0.1", "0.25", "0.5"])
def test_the_bar_solves_its_equation(half: str) -> None:
    width = Decimal(half)
    x = 2 * width * (bar_for(width) + Decimal("1.166"))
    assert abs((x.exp() - 1 - x) / (2 * width**2) - FALSE_ALARM_EVERY) < 5


def test_a_planted_decay_is_found_and_the_numbers_say_when() -> None:
    """Measured on 60 series: half of them within 30 trades, nine of ten within 49."""
    waits = sorted(_gone_after(watch_whale(results(0, 500, n), SKILLED)) for n in range(30))
    assert waits[15] <= 45
    assert waits[27] <= 90


def test_an_edge_that_stays_is_seldom_called_gone() -> None:
    """Once in 2,000 trades on average; measured on 66,000 trades: once in 2,387."""
    watches = [watch_whale(results(0.53, 400, 100 + n), SKILLED) for n in range(25)]
    alarms = sum(watch.gone_after is not None for watch in watches)
    assert alarms <= 11  # 5 are expected in 10,000 trades


def test_without_its_reset_at_nothing_the_sum_would_sleep() -> None:
    """The control: a long good past must not be capital to be lost first."""
    late = watch_whale([*results(0.53, 300, 7), *results(-0.5, 100, 8)], SKILLED)
    assert late.gone_after is not None
    assert 300 < late.gone_after < 340


def test_one_ruinous_trade_is_no_decay() -> None:
    watch = watch_whale([Decimal(-50), *results(0.6, 40, 3)], SKILLED)
    assert watch.gone_after is None


def test_copies_that_lose_are_noticed_whatever_the_whale_makes() -> None:
    losing = watch_ours(results(-0.3, 400, 2), SKILLED)
    assert losing.gone_after is not None
    assert losing.gone_after < 200
    assert watch_ours(results(0.3, 400, 2), SKILLED).gone_after is None


def test_few_copies_are_judged_by_the_whales_deviation() -> None:
    few = watch_ours([Decimal("-0.15")] * 10, SKILLED)
    assert few.gone_after is None
    assert few.level == 5  # half a deviation each
    assert few.mean_result == Decimal("-0.15")


def test_nothing_yet_is_no_alarm() -> None:
    assert watch_ours([], SKILLED) == EdgeWatch(0, Decimal(0), Decimal(0), bar_for(Decimal("0.1")))


def _gone_after(watch: EdgeWatch) -> int:
    return watch.gone_after if watch.gone_after is not None else 10_000
