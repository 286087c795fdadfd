from dataclasses import replace

from polymarket.models.clob.user_events import UserOrderEvent, UserTradeEvent, parse_user_event

from paper.model import MICROS, OrderStatus, OrderType, OrderUpdated
from paper.user_frames import order_frame, owns_trade, trade_frame
from tests.paper.told_venue import CLIENT, HASH, KEY, NOW, OTHER_KEY, WHALE, a_trade, an_order


def test_an_order_is_written_with_plain_decimals() -> None:
    record = an_order()
    record.matched = 12_500_000
    record.trade_ids = ["trade-1"]
    event = parse_user_event(order_frame(OrderUpdated(record, "UPDATE", NOW)))
    assert isinstance(event, UserOrderEvent)
    assert (str(event.payload.size_matched), str(event.payload.price)) == ("12.5", "0.44")
    assert event.payload.associate_trades == ("trade-1",)
    assert event.payload.expires_at is None
    assert event.payload.maker_address == CLIENT


def test_the_kill_of_a_fok_order_is_worded_as_production_words_it() -> None:
    record = an_order(order_type=OrderType.FOK)
    record.status = OrderStatus.CANCELED
    frame = order_frame(OrderUpdated(record, "CANCELLATION", NOW))
    assert str(frame["status"]).startswith("CANCELED_order couldn't be fully filled.")
    assert isinstance(parse_user_event(frame), UserOrderEvent)


def test_other_cancellations_are_plain() -> None:
    for order_type, matched in ((OrderType.FAK, 0), (OrderType.FOK, 5)):
        record = an_order(order_type=order_type)
        record.status, record.matched = OrderStatus.CANCELED, matched
        assert order_frame(OrderUpdated(record, "CANCELLATION", NOW))["status"] == "CANCELED"


def test_a_taker_sees_its_trade() -> None:
    event = parse_user_event(trade_frame(a_trade(owner=KEY[1]), KEY[1]))
    assert isinstance(event, UserTradeEvent)
    assert (event.payload.trader_side, event.payload.owner) == ("TAKER", KEY[1])
    assert (event.payload.maker_address, event.payload.transaction_hash) == (WHALE, HASH)
    assert event.payload.maker_orders is not None
    assert [str(order.matched_amount) for order in event.payload.maker_orders] == ["10", "20"]


def test_a_maker_sees_the_takers_trade_with_its_own_wallet() -> None:
    trade = a_trade()
    trade.makers = (trade.makers[0], replace(trade.makers[1], owner=KEY[1], wallet=CLIENT))
    frame = trade_frame(trade, KEY[1])
    assert (frame["trader_side"], frame["maker_address"]) == ("MAKER", CLIENT)
    assert frame["side"] == "BUY"
    assert isinstance(parse_user_event(frame), UserTradeEvent)
    assert owns_trade(trade, KEY[1])
    assert not owns_trade(trade, OTHER_KEY[1])


def test_a_trade_that_is_not_mined_has_no_hash() -> None:
    assert trade_frame(a_trade(owner=KEY[1], transaction_hash=""), KEY[1])["transaction_hash"] == ""
    assert trade_frame(a_trade(owner=KEY[1], size=7 * MICROS), KEY[1])["size"] == "7"
