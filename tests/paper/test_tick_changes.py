"""Tests of tick sizes that change while a market is traded."""

from pathlib import Path

import pytest

from paper.faults import Fault, FaultPlan, Point
from paper.model import TickSizeChanged
from paper.tick_changes import tick_size_of
from paper.venue import Venue
from tests.paper.engine_room import CONDITION, QUIET, YES, Wish, open_room


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0.001", 1_000),
        ("0.1", 100_000),
        ("0.002", None),
        ("", None),
        ("NaN", None),
        ("-0.1", None),
    ],
)
def test_only_the_venues_tick_sizes_are_taken(text: str, micros: int | None) -> None:
    assert tick_size_of(text) == micros


def test_a_new_tick_size_is_told_and_survives_a_restart(tmp_path: Path) -> None:
    room = open_room(tmp_path)
    resting = room.post(Wish(price="0.40"))
    rule = Fault(
        Point.MARKET_STREAM, "tick_change", text="0.001", match={"token_id": YES}, delay_ms=500
    )
    room.venue.put_faults(FaultPlan((rule,)))
    [event] = [event for event in room.heard() if isinstance(event, TickSizeChanged)]
    assert (event.condition_id, event.old, event.new) == (CONDITION, 10_000, 1_000)
    assert event.snapshot_after_ms == 500
    assert room.post(Wish(price="0.401")).status == "live"
    room.venue.close()
    again = Venue(None, QUIET, home=tmp_path, clock=room.clock)
    market, record = again.market(CONDITION), again.order(resting.order_id)
    assert market is not None
    assert record is not None
    assert (market.tick_size, record.status.value) == (1_000, "LIVE")
    again.close()
