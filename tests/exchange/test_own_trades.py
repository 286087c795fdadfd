"""Our part of a trade: our order's own side, token, exact cost and fee, as taker and as maker."""

from decimal import Decimal

import pytest

from exchange.polymarket.own_trades import Owner, own_parts
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_clob import TradeRow
from exchange.port import WireError
from tests.exchange.samples import (
    HASH,
    NO,
    OTHER_HASH,
    THIRD_HASH,
    TX,
    YES,
    account,
    maker_row,
    trade_row,
)
from trading.fees import taker_fee
from trading.orders import VenueTrade
from trading.types import FeeSchedule, Price, Settlement, Shares, Side

OWNER = Owner("key-1", account().funder)
FEES = FeeSchedule(Decimal("0.05"), 1)
OURS = {"owner": "key-1", "maker_address": OWNER.wallet.upper().replace("0X", "0x")}


def parts(row: dict[str, object]) -> tuple[VenueTrade, ...]:
    return own_parts(parse(TradeRow, row), OWNER, FEES)


def test_a_taker_pays_each_maker_its_price_and_a_fee_on_each() -> None:
    makers = [
        maker_row(matched_amount="10", price="0.5"),
        maker_row(order_id=THIRD_HASH, matched_amount="15", price="0.51"),
    ]
    (part,) = parts(trade_row(maker_orders=makers, price="0.506"))
    assert (part.trade_id, part.order_hash, part.token_id) == ("trade-1", HASH, YES)
    assert (part.side, part.size, part.is_taker) == (Side.BUY, Decimal(25), True)
    assert part.cost == Decimal("12.65")
    expected = sum(
        taker_fee(Shares(Decimal(size)), Price(Decimal(price)), FEES)
        for size, price in (("10", "0.5"), ("15", "0.51"))
    )
    assert part.fee == expected
    assert (part.settlement, part.transaction_hash) == (Settlement.CONFIRMED, TX)


def test_makers_at_one_price_share_one_fee() -> None:
    fees = FeeSchedule(Decimal("0.05"), 1)
    makers = [
        maker_row(matched_amount="0.05", price="0.43"),
        maker_row(order_id=THIRD_HASH, matched_amount="0.05", price="0.43"),
    ]
    row = trade_row(maker_orders=makers, size="0.1", price="0.43")
    (part,) = own_parts(parse(TradeRow, row), OWNER, fees)
    assert part.fee == taker_fee(Shares(Decimal("0.1")), Price(Decimal("0.43")), fees)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_maker_of_the_other_outcome_counts_at_the_complement(side: str) -> None:
    makers = [maker_row(asset_id=NO, price="0.47", side=side)]
    (part,) = parts(trade_row(side=side, maker_orders=makers, price="0.53"))
    assert (part.token_id, part.side) == (YES, Side(side))
    assert part.cost == Decimal("13.25")


def test_what_no_maker_accounts_for_is_priced_as_the_trade() -> None:
    (part,) = parts(trade_row(maker_orders=[maker_row(matched_amount="5", price="0.4")]))
    assert part.cost == Decimal("12.0")
    (part,) = parts(trade_row(maker_orders=None))
    assert part.cost == Decimal("12.5")


def test_makers_of_more_than_the_trade_are_refused() -> None:
    with pytest.raises(WireError, match="at most"):
        parts(trade_row(maker_orders=[maker_row(matched_amount="26")]))


@pytest.mark.parametrize(
    ("asset", "said_side", "token", "side"),
    [
        (YES, "SELL", YES, Side.SELL),
        (YES, None, YES, Side.SELL),
        (NO, "BUY", NO, Side.BUY),
        (NO, None, NO, Side.BUY),
    ],
)
def test_a_maker_keeps_its_own_token_and_side_and_pays_no_fee(
    asset: str, said_side: str | None, token: str, side: Side
) -> None:
    maker = maker_row(**OURS, asset_id=asset, side=said_side, price="0.47")
    (part,) = parts(trade_row(trader_side="MAKER", owner="x", maker_orders=[maker]))
    assert (part.order_hash, part.token_id, part.side) == (OTHER_HASH, token, side)
    assert (part.size, part.cost, part.fee) == (Decimal(25), Decimal("11.75"), Decimal(0))
    assert not part.is_taker


def test_one_trade_may_hit_several_of_our_orders() -> None:
    makers = [
        maker_row(**OURS, matched_amount="10"),
        maker_row(order_id=THIRD_HASH, **OURS, matched_amount="15"),
        maker_row(order_id="0x" + "77" * 32, matched_amount="0"),
    ]
    found = parts(trade_row(trader_side="MAKER", maker_orders=makers))
    assert [part.order_hash for part in found] == [OTHER_HASH, THIRD_HASH]
    assert [part.size for part in found] == [Decimal(10), Decimal(15)]


def test_our_own_orders_may_meet_each_other() -> None:
    found = parts(trade_row(maker_orders=[maker_row(**OURS)]))
    assert [(part.order_hash, part.is_taker) for part in found] == [
        (HASH, True),
        (OTHER_HASH, False),
    ]


def test_without_a_trader_side_the_taker_is_known_by_key_or_wallet() -> None:
    other = "0x" + "77" * 20
    assert len(parts(trade_row(trader_side=""))) == 1
    assert len(parts(trade_row(trader_side="", owner="x"))) == 1
    assert parts(trade_row(trader_side="", owner="x", maker_address=other)) == ()


def test_a_trade_of_strangers_has_no_part_of_ours() -> None:
    assert parts(trade_row(trader_side="MAKER")) == ()
