"""Tests of the memory of orders and of reservations."""

from paper.ledger import CASH
from paper.model import OrderRecord, OrderStatus, OrderType, Side
from paper.orders import Orders, leaves
from tests.paper.engine_room import ANNA, BERT, CONDITION, START, YES, Wish, shares


def a_record(wish: Wish, price: int = 500_000) -> OrderRecord:
    return OrderRecord(
        order=wish.signed(),
        condition_id=CONDITION,
        outcome="Yes",
        price=price,
        owner="key",
        order_type=OrderType.GTC,
        post_only=False,
        status=OrderStatus.LIVE,
        received_at=START,
    )


def test_open_buys_reserve_cash_and_open_sells_tokens() -> None:
    orders = Orders()
    buy, sell = a_record(Wish(size="10")), a_record(Wish(side=Side.SELL, size="7"))
    orders.add(buy)
    orders.add(sell)
    assert orders.reserved(ANNA, CASH) == shares("5")
    assert orders.reserved(ANNA, YES) == shares("7")
    assert orders.reserved(BERT, CASH) == 0
    buy.matched = shares("4")
    orders.touch(buy)
    assert leaves(buy) == shares("6")
    assert orders.reserved(ANNA, CASH) == shares("3")


def test_a_reservation_is_rounded_up() -> None:
    orders = Orders()
    orders.add(a_record(Wish(taker_amount=3), price=500_000))
    assert orders.reserved(ANNA, CASH) == 2


def test_an_order_that_ends_reserves_nothing_and_stays_known() -> None:
    orders = Orders()
    record = a_record(Wish(order_id="0xab"))
    orders.add(record)
    assert orders.open_orders() == [record]
    record.status = OrderStatus.CANCELED
    orders.touch(record)
    assert orders.open_orders() == []
    assert orders.reserved(ANNA, CASH) == 0
    assert orders.get("0xab") is record
    assert orders.signed("0xab") is record.order
    assert orders.signed("0xac") is None
    assert orders.get("0xac") is None


def test_loaded_orders_need_no_saving() -> None:
    orders = Orders()
    records = [a_record(Wish()), a_record(Wish())]
    orders.load(records)
    assert list(orders.all()) == records
    assert not orders.has_changes
    orders.touch(records[1])
    assert orders.has_changes
    assert orders.take_changes() == [records[1]]
    assert not orders.has_changes
