from storage.exit_port import Hold
from tests.storage.builders import NOW
from trading.types import PositionId


def test_a_hold_says_who_and_why() -> None:
    hold = Hold(PositionId("p"), "ann", "news", NOW)
    assert (hold.who, hold.why, hold.held_at) == ("ann", "news", NOW)
