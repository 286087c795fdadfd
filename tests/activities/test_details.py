"""What a person reads of a position in the Temporal UI."""

from dataclasses import replace

from activities.details import describe_position, pnl_of
from storage.exit_port import Hold
from storage.port import PositionRecord
from tests.storage.builders import NOW, WALLET, WHALE, YES, market, price, shares, usd
from trading.types import PositionId, PositionState

HELD = PositionRecord(
    position_id=PositionId("p"),
    wallet=WALLET,
    whale=WHALE,
    condition_id=market().condition_id,
    token_id=YES,
    state=PositionState.OPEN,
    size=shares(100),
    settled_size=shares(60),
    avg_entry_price=price("0.51"),
    exposure=usd(51),
    fees=usd(0),
    realised_pnl=usd(2),
    mark_price=price("0.5"),
    marked_at=NOW,
    stop_loss_price=price("0.43"),
    take_profit_price=None,
    trailing_stop_price=None,
    high_water_price=price("0.51"),
    exit_epoch=0,
    opened_at=NOW,
)


def told(record: PositionRecord, hold: Hold | None = None) -> str:
    return describe_position(record, market(), hold)


def test_everything_a_person_asks_is_there() -> None:
    words = told(HELD)
    outcome = market().outcome_of(YES)
    for part in (
        f"OPEN BUY 100 {outcome} '{market().question}'",
        "settled 60, provisional 40",
        "entry 0.5100, bid 0.5000, P&L $+1.00, realised $+2.00",
        "stop 0.4300, target off, trailing not armed",
        "no exit yet",
        "held by nobody",
    ):
        assert part in words


def test_exits_holds_and_dropped_stops_are_named() -> None:
    hold = Hold(HELD.position_id, "ann", "news", NOW)
    leaving = replace(HELD, state=PositionState.EXITING, exit_epoch=2, is_trailing_off=True)
    assert "exit 2 runs" in told(leaving, hold)
    assert "held by ann: news" in told(leaving, hold)
    assert "trailing off" in told(leaving)
    armed = replace(HELD, exit_epoch=2, trailing_stop_price=price("0.55"))
    assert "no exit runs, 2 ended" in told(armed)
    assert "trailing 0.5500" in told(armed)


def test_without_a_mark_a_position_is_worth_what_it_cost() -> None:
    assert pnl_of(replace(HELD, mark_price=None)) == 2
    assert pnl_of(replace(HELD, mark_price=None, avg_entry_price=None)) == 2


def test_what_is_too_small_to_be_sold_is_said_to_be() -> None:
    few = replace(HELD, size=shares("4.99"), settled_size=shares("4.99"))
    assert "too small for an order of 5: redeemed with its market" in told(few)
    assert "too small" not in told(replace(few, state=PositionState.CLOSED))
