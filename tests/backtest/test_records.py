"""What is written down of a fill."""

from decimal import Decimal

from backtest.records import CopyFill
from tests.backtest.past import WHALE, a_market, after, levels
from trading.types import Price, Shares, Side, Usd


def a_copy(**changed: object) -> CopyFill:
    market = a_market()
    fields: dict[str, object] = {
        "key": "order 1",
        "at": after(12),
        "sent_at": after(11),
        "book_at": after(10),
        "whale": WHALE,
        "condition_id": market.condition_id,
        "token_id": market.token_ids[0],
        "side": Side.BUY,
        "asked": Shares(Decimal(30)),
        "limit_price": Price(Decimal("0.51")),
        "levels": levels(("0.50", "10"), ("0.51", "20")),
        "cost": Usd(Decimal("15.2")),
        "fee": Usd(Decimal("0.1")),
        **changed,
    }
    return CopyFill(**fields)  # type: ignore[arg-type]  # typed where it is given


def test_a_fill_is_as_large_as_its_levels() -> None:
    assert a_copy().size == 30
