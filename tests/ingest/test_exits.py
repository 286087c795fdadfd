from dataclasses import replace
from datetime import timedelta

from ingest.exits import ExitDesk, Seen
from storage.level_port import exit_levels, kept_levels
from storage.port import Levels, PositionRecord
from tests.ingest.desk import book_of
from tests.storage.builders import NO, NOW, WALLET, WHALE, YES, later, price, shares, usd
from trading.exits import ExitLevels
from trading.rules import ExitRules
from trading.types import ConditionId, ExitReason, PositionId, PositionState, TokenId

RULES = ExitRules()
STOP = ExitReason.STOP_LOSS


def position(name: str = "p1", token_id: TokenId = YES) -> PositionRecord:
    """Return 100 shares bought at 0.50, without levels."""
    return PositionRecord(
        position_id=PositionId(name),
        wallet=WALLET,
        whale=WHALE,
        condition_id=ConditionId("0x" + "11" * 32),
        token_id=token_id,
        state=PositionState.OPEN,
        size=shares(100),
        settled_size=shares(100),
        avg_entry_price=price("0.50"),
        exposure=usd(50),
        fees=usd(0),
        realised_pnl=usd(0),
        mark_price=None,
        marked_at=None,
        stop_loss_price=None,
        take_profit_price=None,
        trailing_stop_price=None,
        high_water_price=None,
        exit_epoch=0,
        opened_at=NOW,
    )


def desk_of(*positions: PositionRecord) -> ExitDesk:
    desk = ExitDesk(RULES)
    desk.follow(positions or [position()])
    return desk


def look(desk: ExitDesk, bid: str, at_s: float, size: str = "1000") -> Seen:
    at = NOW + timedelta(seconds=at_s)
    return desk.look(book_of(bid, received_at=at, size=size), at)


def test_two_looks_a_second_apart_make_an_exit() -> None:
    desk = desk_of()
    assert look(desk, "0.51", 0).reread_at is None
    first = look(desk, "0.40", 1)
    assert (first.due, first.reread_at) == ([], later(2))
    assert look(desk, "0.40", 1.5).reread_at == later(2)
    second = look(desk, "0.40", 2)
    assert [(p.position_id, reason) for p, reason in second.due] == [("p1", STOP)]


def test_only_the_positions_of_a_token_are_looked_at() -> None:
    desk = desk_of(position("a"), position("b"), position("c", NO))
    look(desk, "0.40", 0)
    assert [p.position_id for p, _ in look(desk, "0.40", 1).due] == ["a", "b"]
    assert desk.has(PositionId("c"))
    assert not desk.has(PositionId("d"))


def test_what_is_not_open_or_too_small_or_not_priced_is_left_alone() -> None:
    desk = desk_of(
        replace(position("a"), state=PositionState.EXITING),
        replace(position("b"), size=shares(4)),
        replace(position("c"), avg_entry_price=None),
    )
    look(desk, "0.40", 0)
    assert look(desk, "0.40", 1) == Seen()


def test_levels_are_placed_and_trail_in_memory_until_they_are_stored() -> None:
    desk = desk_of()
    assert look(desk, "0.50", 0).moved == ["p1"]
    assert look(desk, "0.60", 1).moved == []
    assert look(desk, "0.60", 2).moved == ["p1"]
    found = desk.levels_of(PositionId("p1"))
    assert found is not None
    stored, levels = found
    assert exit_levels(stored) == ExitLevels(None, None)
    assert levels == ExitLevels(price("0.42"), price("0.65"), price("0.57"), price("0.60"))
    desk.take_stored(PositionId("p1"), kept_levels(levels))
    again = desk.levels_of(PositionId("p1"))
    assert again is not None
    assert exit_levels(again[0]) == levels
    assert look(desk, "0.60", 3).moved == []


def test_what_a_person_stored_replaces_what_is_in_memory() -> None:
    desk = desk_of()
    look(desk, "0.50", 0)
    moved = replace(position(), stop_loss_price=price("0.30"), high_water_price=price("0.50"))
    assert desk.follow([moved]) == [YES]
    look(desk, "0.40", 1)
    assert look(desk, "0.40", 2).due == []
    newer = replace(moved, stop_loss_price=price("0.45"))
    desk.take_newer(newer)
    look(desk, "0.40", 3)
    assert [reason for _, reason in look(desk, "0.40", 4).due] == [STOP]


def test_levels_in_memory_outlive_a_look_at_records_that_lag() -> None:
    desk = desk_of()
    look(desk, "0.50", 0)
    assert desk.follow([position()]) == []
    found = desk.levels_of(PositionId("p1"))
    assert found is not None
    assert found[1].stop_loss == price("0.42")


def test_an_exit_that_began_elsewhere_starts_the_watch_anew() -> None:
    desk = desk_of()
    look(desk, "0.40", 0)
    desk.follow([replace(position(), exit_epoch=1)])
    assert look(desk, "0.40", 1).due == []


def test_what_is_over_is_forgotten() -> None:
    desk = desk_of()
    desk.follow([])
    assert look(desk, "0.40", 0) == Seen()
    assert desk.levels_of(PositionId("p1")) is None
    desk.take_stored(PositionId("p1"), Levels(None, None, None, None))
    desk.take_newer(position())
    assert not desk.has(PositionId("p1"))


def test_a_fall_behind_thin_bids_is_doubted_and_told_once_in_five_minutes() -> None:
    desk = desk_of()
    look(desk, "0.50", 0)
    look(desk, "0.02", 1, size="1")
    assert desk.doubts(later(3)) == []
    assert [p.position_id for p in desk.doubts(later(4))] == ["p1"]
    assert desk.doubts(later(5)) == []
    assert [p.position_id for p in desk.doubts(NOW + timedelta(minutes=6))] == ["p1"]
    look(desk, "0.50", 400)
    assert desk.doubts(NOW + timedelta(minutes=12)) == []
