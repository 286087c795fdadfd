from dataclasses import replace
from decimal import Decimal

from dashboard.links import TemporalUi
from dashboard.views import view_order, view_position, view_trade
from tests.dashboard.fake_records import a_position, a_trade, an_order
from trading.types import Price, Shares, Side, SignalState

UI = TemporalUi("http://127.0.0.1:8233", "default")


def test_a_position_shows_what_it_would_bring_and_what_it_gained() -> None:
    view = view_position(a_position(), UI)
    assert view.bid_value == Decimal(60)
    assert view.unrealised_pnl == Decimal("7.2")
    assert view.unrealised_share == Decimal("0.1364")
    assert view.is_provisional
    assert view.workflow_url is not None
    assert view.workflow_url.endswith("/position%2Fb1b1b1-1")


def test_a_settled_position_is_not_provisional() -> None:
    row = a_position()
    record = replace(row.record, settled_size=row.record.size)
    assert not view_position(replace(row, record=record), UI).is_provisional


def test_a_position_without_mark_has_no_unrealised_pnl() -> None:
    row = a_position()
    view = view_position(replace(row, record=replace(row.record, mark_price=None)), UI)
    assert view.unrealised_pnl is None
    assert view.unrealised_share is None
    assert view.bid_value is None


def test_an_entry_at_nothing_has_no_share() -> None:
    row = a_position()
    record = replace(row.record, avg_entry_price=Price(Decimal(0)))
    assert view_position(replace(row, record=record), UI).unrealised_share == 0


def test_a_no_keeps_its_reason_and_its_numbers_in_their_order() -> None:
    view = view_trade(a_trade(1, SignalState.FILTERED), UI)
    assert view.reason == "SPREAD_TOO_WIDE"
    assert list(view.numbers) == ["spread", "spread_max"]
    assert view.filled_notional is None
    assert view.is_terminal


def test_a_fill_shows_its_notional() -> None:
    view = view_trade(a_trade(), UI)
    assert view.notional == Decimal(2200)
    assert view.filled_notional == Decimal("52.8")
    assert view.reason is None
    assert view.numbers == {}


def test_slippage_is_positive_when_it_cost_us_either_way() -> None:
    bought = view_order(an_order())
    sold = view_order(replace(an_order(), side=Side.SELL))
    assert bought.slippage == Decimal("0.0233")
    assert sold.slippage == Decimal("-0.0233")
    assert bought.leaves == Decimal(20)


def test_an_order_without_fills_has_no_slippage() -> None:
    unfilled = replace(an_order(), avg_fill_price=None, filled_size=Shares(Decimal(0)))
    assert view_order(unfilled).slippage is None
    assert view_order(replace(an_order(), reference_price=Price(Decimal(0)))).slippage is None
