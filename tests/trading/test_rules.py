"""Every number the product obeys, as it is promised."""

from datetime import timedelta
from decimal import Decimal

from trading.rules import Rules
from trading.types import OrderType, SizingMode


def test_the_defaults_are_those_promised() -> None:
    rules = Rules()
    assert rules.filters.whale_notional_min == 1000
    assert rules.filters.signal_age_max == timedelta(seconds=5)
    assert rules.filters.book_age_max == timedelta(seconds=2)
    assert rules.sizing.mode is SizingMode.KELLY
    assert rules.sizing.fraction_max == Decimal("0.08")
    assert rules.slippage.limit_max == Decimal("0.02")
    assert rules.slippage.marketable_max == Decimal("0.05")
    assert rules.risk.position_max == 1000
    assert rules.risk.market_max == 5000
    assert rules.risk.whale_max == 10_000
    assert rules.risk.daily_loss_max == 500
    assert rules.orders.entry_order_type is OrderType.FAK
    assert rules.exits.stop_loss == Decimal("0.15")
    assert rules.exits.take_profit == Decimal("0.30")
    assert rules.aggregation.quiet == timedelta(milliseconds=250)


def test_the_entry_order_type_is_a_setting() -> None:
    rules = Rules().with_entry_order_type(OrderType.GTC)
    assert rules.orders.entry_order_type is OrderType.GTC
    assert rules.with_entry_order_type(OrderType.FAK) == Rules()
