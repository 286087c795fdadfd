from dataclasses import fields
from decimal import Decimal

from storage.views import Money
from trading.types import Usd


def test_equity_is_cash_plus_bid_value() -> None:
    figures = {field.name: Usd(Decimal(0)) for field in fields(Money)}
    money = Money(**figures | {"cash": Usd(Decimal(7)), "bid_value": Usd(Decimal(5))})
    assert money.equity == 12
