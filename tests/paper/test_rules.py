"""Tests of what an order must say, against the amounts that the venue's own client makes."""

import pytest
from py_clob_client_v2.order_builder.builder import ROUNDING_CONFIG, OrderBuilder
from py_clob_client_v2.signer import Signer

from paper import rules
from paper.model import MICROS, OrderRefusedError, OrderType, Side, SignedOrder
from tests.paper.engine_room import START, YES, Wish, a_market, shares

GTC, GTD, FAK, FOK = OrderType.GTC, OrderType.GTD, OrderType.FAK, OrderType.FOK


def of_amounts(side: Side, making: int, taking: int) -> SignedOrder:
    return Wish(side=side, maker_amount=making, taker_amount=taking).signed()


@pytest.mark.parametrize("tick", ["0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_whatever_the_venues_client_makes_is_understood(tick: str, side: str) -> None:
    market = a_market(tick)
    builder = OrderBuilder(Signer("0x" + "01" * 32, 137))
    config = ROUNDING_CONFIG[tick]
    steps = range(shares(tick), MICROS, max(shares(tick), shares("0.01")))
    for price in steps:
        decimal = price / MICROS
        _, making, taking = builder.get_order_amounts(side, 7.93, decimal, config)
        limit = of_amounts(Side(side), making, taking)
        assert rules.limit_price(limit, market) == price
        rules.check_size(limit, GTC, market)
        if tick == "0.0025":
            continue  # the client's floats turn 0.1425 into 0.1424, which is off the grid
        _, making, taking = builder.get_market_order_amounts(side, 7.93, decimal, config)
        immediate = of_amounts(Side(side), making, taking)
        assert abs(rules.limit_price(immediate, market) - price) <= shares(tick)
        rules.check_size(immediate, FAK, market)


@pytest.mark.parametrize("price", ["0.432", "1", "0.004", "1.2"])
def test_a_price_off_the_grid_or_out_of_bounds_is_refused(price: str) -> None:
    order = Wish(price=price, size="100", order_id="0xab").signed()
    with pytest.raises(OrderRefusedError) as refused:
        rules.limit_price(order, a_market())
    assert str(refused.value) == (
        f"order 0xab is invalid. Price ({price}) breaks minimum tick size rule: 0.01"
    )
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("order_type", "side", "making", "taking", "words"),
    [
        (FAK, Side.BUY, "4.735", "11", "market buy orders maker amount .* 2 decimals, .* 4 decim"),
        (FOK, Side.BUY, "4.73", "11.00001", "market buy orders"),
        (FAK, Side.SELL, "10.001", "5", "market sell orders maker amount .* 2 decimals, .* 4 dec"),
        (GTC, Side.BUY, "5.00001", "10", "the buy orders maker amount .* 4 decimals, .* 2 decima"),
        (GTC, Side.SELL, "10.001", "5", "the sell orders maker amount .* 2 decimals, .* 4 decima"),
    ],
)
def test_too_many_decimals_are_refused(
    order_type: OrderType, side: Side, making: str, taking: str, words: str
) -> None:
    order = of_amounts(side, shares(making), shares(taking))
    with pytest.raises(OrderRefusedError, match=words):
        rules.check_size(order, order_type, a_market())


def test_a_resting_order_has_a_minimum_size_and_an_immediate_one_has_not() -> None:
    order = Wish(size="4.99", order_id="0xab", maker_amount=2_490_000).signed()
    with pytest.raises(OrderRefusedError) as refused:
        rules.check_size(order, GTC, a_market())
    assert str(refused.value) == ("order 0xab is invalid. Size (4.99) lower than the minimum: 5")
    rules.check_size(order, FAK, a_market())


def test_a_marketable_buy_is_worth_a_dollar() -> None:
    with pytest.raises(OrderRefusedError, match=r"BUY order \(\$0.99\), min size: \$1$"):
        rules.check_marketable(of_amounts(Side.BUY, 990_000, 9_900_000))
    rules.check_marketable(of_amounts(Side.BUY, 1_000_000, 9_900_000))
    rules.check_marketable(of_amounts(Side.SELL, 1_000_000, 990_000))


@pytest.mark.parametrize("amounts", [(0, 10), (10, 0), (-1, 10)])
def test_amounts_are_above_zero(amounts: tuple[int, int]) -> None:
    with pytest.raises(OrderRefusedError, match="Invalid order payload"):
        rules.check_terms(of_amounts(Side.BUY, *amounts), GTC, START, post_only=False)


@pytest.mark.parametrize(
    ("order_type", "after_s", "is_fine"),
    [(GTD, 61, True), (GTD, 60, False), (GTC, 100, False), (FAK, 100, False)],
)
def test_only_gtd_expires_and_a_minute_ahead_at_least(
    order_type: OrderType, after_s: int, *, is_fine: bool
) -> None:
    order = Wish(expiration=START // 1000 + after_s).signed()
    if is_fine:
        rules.check_terms(order, order_type, START, post_only=False)
        return
    with pytest.raises(OrderRefusedError, match="invalid expiration"):
        rules.check_terms(order, order_type, START, post_only=False)


@pytest.mark.parametrize("order_type", [FAK, FOK])
def test_an_immediate_order_cannot_be_post_only(order_type: OrderType) -> None:
    assert rules.is_immediate(order_type)
    with pytest.raises(OrderRefusedError, match="invalid post-only order"):
        rules.check_terms(Wish().signed(), order_type, START, post_only=True)


def test_closed_and_sleeping_markets_take_no_orders() -> None:
    rules.check_market(a_market(), YES)
    with pytest.raises(OrderRefusedError, match=f"the orderbook {YES} does not exist"):
        rules.check_market(a_market(closed=True), YES)
    with pytest.raises(OrderRefusedError, match="not yet ready to process new orders"):
        rules.check_market(a_market(accepting_orders=False), YES)


def test_open_orders_keep_their_part_of_the_balance() -> None:
    rules.check_balance(100, 40, 60)
    with pytest.raises(OrderRefusedError, match=r"balance: 100, sum of active orders: 40, .*: 61"):
        rules.check_balance(100, 40, 61)


def test_refusals_speak_the_venues_words() -> None:
    assert str(rules.duplicated("0xab")) == "order 0xab is invalid. Duplicated."
    assert str(rules.crosses_book()) == "invalid post-only order: order crosses book"
    assert str(rules.killed(FOK)).startswith("order couldn't be fully filled.")
    assert str(rules.killed(FAK)).startswith("no orders found to match with FAK order.")
