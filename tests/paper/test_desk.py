"""Tests of how clients' orders are taken in, matched, rested and taken down."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from paper import rules
from paper.desk import ALREADY_DONE, UNKNOWN
from paper.model import OrderRecord, OrderRefusedError, OrderStatus, OrderType, OrderUpdated, Side
from paper.venue import SubmitResult
from tests.paper.engine_room import (
    ANNA,
    BERT,
    NO,
    START,
    YES,
    Room,
    Wish,
    a_market,
    levels,
    open_room,
    shares,
    view,
)

FAK, FOK, GTC, GTD = OrderType.FAK, OrderType.FOK, OrderType.GTC, OrderType.GTD


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = open_room(tmp_path)
    yield room
    room.venue.close()


def record_of(room: Room, result: SubmitResult | str) -> OrderRecord:
    order_id = result if isinstance(result, str) else result.order_id
    record = room.venue.order(order_id)
    assert record is not None
    return record


def refusal(room: Room, wish: Wish) -> str:
    with pytest.raises(OrderRefusedError) as refused:
        room.post(wish)
    assert refused.value.status == 400
    return str(refused.value)


def test_an_order_that_meets_nobody_rests(room: Room) -> None:
    result = room.post(Wish(price="0.30"))
    assert (result.status, result.making_amount, result.trade_ids) == ("live", 0, ())
    assert view(room.venue).bids == levels(("0.30", "10"))
    assert record_of(room, result).status is OrderStatus.LIVE


def test_each_price_is_a_trade_of_its_own_and_the_better_comes_first(room: Room) -> None:
    room.book(asks=levels(("0.40", "4"), ("0.41", "3"), ("0.45", "100")))
    result = room.post(Wish(price="0.41", size="10"))
    assert (result.status, result.taking_amount) == ("matched", shares("7"))
    assert result.making_amount == shares("2.83")
    trades = room.venue.trades()
    assert [(trade.price, trade.size, trade.bucket_index) for trade in trades] == [
        (400_000, shares("4"), 0),
        (410_000, shares("3"), 1),
    ]
    assert all(trade.price * trade.size == trade.cost * 10**6 for trade in trades)
    assert record_of(room, result).trade_ids == [trade.trade_id for trade in trades]
    assert view(room.venue).bids == levels(("0.41", "3"))


def test_the_improvement_of_the_price_is_the_takers(room: Room) -> None:
    room.own(BERT, YES, "10")
    room.post(Wish(side=Side.SELL, price="0.40", maker=BERT))
    assert room.post(Wish(price="0.55")).making_amount == shares("4")


def test_clients_trade_in_the_order_of_price_then_time(room: Room) -> None:
    room.own(BERT, YES, "100")
    late = room.post(Wish(side=Side.SELL, price="0.42", maker=BERT))
    first = room.post(Wish(side=Side.SELL, price="0.41", maker=BERT))
    second = room.post(Wish(side=Side.SELL, price="0.41", maker=BERT))
    room.post(Wish(price="0.50", size="15"))
    assert record_of(room, first).status is OrderStatus.MATCHED
    assert record_of(room, second).matched == shares("5")
    assert record_of(room, late).matched == 0


def test_recorded_size_shown_first_is_served_first(room: Room) -> None:
    room.book(asks=levels(("0.40", "20")))
    room.own(BERT, YES, "10")
    resting = room.post(Wish(side=Side.SELL, price="0.40", maker=BERT))
    room.post(Wish(price="0.40", size="20"))
    assert record_of(room, resting).matched == 0
    room.post(Wish(price="0.40", size="10"))
    assert record_of(room, resting).status is OrderStatus.MATCHED


def test_both_sides_hear_of_a_match(room: Room) -> None:
    room.own(BERT, YES, "10")
    room.post(Wish(side=Side.SELL, price="0.40", maker=BERT, order_id="0xm"))
    room.post(Wish(price="0.40", size="10", order_id="0xt"))
    heard = [
        (event.record.order.order_id, event.kind, event.record.status)
        for event in room.heard()
        if isinstance(event, OrderUpdated)
    ]
    assert heard == [
        ("0xm", "PLACEMENT", OrderStatus.LIVE),
        ("0xt", "PLACEMENT", OrderStatus.LIVE),
        ("0xm", "UPDATE", OrderStatus.MATCHED),
        ("0xt", "UPDATE", OrderStatus.MATCHED),
    ]
    trade = room.venue.trades()[0]
    assert (trade.owner, trade.makers[0].owner) == (f"key of {ANNA}", f"key of {BERT}")


def test_a_fak_order_takes_what_there_is_and_is_done(room: Room) -> None:
    room.book(asks=levels(("0.40", "4")))
    result = room.post(Wish(price="0.40", order_type=FAK))
    record = record_of(room, result)
    assert (record.status, record.matched) == (OrderStatus.MATCHED, shares("4"))
    assert view(room.venue).bids == ()


def test_a_fak_order_without_a_match_is_killed_and_remembered(room: Room) -> None:
    wish = Wish(price="0.40", order_type=FAK, order_id="0xfak")
    assert refusal(room, wish) == rules.FAK_KILLED
    assert record_of(room, "0xfak").status is OrderStatus.CANCELED
    room.book(asks=levels(("0.40", "40")))
    assert refusal(room, wish) == "order 0xfak is invalid. Duplicated."
    assert refusal(room, wish) == "order 0xfak is invalid. Duplicated."
    assert record_of(room, "0xfak").posts == 3
    assert room.venue.trades() == []


def test_a_fok_order_is_filled_whole_or_killed(room: Room) -> None:
    room.book(asks=levels(("0.40", "9"), ("0.41", "1")))
    wish = Wish(price="0.40", order_type=FOK, order_id="0xfok")
    assert refusal(room, wish) == rules.FOK_KILLED
    assert record_of(room, "0xfok").status is OrderStatus.CANCELED
    assert room.venue.trades() == []
    result = room.post(Wish(price="0.41", order_type=FOK))
    assert record_of(room, result).status is OrderStatus.MATCHED


def test_a_market_buy_sized_by_dollars_is_filled_but_for_dust(tmp_path: Path) -> None:
    room = open_room(tmp_path, a_market("0.001"))
    room.book(asks=levels(("0.437", "100")))
    result = room.post(
        Wish(order_type=FOK, maker_amount=shares("5"), taker_amount=shares("11.44164"))
    )
    assert result.taking_amount == shares("11.441")
    assert result.making_amount == shares("4.999717")
    assert record_of(room, result).status is OrderStatus.MATCHED
    room.wait("2")
    assert room.venue.filled_on_chain(result.order_id) == (True, 0)
    room.venue.close()


def test_a_post_only_order_never_takes(room: Room) -> None:
    room.book(asks=levels(("0.40", "4")))
    wish = Wish(price="0.40", post_only=True, order_id="0xpost")
    assert refusal(room, wish) == "invalid post-only order: order crosses book"
    assert room.venue.order("0xpost") is None
    assert room.post(Wish(price="0.39", post_only=True)).status == "live"


def test_a_marketable_buy_below_a_dollar_is_refused(room: Room) -> None:
    wish = Wish(price="0.10", size="9", order_type=FAK)
    assert "min size: $1" in refusal(room, wish)
    room.book(asks=levels(("0.10", "100")))
    assert "min size: $1" in refusal(room, Wish(price="0.10", size="9"))
    assert room.post(Wish(price="0.09", size="9")).status == "live"


def test_a_refusal_for_money_is_forgotten(room: Room) -> None:
    wish = Wish(side=Side.SELL, order_id="0xpoor")
    assert "balance is not enough" in refusal(room, wish)
    assert room.venue.order("0xpoor") is None
    room.own(ANNA, YES, "10")
    assert room.post(wish).status == "live"


def test_open_orders_reserve_what_they_need(room: Room) -> None:
    first = room.post(Wish(price="0.50", size="15000"))
    assert "sum of active orders: 7500000000" in refusal(room, Wish(price="0.50", size="5000.01"))
    room.venue.cancel([first.order_id], f"key of {ANNA}")
    assert room.post(Wish(price="0.50", size="5001")).status == "live"


def test_a_taker_needs_its_fee_on_top(tmp_path: Path) -> None:
    room = open_room(tmp_path, a_market(fee_rate=Decimal("0.07")))
    room.book(asks=levels(("0.50", "100000")))
    assert "order amount: 10350000000" in refusal(room, Wish(size="20000"))
    result = room.post(Wish(size="19000"))
    fee = shares("332.5")  # 19,000 * 0.07 * 0.25
    assert room.venue.trades()[0].fee == fee
    assert room.venue.balance(ANNA, None) == shares("10000") - result.making_amount - fee
    room.venue.close()


def test_a_resting_order_pays_no_fee_and_keeps_none(tmp_path: Path) -> None:
    room = open_room(tmp_path, a_market(fee_rate=Decimal("0.07")))
    room.own(BERT, YES, "20000")
    room.post(Wish(size="20000"))
    room.post(Wish(side=Side.SELL, size="20000", maker=BERT))
    room.wait("2")
    assert room.venue.balance(ANNA, None) == 0
    assert room.venue.balance(BERT, None) == shares("20000") - shares("350")
    room.venue.close()


def test_several_prices_are_paid_for_to_the_micro(tmp_path: Path) -> None:
    room = open_room(tmp_path, a_market(fee_rate=Decimal("0.07")))
    room.book(asks=levels(*((f"0.{cents}", "10") for cents in range(41, 51))))
    room.post(Wish(token_id=YES, size="100"))
    assert len(room.venue.trades()) == 10
    room.post(Wish(token_id=NO, price="0.99", size="5", maker=BERT))
    room.venue.close()


@pytest.mark.parametrize("expires", ["GTD", "not yet"])
def test_a_good_till_date_order_goes_a_minute_early(room: Room, expires: str) -> None:
    result = room.post(Wish(price="0.30", order_type=GTD, expiration=START // 1000 + 65))
    room.wait("5" if expires == "GTD" else "4.9")
    ended = OrderStatus.CANCELED_EXPIRED_ORDER if expires == "GTD" else OrderStatus.LIVE
    assert record_of(room, result).status is ended
    assert bool(view(room.venue).bids) is (expires != "GTD")


def test_a_key_cancels_its_own_resting_orders_only(room: Room) -> None:
    room.book(asks=levels(("0.40", "4")))
    mine = room.post(Wish(price="0.30"))
    foreign = room.post(Wish(price="0.31", maker=BERT))
    done = room.post(Wish(price="0.40", order_type=FAK))
    ids = [mine.order_id, mine.order_id, foreign.order_id, done.order_id, "0xnone"]
    cancelled, refused = room.venue.cancel(ids, f"key of {ANNA}")
    assert cancelled == [mine.order_id]
    assert refused == {
        foreign.order_id: UNKNOWN,
        done.order_id: ALREADY_DONE,
        "0xnone": UNKNOWN,
    }
    assert view(room.venue).bids == levels(("0.31", "10"))
    assert record_of(room, mine).status is OrderStatus.CANCELED


def test_a_token_of_no_market_is_refused(room: Room) -> None:
    assert refusal(room, Wish(token_id="1")) == "the orderbook 1 does not exist"


def test_an_order_on_the_second_outcome_shows_on_both_books(room: Room) -> None:
    room.post(Wish(token_id=NO, price="0.30"))
    assert view(room.venue, NO).bids == levels(("0.30", "10"))
    assert view(room.venue, YES).asks == levels(("0.70", "10"))
