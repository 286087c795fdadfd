"""When entries must stop because of where we are, who we are, or what time it is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.admission import (
    ADMISSION,
    Geoblock,
    admission_trip,
    clock_offset,
    clock_reason,
    closed_only_reason,
    describe_offset,
    geoblock_reason,
)
from trading.breakers import Breaker, Standing, entries_halt
from trading.rules import RiskRules

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_only_a_blocked_place_stops_entries_and_is_named() -> None:
    assert geoblock_reason(Geoblock(is_blocked=False, country="ZZ", region="")) == ""
    reason = geoblock_reason(Geoblock(is_blocked=True, country="US", region="NY"))
    assert reason == "the venue takes no orders from US/NY"
    assert "an unknown place" in geoblock_reason(Geoblock(is_blocked=True, country="", region=""))


def test_only_a_closed_only_account_stops_entries() -> None:
    assert closed_only_reason(is_closed_only=False) == ""
    assert "closed-only" in closed_only_reason(is_closed_only=True)


@pytest.mark.parametrize(
    ("told", "offset"),
    [
        (NOW, timedelta()),
        (NOW - SECOND, timedelta()),  # it was read when its second was about to end
        (NOW - 3 * SECOND, -2 * SECOND),
        (NOW + 5 * SECOND, 4.8 * SECOND),
    ],
)
def test_what_rounding_and_the_way_explain_is_no_offset(told: datetime, offset: timedelta) -> None:
    assert clock_offset(NOW, NOW + timedelta(milliseconds=200), told) == offset


@given(
    true_ms=st.integers(-3_600_000, 3_600_000),
    way_ms=st.integers(0, 3_000),
    back_ms=st.integers(0, 3_000),
)
def test_a_measured_offset_is_never_more_than_the_true_one_nor_far_less(
    true_ms: int, way_ms: int, back_ms: int
) -> None:
    true, way, back = (timedelta(milliseconds=ms) for ms in (true_ms, way_ms, back_ms))
    told = (NOW + way + true).replace(microsecond=0)
    found = clock_offset(NOW, NOW + way + back, told)
    assert abs(found) <= abs(true)
    assert found * true_ms >= timedelta()  # the same way, or none
    assert abs(true) - abs(found) <= SECOND + way + back


def test_a_clock_stops_entries_exactly_above_three_seconds() -> None:
    assert clock_reason(3 * SECOND, ADMISSION) == ""
    assert clock_reason(-3 * SECOND, ADMISSION) == ""
    beyond = 3 * SECOND + timedelta(milliseconds=1)
    assert clock_reason(beyond, ADMISSION) == "the venue's clock is 3.0 s ahead of ours"
    assert clock_reason(-2 * beyond, ADMISSION) == "the venue's clock is 6.0 s behind ours"


def test_an_offset_is_told_with_its_direction() -> None:
    assert describe_offset(timedelta(milliseconds=1234)) == "1.2 s ahead of ours"
    assert describe_offset(timedelta(milliseconds=-1290)) == "1.2 s behind ours"


def test_a_trip_of_admission_stops_entries_until_it_runs_out() -> None:
    trip = admission_trip(Breaker.GEOBLOCK, "no orders from here", NOW, ADMISSION)
    standing = Standing(trips=[trip])
    assert entries_halt(standing, NOW, RiskRules()) == "no orders from here"
    assert entries_halt(standing, NOW + ADMISSION.holds_for, RiskRules()) == ""
