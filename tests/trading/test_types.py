"""The words of the product."""

from dataclasses import replace

import pytest

from tests.trading.scene import NO, YES, market, signal, whale_fill
from trading.types import OrderState, OrderType, PositionState, Settlement, Side, SignalState


def test_sides_are_opposites() -> None:
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


def test_only_good_till_orders_rest() -> None:
    assert [t for t in OrderType if t.rests] == [OrderType.GTC, OrderType.GTD]


def test_waiting_and_running_signals_are_not_over() -> None:
    open_states = [s for s in SignalState if not s.is_terminal]
    assert open_states == [SignalState.WAITING, SignalState.RUNNING]


@pytest.mark.parametrize(
    "state", [OrderState.UNKNOWN, OrderState.SENDING, OrderState.LIVE, OrderState.PARTIAL]
)
def test_an_order_that_may_still_match_is_not_over(state: OrderState) -> None:
    assert not state.is_terminal


def test_only_the_chain_settles() -> None:
    assert [s for s in Settlement if s.is_final] == [Settlement.CONFIRMED, Settlement.FAILED]


def test_closed_and_redeemed_positions_are_over() -> None:
    over = [s for s in PositionState if s.is_over]
    assert over == [PositionState.CLOSED, PositionState.REDEEMED]


def test_notional_is_price_times_size() -> None:
    assert signal().notional == 2000
    assert whale_fill("100", "0.43").notional == 43


def test_a_token_names_its_outcome_by_its_place() -> None:
    assert market().outcome_of(YES) == "Yes"
    assert replace(market(), outcomes=("Up", "Down")).outcome_of(NO) == "Down"
