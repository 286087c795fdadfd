"""What a person finds in Temporal's own page: every trade, readable, by whale, market and state."""

import re

from tests.end_to_end.conftest import Again
from tests.end_to_end.still_tape import LOSER, MAKER, SLICER, SLUGS, STANDARD, TAKER, WISHES

SUMMARY = re.compile(
    r"0x[0-9a-f]{4}…[0-9a-f]{4} (BUY|SELL) \d+ (Yes|No) @ 0\.\d{3} 'Will the book of .+\?'"
)
ENTRY = (
    "assess_signal",
    "estimate_slippage",
    "check_risk",
    "place_order",
    "await_fill",
    "settle_orders",
    "conclude_signal",
)
ENDS = {"FILLED", "PARTIAL", "FILTERED", "UNFILLED", "EXPIRED", "RISK_REJECTED"}


def test_the_page_answers(second_play: Again) -> None:
    assert second_play.ui_status == 200


def test_every_trade_carries_whale_market_and_state(second_play: Again) -> None:
    assert len(second_play.trades) == len(WISHES)
    assert {trade.whale for trade in second_play.trades} == {TAKER, SLICER, MAKER, LOSER}
    assert {trade.market_slug for trade in second_play.trades} == set(SLUGS.values())
    assert {trade.state for trade in second_play.trades} <= ENDS


def test_every_trade_has_a_summary_that_a_person_understands(second_play: Again) -> None:
    for trade in second_play.trades:
        assert trade.summary is not None
        assert SUMMARY.fullmatch(trade.summary), trade.summary


def test_the_steps_of_a_copied_trade_stand_there_by_name(second_play: Again) -> None:
    copied = [t for t in second_play.trades if t.state == "FILLED" and t.side == "BUY"]
    assert copied
    for trade in copied:
        assert trade.steps[: len(ENTRY) - 2] == ENTRY[:-2]
        assert set(ENTRY) <= set(trade.steps)


def test_a_refused_and_a_mirrored_trade_show_their_steps(second_play: Again) -> None:
    steps = {trade.steps for trade in second_play.trades if trade.whale == LOSER}
    assert steps == {("assess_signal", "refuse_signal")}
    (sold,) = (trade.steps for trade in second_play.trades if trade.side == "SELL")
    assert sold == ("assess_signal", "await_end")


def test_trades_are_found_by_whale_market_and_state(second_play: Again) -> None:
    trades = second_play.trades
    by_whale, by_market, by_state = second_play.found
    assert by_whale >= {t.workflow_id for t in trades if t.whale == TAKER} != set()
    assert by_market >= {t.workflow_id for t in trades if t.market_slug == SLUGS[STANDARD]}
    assert by_state >= {t.workflow_id for t in trades if t.state == "FILTERED"} != set()
    others = {t.workflow_id for t in trades if t.whale != TAKER}
    assert not by_whale & others
