"""Tests of what trades move and when."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paper.ledger import CASH, FEES, MINT, Leg
from paper.model import MICROS, MakerFill, OrderType, Side, Trade, TradeStatus
from paper.settlement import chain_status, legs_of
from tests.paper.engine_room import (
    ANNA,
    BERT,
    NO,
    YES,
    Room,
    Wish,
    a_trade,
    levels,
    open_room,
    shares,
)
from tests.paper.test_orders import a_record


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = open_room(tmp_path)
    yield room
    room.venue.close()


def traded(side: Side, token_id: str, maker_side: Side, price: str, fee: str = "0") -> Trade:
    maker = MakerFill("0x02", "", BERT, token_id, "", maker_side, shares("10"), shares(price))
    return a_trade(side=side, makers=(maker,), fee=shares(fee))


def net(trade: Trade) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for leg in legs_of(trade):
        sums[leg.source, leg.asset] = sums.get((leg.source, leg.asset), 0) - leg.size
        sums[leg.target, leg.asset] = sums.get((leg.target, leg.asset), 0) + leg.size
    return {key: size for key, size in sums.items() if size}


def test_a_buyer_pays_price_and_fee_to_a_seller() -> None:
    assert net(traded(Side.BUY, YES, Side.SELL, "0.40", "0.17")) == {
        (ANNA, CASH): shares("-4.17"),
        (BERT, CASH): shares("4"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("10"),
        (BERT, YES): shares("-10"),
    }


def test_a_seller_gets_the_price_less_the_fee() -> None:
    assert net(traded(Side.SELL, YES, Side.BUY, "0.40", "0.17")) == {
        (ANNA, CASH): shares("3.83"),
        (BERT, CASH): shares("-4"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("-10"),
        (BERT, YES): shares("10"),
    }


def test_two_buyers_pay_the_mint_a_dollar_a_share() -> None:
    assert net(traded(Side.BUY, NO, Side.BUY, "0.60", "0.17")) == {
        (ANNA, CASH): shares("-4.17"),
        (BERT, CASH): shares("-6"),
        (MINT, CASH): shares("10"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("10"),
        (BERT, NO): shares("10"),
        (MINT, YES): shares("-10"),
        (MINT, NO): shares("-10"),
    }


def test_two_sellers_share_the_mints_dollar() -> None:
    assert net(traded(Side.SELL, NO, Side.SELL, "0.60", "0.17")) == {
        (ANNA, CASH): shares("3.83"),
        (BERT, CASH): shares("6"),
        (MINT, CASH): shares("-10"),
        (FEES, CASH): shares("0.17"),
        (ANNA, YES): shares("-10"),
        (BERT, NO): shares("-10"),
        (MINT, YES): shares("10"),
        (MINT, NO): shares("10"),
    }


def test_a_fee_may_take_all_of_the_first_proceeds_and_more() -> None:
    small = MakerFill("0x02", "", BERT, YES, "", Side.BUY, shares("1"), shares("0.01"))
    trade = a_trade(side=Side.SELL, makers=(small, small), fee=shares("0.015"))
    legs = legs_of(trade)
    assert Leg(BERT, FEES, CASH, shares("0.01")) in legs
    assert Leg(BERT, FEES, CASH, shares("0.005")) in legs
    assert net(trade)[ANNA, CASH] == shares("0.005")


@pytest.mark.parametrize(
    ("settled", "status"),
    [
        ("0", (False, 5 * MICROS)),
        ("4", (False, 3 * MICROS)),
        ("10", (True, 0)),
        ("9.999999", (True, 0)),
    ],
)
def test_the_chain_knows_what_an_order_may_still_give(
    settled: str, status: tuple[bool, int]
) -> None:
    assert chain_status(a_record(Wish()), shares(settled)) == status


def test_a_client_trade_is_mined_at_its_time_even_between_two_regular_blocks(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    room.wait("0.5")
    room.post(Wish(price="0.40"))
    seen = []
    for seconds in ("1.9", "0.1", "1.9", "0.1"):
        room.wait(seconds)
        seen.append(room.venue.trades()[0].status)
    assert seen == [
        TradeStatus.MATCHED,
        TradeStatus.MINED,
        TradeStatus.MINED,
        TradeStatus.CONFIRMED,
    ]


def test_maker_and_taker_of_a_trade_settle_together(room: Room) -> None:
    room.own(BERT, YES, "10")
    sold = room.post(Wish(side=Side.SELL, price="0.40", maker=BERT))
    bought = room.post(Wish(price="0.40", order_type=OrderType.FAK, maker_amount=4_000_000))
    assert room.venue.filled_on_chain(sold.order_id) is None
    room.wait("2")
    assert room.venue.filled_on_chain(sold.order_id) == (True, 0)
    assert room.venue.filled_on_chain(bought.order_id) == (True, 0)
    assert room.venue.balance(BERT, None) == shares("10004")
