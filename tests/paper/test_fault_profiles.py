"""Tests of the ready-made plans."""

from collections import Counter
from decimal import Decimal

import pytest

from paper.fault_names import NAMES
from paper.fault_profiles import CHAOS, PROFILES, STRESS
from paper.faults import Fault, FaultPlan, Faults, Point


@pytest.mark.parametrize("name", list(PROFILES))
def test_a_profile_names_faults_that_exist_and_shares_that_fit(name: str) -> None:
    totals: Counter[Point] = Counter()
    shares: dict[Point, Decimal] = {}
    for rule in PROFILES[name]:
        assert rule.fault in NAMES[rule.at]
        totals[rule.at] += 1
        shares[rule.at] = shares.get(rule.at, Decimal(0)) + rule.share
    assert all(share <= 1 for share in shares.values())


def of(rules: tuple[Fault, ...], at: Point) -> dict[str, str]:
    return {rule.fault: f"{rule.share * 100:.2f}" for rule in rules if rule.at is at}


def test_chaos_is_what_was_promised() -> None:
    assert of(CHAOS, Point.POST_ORDER) == {
        "rate_limited": "2.50",
        "restart": "2.50",
        "error_before": "5.00",
        "drop_before": "3.75",
        "error_after": "3.75",
        "drop_after": "3.75",
        "hang_after": "3.75",
        "delayed": "7.00",
    }
    assert of(CHAOS, Point.MATCH) == {"partial": "15.00", "unfilled": "8.00"}
    assert of(CHAOS, Point.READ_TRADES)["error"] == "3.75"
    assert of(CHAOS, Point.CANCEL) == {"race": "10.00"}
    assert of(CHAOS, Point.SETTLE)["failed"] == "4.00"


def test_chaos_breaks_about_a_third_of_the_posts() -> None:
    faults = Faults(FaultPlan(CHAOS, seed=3))
    drawn = [faults.draw(Point.POST_ORDER, str(number)) for number in range(5_000)]
    struck = sum(fault is not None for fault in drawn)
    assert 1_450 < struck < 1_750


def test_stress_is_worse() -> None:
    assert of(STRESS, Point.SETTLE) == {"failed": "35.00"}
    assert of(STRESS, Point.CANCEL) == {"race": "30.00"}
    (late,) = (rule for rule in STRESS if rule.fault == "late_booking")
    assert late.delay_ms == 20_000
    assert {rule.delay_ms for rule in STRESS if rule.fault == "lag"} == {5_000}
