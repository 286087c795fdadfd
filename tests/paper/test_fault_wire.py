"""Tests of plans of faults as JSON."""

import json
from decimal import Decimal

import pytest

from paper.fault_names import NAMES
from paper.fault_wire import PlanError, parse_plan, plan_row
from paper.faults import RULES_MAX, Fault, FaultPlan, Faults, Point


def plan_of(**fields: object) -> FaultPlan:
    return parse_plan(json.dumps(fields).encode())


def rule_of(**fields: object) -> Fault:
    (rule,) = plan_of(rules=[{"at": "post_order", "fault": "drop_before", **fields}]).rules
    return rule


def test_everything_can_be_given() -> None:
    plan = plan_of(
        seed=7,
        rules=[
            {
                "at": "post_order",
                "fault": "drop_after",
                "share": "0.0375",
                "count": 3,
                "skip": 1,
                "delay_s": "2.5",
                "delay_max_s": 4,
                "status": 500,
                "text": "…",
                "retry_after_s": 2,
                "size_share": "0.4",
                "size_share_max": "0.5",
                "match": {"side": "SELL"},
            }
        ],
    )
    rule = Fault(
        at=Point.POST_ORDER,
        fault="drop_after",
        share=Decimal("0.0375"),
        count=3,
        skip=1,
        delay_ms=2_500,
        delay_max_ms=4_000,
        status=500,
        text="…",
        retry_after_s=2,
        size_share=Decimal("0.4"),
        size_share_max=Decimal("0.5"),
        match={"side": "SELL"},
    )
    assert plan == FaultPlan((rule,), 7)


def test_little_needs_to_be_given() -> None:
    assert parse_plan(b"{}") == FaultPlan()
    assert rule_of() == Fault(at=Point.POST_ORDER, fault="drop_before")


@pytest.mark.parametrize(
    ("fields", "delay_ms"),
    [
        ({"fault": "hang_after"}, 10_000),
        ({"fault": "hang_after", "delay_s": "0"}, 0),
        ({"fault": "restart"}, 10_000),
        ({"fault": "late_booking"}, 5_000),
        ({"fault": "delayed", "delay_max_s": "2"}, 0),
        ({"fault": "drop_after"}, 0),
    ],
)
def test_a_delay_that_is_not_given_is_the_faults_own(
    fields: dict[str, object], delay_ms: int
) -> None:
    assert rule_of(**fields).delay_ms == delay_ms


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"rules": 5}, "rules: expected a valid array"),
        ({"rules": [{"at": "post_order"}]}, "rules.0.fault: Field required"),
        ({"rules": [{"at": "moon", "fault": "x"}]}, "rules.0.at: expected 'post_order', 'cancel'"),
        (
            {"rules": [{"at": "match", "fault": "drop"}]},
            "rules.0: expected one of partial, unfilled at match, got 'drop'",
        ),
        ({"rules": [{"at": "match", "fault": "partial", "shar": 1}]}, "rules.0.shar: Extra inputs"),
        ({"profile": "calm"}, "plan: expected one of none, chaos, stress as profile, got 'calm'"),
        ({"profile": "chaos", "rules": []}, "plan: expected rules or a profile, got both"),
        ({"seed": "x"}, "seed: expected a valid integer"),
        ({"more": 1}, "more: Extra inputs are not permitted, got 1"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_in_clear_words(
    fields: dict[str, object], complaint: str
) -> None:
    with pytest.raises(PlanError) as refused:
        plan_of(**fields)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"share": "1.1"}, "rules.0.share: expected less than or equal to 1"),
        ({"share": "nan"}, "rules.0.share"),
        ({"share": "-0.1"}, "rules.0.share"),
        ({"count": 0}, "rules.0.count"),
        ({"skip": -1}, "rules.0.skip"),
        ({"delay_s": "3601"}, "rules.0.delay_s"),
        ({"delay_s": "soon"}, "rules.0.delay_s: expected a valid decimal, got 'soon'"),
        ({"delay_s": "2", "delay_max_s": "1"}, "expected delay_max_s to be delay_s or more"),
        ({"size_share_max": "0.5"}, "expected size_share_max to be size_share or more"),
        ({"status": 200}, "rules.0.status"),
        ({"retry_after_s": -1}, "rules.0.retry_after_s"),
        ({"text": "x" * 501}, "rules.0.text"),
        ({"match": {"side": 5}}, "rules.0.match.side"),
    ],
)
def test_a_rule_out_of_bounds_is_refused(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(PlanError) as refused:
        rule_of(**fields)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"rules": [{"at": '])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(PlanError):
        parse_plan(body)


def test_a_plan_has_an_end() -> None:
    rule = {"at": "match", "fault": "unfilled"}
    assert len(plan_of(rules=[rule] * RULES_MAX).rules) == RULES_MAX
    with pytest.raises(PlanError):
        plan_of(rules=[rule] * (RULES_MAX + 1))


def test_a_plan_is_written_as_it_was_read() -> None:
    for profile in ("chaos", "stress"):
        row = plan_row(Faults(plan_of(seed=9, profile=profile)))
        rules = row["rules"]
        assert isinstance(rules, list)
        assert [rule.pop("struck") for rule in rules] == [0] * len(rules)
        assert plan_of(**row) == plan_of(seed=9, profile=profile)


def test_every_point_has_names() -> None:
    assert set(NAMES) == set(Point)
