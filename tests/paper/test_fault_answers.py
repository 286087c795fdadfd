"""Tests of the answers to struck requests; most of them are seen over HTTP elsewhere."""

import json

import pytest

from paper.fault_answers import garbled, refusal_of
from paper.fault_modes import Refusal
from paper.faults import Fault, Point


def a_fault(name: str, **changes: object) -> Fault:
    return Fault(Point.POST_ORDER, name, **changes)  # type: ignore[arg-type]


def test_a_refusal_has_the_venues_words_or_the_plans() -> None:
    facts = {"maker": "0x12"}
    told = refusal_of(a_fault("closed_only"), facts)
    assert told == Refusal(400, {"error": "'0x12' address in closed only mode"})
    told = refusal_of(a_fault("closed_only", status=403, text="no {maker}"), facts)
    assert told == Refusal(403, {"error": "no {maker}"})
    assert refusal_of(a_fault("drop_before"), facts) is None


def test_a_limit_of_no_seconds_is_told() -> None:
    told = refusal_of(a_fault("rate_limited", retry_after_s=0), {})
    assert told is not None
    assert told.headers == {"Retry-After": "0"}


@pytest.mark.parametrize("fault", ["delayed", "drop_after", "lag"])
def test_most_faults_leave_an_answer_alone(fault: str) -> None:
    body = b'{"a": 1}'
    assert garbled(a_fault(fault), body, "key") is body


def test_rows_are_shuffled_by_their_key() -> None:
    body = json.dumps({"data": list(range(9)), "count": 9}).encode()
    first, again, other = (
        json.loads(garbled(a_fault("shuffle"), body, key))["data"] for key in ("a", "a", "b")
    )
    assert first == again != other
    assert sorted(first) == list(range(9))


def test_an_id_that_is_empty_stays_so() -> None:
    body = json.dumps([{"orderID": ""}, {"orderID": "0x1"}]).encode()
    legs = json.loads(garbled(a_fault("wrong_id"), body, "key"))
    assert legs[0]["orderID"] == ""
    assert legs[1]["orderID"].startswith("0x")
    assert legs[1]["orderID"] != "0x1"
