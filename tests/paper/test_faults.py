"""Tests of the plan of faults and its dice."""

import asyncio
from decimal import Decimal

import pytest

from paper.faults import RULES_MAX, Fault, FaultPlan, Faults, Point

MANY = 2_000


def a_rule(fault: str = "drop_before", **changes: object) -> Fault:
    return Fault(at=Point.POST_ORDER, fault=fault, **changes)  # type: ignore[arg-type]


def fates(faults: Faults, count: int = MANY, at: Point = Point.POST_ORDER) -> list[str]:
    """Throw the dice for many cases; return the names of what struck, "" for nothing."""
    drawn = [faults.draw(at, f"case {number}") for number in range(count)]
    return ["" if fault is None else fault.fault for fault in drawn]


def test_an_empty_plan_strikes_nobody() -> None:
    faults = Faults()
    assert set(fates(faults, 50)) == {""}
    assert not faults.concern(Point.POST_ORDER)


def test_the_shares_of_a_points_rules_add_up() -> None:
    rules = (a_rule("first", share=Decimal("0.2")), a_rule("second", share=Decimal("0.3")))
    faults = Faults(FaultPlan(rules))
    names = fates(faults)
    counts = {name: names.count(name) for name in ("first", "second")}
    assert abs(counts["first"] - MANY * 2 // 10) < MANY // 20
    assert abs(counts["second"] - MANY * 3 // 10) < MANY // 20
    assert faults.struck == (counts["first"], counts["second"])


def test_the_same_case_meets_the_same_fate_under_the_same_seed_only() -> None:
    rule = a_rule(share=Decimal("0.5"))
    first, again, other = (Faults(FaultPlan((rule,), seed)) for seed in (7, 7, 8))
    told = fates(first, 100)
    assert fates(again, 100) == told
    assert fates(other, 100) != told


def test_a_rule_strikes_at_its_own_point_only() -> None:
    faults = Faults(FaultPlan((a_rule(),)))
    assert faults.concern(Point.POST_ORDER)
    assert fates(faults, 3, Point.CANCEL) == ["", "", ""]


def test_a_rule_that_is_spent_leaves_the_case_to_the_next() -> None:
    faults = Faults(FaultPlan((a_rule("first", count=2), a_rule("second", count=1))))
    assert fates(faults, 5) == ["first", "first", "second", "", ""]


def test_skipped_cases_are_those_that_fit_whoever_strikes_them() -> None:
    rules = (a_rule("first", count=1), a_rule("second", skip=2, count=1))
    assert fates(Faults(FaultPlan(rules)), 4) == ["first", "", "second", ""]


def test_facts_that_do_not_match_are_left_alone() -> None:
    faults = Faults(FaultPlan((a_rule(match={"side": "SELL", "attempt": "0"}),)))
    seen = [
        faults.draw(Point.POST_ORDER, "a", facts)
        for facts in (
            {"side": "BUY", "attempt": "0"},
            {"side": "SELL"},
            None,
            {"side": "SELL", "attempt": "0", "maker": "x"},
        )
    ]
    assert [fault is not None for fault in seen] == [False, False, False, True]


def test_a_range_is_drawn_by_the_same_dice() -> None:
    rule = a_rule(
        delay_ms=300, delay_max_ms=2_000, size_share=Decimal("0.3"), size_share_max=Decimal("0.79")
    )
    drawn = [Faults(FaultPlan((rule,))).draw(Point.POST_ORDER, str(n)) for n in range(100)]
    delays = [fault.delay_ms for fault in drawn if fault is not None]
    sizes = [fault.size_share for fault in drawn if fault is not None]
    assert 300 <= min(delays) < 500 < 1_800 < max(delays) <= 2_000
    assert Decimal("0.3") <= min(sizes) < Decimal("0.4") < Decimal("0.7") < max(sizes)
    assert max(sizes) <= Decimal("0.79")
    assert drawn[5] == Faults(FaultPlan((rule,))).draw(Point.POST_ORDER, "5")


def test_another_plan_counts_from_zero_and_is_a_new_generation() -> None:
    faults = Faults(FaultPlan((a_rule(count=1),)))
    fates(faults, 3)
    before = faults.generation
    faults.replace(FaultPlan((a_rule(count=1),)))
    assert (faults.struck, faults.generation) == ((0,), before + 1)
    faults.strike(0)
    assert faults.struck == (1,)


async def test_what_outlasts_a_delay_ends_with_the_plan() -> None:
    faults = Faults(FaultPlan((a_rule(),)))
    await faults.outlast(1)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(faults.outlast(3_600_000))
        await asyncio.sleep(0)
        faults.replace(FaultPlan())


def test_a_plan_has_an_end() -> None:
    with pytest.raises(AssertionError, match="200 rules"):
        FaultPlan((a_rule(),) * (RULES_MAX + 1))


def test_a_moment_meets_only_the_faults_that_belong_to_it() -> None:
    faults = Faults(FaultPlan((a_rule("first"), a_rule("second", skip=1))))
    drawn = [
        faults.draw(Point.POST_ORDER, f"case {number}", None, ("second",)) for number in (1, 2)
    ]
    assert [fault and fault.fault for fault in drawn] == [None, "second"]
    assert faults.struck == (0, 1)
