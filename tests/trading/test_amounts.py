"""The exact integer amounts of an order."""

import random
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymarket._internal.actions.orders.limit import _compute_limit_order_amounts
from polymarket._internal.actions.orders.market import _compute_market_order_amounts
from py_clob_client_v2.order_builder.builder import ROUNDING_CONFIG, OrderBuilder

from trading.amounts import SIZE_MAX, TICK_SIZES, OrderAmounts, OrderTerms, order_amounts
from trading.types import OrderType, Price, Shares, Side

TICKS = sorted(TICK_SIZES)
AMOUNT_DECIMALS = {"0.1": 3, "0.01": 4, "0.005": 5, "0.0025": 6, "0.001": 5, "0.0001": 6}

all_terms = st.builds(
    OrderTerms,
    side=st.sampled_from(Side),
    size=st.integers(10_000, 20_000_000_000).map(lambda n: Shares(Decimal(n).scaleb(-6))),
    price=st.integers(10, 99_990).map(lambda n: Price(Decimal(n).scaleb(-5))),
    tick_size=st.sampled_from(TICKS),
    order_type=st.sampled_from(OrderType),
)


def terms(
    side: Side, size: str, price: str, tick: str = "0.01", order_type: OrderType = OrderType.FAK
) -> OrderTerms:
    return OrderTerms(
        side, Shares(Decimal(size)), Price(Decimal(price)), Price(Decimal(tick)), order_type
    )


def usd_and_shares(side: Side, amounts: OrderAmounts) -> tuple[int, int]:
    pair = (amounts.maker_amount, amounts.taker_amount)
    return pair if side is Side.BUY else (pair[1], pair[0])


def check_venue_rules(asked: OrderTerms, amounts: OrderAmounts) -> None:
    """All that the venue and our own bounds demand; plain integers, so that it can run often."""
    usd, shares = usd_and_shares(asked.side, amounts)
    price_micros = asked.price * 1_000_000
    assert usd > 0
    assert shares > 0
    assert shares % 10_000 == 0  # size: two decimals
    assert shares <= asked.size * 1_000_000
    assert usd % 10 ** (6 - AMOUNT_DECIMALS[str(asked.tick_size)]) == 0
    assert amounts.price % asked.tick_size == 0
    if asked.side is Side.BUY:
        assert usd * 1_000_000 <= price_micros * shares  # never above the price per share
        assert usd <= asked.price * asked.size * 1_000_000
        if not asked.order_type.rests:
            assert usd % 10_000 == 0  # whole cents
    else:
        assert usd * 1_000_000 >= price_micros * shares  # never below the price per share
    assert usd == amounts.price * amounts.size * 1_000_000
    assert shares == amounts.size * 1_000_000


@settings(max_examples=10_000, deadline=None)
@given(asked=all_terms)
def test_amounts_obey_the_venue_and_the_price_bound(asked: OrderTerms) -> None:
    try:
        amounts = order_amounts(asked)
    except ValueError:
        return
    check_venue_rules(asked, amounts)


@given(asked=all_terms)
def test_the_amounts_of_a_result_are_the_result(asked: OrderTerms) -> None:
    try:
        first = order_amounts(asked)
    except ValueError:
        return
    again = OrderTerms(asked.side, first.size, first.price, asked.tick_size, asked.order_type)
    assert order_amounts(again) == first


def seeded_terms(seed: int, count: int) -> Iterator[OrderTerms]:
    chance = random.Random(seed)
    sides, types = list(Side), list(OrderType)
    for _ in range(count):
        tick = chance.choice(TICKS)
        steps = int(1 / tick)
        price = tick * chance.randint(1, steps - 1)
        if chance.random() < 0.2:
            price += Decimal(chance.randint(-9, 9)).scaleb(-6)
        size = Decimal(chance.randint(1, 10 ** chance.randint(3, 10))).scaleb(-6)
        yield OrderTerms(
            chance.choice(sides), Shares(size), Price(price), tick, chance.choice(types)
        )


def count_checked(seed: int, count: int) -> int:
    checked = 0
    for asked in seeded_terms(seed, count):
        try:
            amounts = order_amounts(asked)
        except ValueError:
            continue
        check_venue_rules(asked, amounts)
        checked += 1
    return checked


def test_twenty_thousand_seeded_orders_are_valid() -> None:
    assert count_checked(seed=11, count=20_000) > 10_000


@pytest.mark.acceptance
def test_a_million_seeded_orders_are_valid() -> None:
    assert count_checked(seed=7, count=1_000_000) > 500_000


@pytest.mark.parametrize("order_type", [OrderType.GTC, OrderType.GTD])
def test_a_resting_buy_signs_price_times_size_unrounded(order_type: OrderType) -> None:
    amounts = order_amounts(terms(Side.BUY, "10.01", "0.43", order_type=order_type))
    assert amounts == OrderAmounts(
        4_304_300, 10_010_000, Shares(Decimal("10.01")), Price(Decimal("0.43"))
    )


def test_a_market_buy_costs_whole_cents() -> None:
    amounts = order_amounts(terms(Side.BUY, "11.63", "0.43"))
    assert (amounts.maker_amount, amounts.taker_amount) == (4_730_000, 11_000_000)


def test_a_market_buy_on_a_kind_price_keeps_its_size() -> None:
    amounts = order_amounts(terms(Side.BUY, "11.64", "0.50"))
    assert (amounts.maker_amount, amounts.taker_amount) == (5_820_000, 11_640_000)


def test_a_market_sell_keeps_every_hundredth_of_a_share() -> None:
    amounts = order_amounts(terms(Side.SELL, "0.29", "0.543", "0.001"))
    assert (amounts.maker_amount, amounts.taker_amount) == (290_000, 157_470)


def test_a_market_buy_on_a_fine_tick_gives_up_a_hair_of_price_rather_than_size() -> None:
    amounts = order_amounts(terms(Side.BUY, "150", "0.5431", "0.0001"))
    assert (amounts.size, amounts.price) == (Decimal(150), Decimal("0.543"))


def test_a_market_buy_takes_the_least_loss_where_every_price_loses_much() -> None:
    amounts = order_amounts(terms(Side.BUY, "9.7", "0.543", "0.001"))
    assert (amounts.size, amounts.price) == (Decimal(5), Decimal("0.542"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (terms(Side.BUY, "10", "0.5", "0.02"), "tick size"),
        (terms(Side.BUY, "10", "0"), r"price within \(0, 1\)"),
        (terms(Side.SELL, "10", "1"), r"price within \(0, 1\)"),
        (terms(Side.SELL, "10", "NaN"), r"price within \(0, 1\)"),
        (terms(Side.BUY, "10", "0.004"), "with a tick"),
        (terms(Side.SELL, "10", "0.991"), "with a tick"),
        (terms(Side.SELL, "0.009", "0.5"), "after rounding"),
        (terms(Side.BUY, "0.99", "0.43"), "after rounding"),
        (terms(Side.SELL, "0", "0.5"), "size within"),
        (terms(Side.SELL, "-3", "0.5"), "size within"),
        (terms(Side.SELL, "NaN", "0.5"), "size within"),
        (terms(Side.SELL, str(SIZE_MAX), "0.5"), "size within"),
    ],
)
def test_impossible_orders_are_refused_with_their_numbers(asked: OrderTerms, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        order_amounts(asked)
    assert str(asked.size) in str(caught.value)


@settings(max_examples=500)
@given(asked=all_terms)
def test_limit_orders_equal_those_of_the_exact_library(asked: OrderTerms) -> None:
    asked = OrderTerms(asked.side, asked.size, asked.price, asked.tick_size, OrderType.GTC)
    try:
        ours = order_amounts(asked)
    except ValueError:
        return
    theirs = _compute_limit_order_amounts(
        price=ours.price, size=asked.size, side=asked.side.value, tick_size=asked.tick_size
    )
    assert (ours.maker_amount, ours.taker_amount) == theirs


@settings(max_examples=500)
@given(asked=all_terms)
def test_market_orders_equal_those_of_the_exact_library(asked: OrderTerms) -> None:
    asked = OrderTerms(asked.side, asked.size, asked.price, asked.tick_size, OrderType.FAK)
    try:
        ours = order_amounts(asked)
    except ValueError:
        return
    theirs = _compute_market_order_amounts(
        amount=Decimal(ours.maker_amount) / 1_000_000,
        price=ours.price,
        side=asked.side.value,
        tick_size=asked.tick_size,
    )
    assert (ours.maker_amount, ours.taker_amount) == theirs


@settings(max_examples=1_000)
@given(asked=all_terms)
def test_orders_equal_those_of_the_float_library_where_it_keeps_the_size(
    asked: OrderTerms,
) -> None:
    """It loses a hundredth of a share, and so some money, where a float is a hair too small."""
    asked = OrderTerms(asked.side, asked.size, asked.price, asked.tick_size, OrderType.GTC)
    try:
        ours = order_amounts(asked)
    except ValueError:
        return
    config = ROUNDING_CONFIG[str(asked.tick_size)]
    _, maker, taker = OrderBuilder.get_order_amounts(
        None, asked.side.value, float(ours.size), float(ours.price), config
    )
    mine = ours.taker_amount if asked.side is Side.BUY else ours.maker_amount
    theirs = taker if asked.side is Side.BUY else maker
    if theirs == mine:
        usd = maker if asked.side is Side.BUY else taker
        our_usd = ours.maker_amount if asked.side is Side.BUY else ours.taker_amount
        assert abs(usd - our_usd) <= 10 ** (6 - config.amount)
    else:
        assert mine - theirs == 10_000
