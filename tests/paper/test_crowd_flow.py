"""Tests of whale orders and of levels that reach resting orders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paper.model import Level, OrderRecord, OrderStatus, Side, Trade, Traded, TradeStatus
from paper.tape import WhaleOrder
from tests.paper.engine_room import (
    ANNA,
    BERT,
    CONDITION,
    NO,
    START,
    YES,
    Room,
    Wish,
    is_balanced,
    levels,
    open_room,
    shares,
    view,
)

WHALE = "0x3333333333333333333333333333333333333333"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = open_room(tmp_path)
    # The whales of a tape are known to the crowd; here one is introduced by hand.
    crowd = room.venue._company.floor.crowd
    crowd._invented = crowd._invented | {WHALE}
    yield room
    assert is_balanced(room.venue)
    room.venue.close()


def whale(
    room: Room,
    fills: tuple[Level, ...],
    side: Side = Side.BUY,
    *,
    outcome: int = 0,
    is_maker: bool = False,
) -> list[Trade]:
    order = WhaleOrder(START, 1, WHALE, CONDITION, outcome, side, is_maker, fills)
    listing = room.venue._company.floor.registry.get(CONDITION)
    assert listing is not None
    return room.venue._company.crew.crowd_flow.whale(order, listing, room.clock.at)


def status(trade: Trade) -> TradeStatus:
    return trade.status


def rest(room: Room, wish: Wish) -> OrderRecord:
    record = room.venue.order(room.post(wish).order_id)
    assert record is not None
    return record


def test_a_whale_takes_many_levels_in_one_trade_whose_hash_is_known_at_once(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    fills = levels(("0.40", "2000"), ("0.41", "1000"))
    (trade,) = whale(room, fills)
    assert (trade.wallet, trade.size, trade.cost) == (WHALE, shares("3000"), shares("1210"))
    assert trade.transaction_hash
    assert [maker.size for maker in trade.makers] == [shares("2000"), shares("1000")]
    assert view(room.venue).asks == levels(("0.40", "100"))
    assert any(isinstance(event, Traded) for event in room.heard())
    room.wait("2.1")
    assert status(trade) is TradeStatus.MINED
    assert room.venue.balance(WHALE, YES) == shares("3000")
    assert len(room.venue.logs(0, 10**9)) == 4
    room.wait("2")
    assert status(trade) is TradeStatus.CONFIRMED


def test_a_whale_that_rested_is_the_maker(room: Room) -> None:
    trades = whale(room, levels(("0.40", "2000"), ("0.40", "500")), is_maker=True)
    assert [trade.makers[0].wallet for trade in trades] == [WHALE, WHALE]
    assert {trade.makers[0].order_id for trade in trades} == {trades[0].makers[0].order_id}
    assert [trade.side for trade in trades] == [Side.SELL, Side.SELL]
    assert trades[0].transaction_hash != trades[1].transaction_hash
    room.wait("2.1")
    assert room.venue.balance(WHALE, YES) == shares("2500")


def test_a_client_is_served_before_the_recorded_size_behind_it(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    room.own(ANNA, YES, "50")
    mine = rest(room, Wish(side=Side.SELL, price="0.40", size="50"))
    whale(room, levels(("0.40", "100")))
    assert mine.matched == 0
    (trade,) = whale(room, levels(("0.40", "30")))
    assert mine.matched == shares("30")
    assert trade.makers[0].wallet == ANNA
    assert trade.transaction_hash == ""  # a client's trade tells it when it is mined


def test_a_client_with_a_better_price_comes_first(room: Room) -> None:
    room.book(asks=levels(("0.40", "100")))
    room.own(ANNA, YES, "50")
    mine = rest(room, Wish(side=Side.SELL, price="0.39", size="50"))
    (trade,) = whale(room, levels(("0.40", "80")))
    assert mine.status is OrderStatus.MATCHED
    assert [(maker.wallet == ANNA, maker.size) for maker in trade.makers] == [
        (True, shares("50")),
        (False, shares("30")),
    ]
    assert trade.cost == shares("31.5")


def test_a_whale_on_the_second_outcome_meets_buyers_of_the_first(room: Room) -> None:
    mine = rest(room, Wish(price="0.40", size="50"))
    (trade,) = whale(room, levels(("0.60", "50")), outcome=1)
    assert mine.status is OrderStatus.MATCHED
    assert trade.token_id == NO
    room.wait("2.1")
    assert room.venue.balance(ANNA, YES) == shares("50")


def test_fills_smaller_than_a_whole_micro_are_left_out(room: Room) -> None:
    assert whale(room, (Level(430_000, 99),)) == []


def test_what_rests_moves_up_when_a_whale_at_its_price_is_hit(room: Room) -> None:
    room.book(bids=levels(("0.39", "100")))
    mine = rest(room, Wish(price="0.39", size="50"))
    whale(room, levels(("0.39", "100")), is_maker=True)
    whale(room, levels(("0.39", "20")), Side.SELL)
    assert mine.matched == shares("20")


def test_a_resting_order_fills_at_its_own_price_when_a_level_crosses_it(room: Room) -> None:
    room.book(bids=levels(("0.39", "100")), asks=levels(("0.41", "7")))
    mine = rest(room, Wish(price="0.40", size="10"))
    room.book(bids=levels(("0.37", "100")), asks=levels(("0.38", "3"), ("0.40", "4")))
    assert mine.matched == shares("7")
    assert [(trade.price, trade.size) for trade in room.venue.trades()] == [
        (400_000, shares("3")),
        (400_000, shares("4")),
    ]
    assert view(room.venue).asks == ()
    room.book(bids=levels(("0.37", "100")), asks=levels(("0.38", "3"), ("0.40", "4")))
    assert mine.matched == shares("7")
    room.book(bids=levels(("0.37", "100")), asks=levels(("0.38", "8")))
    assert mine.status is OrderStatus.MATCHED
    assert view(room.venue).asks == levels(("0.38", "5"))
    room.wait("4")
    assert room.venue.balance(ANNA, YES) == shares("10")


def test_a_resting_sale_fills_when_a_bid_crosses_it(room: Room) -> None:
    room.own(BERT, NO, "10")
    mine = rest(room, Wish(side=Side.SELL, token_id=NO, price="0.60", maker=BERT))
    room.book(asks=levels(("0.39", "10")))
    assert mine.status is OrderStatus.MATCHED
    trade = room.venue.trades()[0]
    assert (trade.token_id, trade.side, trade.price) == (NO, Side.BUY, shares("0.60"))


def test_a_crossing_size_below_a_step_is_left(room: Room) -> None:
    mine = rest(room, Wish(price="0.43", size="10"))
    room.book(asks=levels(("0.43", "100")))
    assert mine.status is OrderStatus.MATCHED
