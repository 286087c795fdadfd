"""What an order book says."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.scene import order_book, price, shares
from trading.book import (
    best_ask,
    best_bid,
    book_fault,
    depth,
    estimate_slippage,
    mid_price,
    price_cap,
    slippage_of,
    slippage_refusal,
    spread,
    visible_notional,
    walk,
)
from trading.rules import SlippageRules
from trading.types import FeeSchedule, OrderBook, OrderType, Reason, Side

RULES = SlippageRules()
BOOK = order_book(
    bids=(("0.49", "100"), ("0.48", "200"), ("0.40", "1000")),
    asks=(("0.51", "100"), ("0.52", "200"), ("0.60", "1000")),
)
NO_BIDS, NO_ASKS = order_book(bids=()), order_book(asks=())


@st.composite
def books(draw: st.DrawFn) -> OrderBook:
    cents = sorted(draw(st.sets(st.integers(1, 99), min_size=2, max_size=12)))
    cut = draw(st.integers(1, len(cents) - 1))
    sizes = st.decimals(min_value="0.01", max_value=1000, places=2)
    quotes = [(str(Decimal(c) / 100), str(draw(sizes))) for c in cents]
    return order_book(bids=tuple(reversed(quotes[:cut])), asks=tuple(quotes[cut:]))


def test_the_best_prices_and_what_lies_between() -> None:
    assert best_bid(BOOK) == Decimal("0.49")
    assert best_ask(BOOK) == Decimal("0.51")
    assert mid_price(BOOK) == Decimal("0.50")
    assert spread(BOOK) == Decimal("0.02")


@pytest.mark.parametrize("book", [NO_BIDS, NO_ASKS])
def test_a_one_sided_book_has_no_middle(book: OrderBook) -> None:
    assert mid_price(book) is None
    assert spread(book) is None
    assert estimate_slippage(book, Side.BUY, shares("1"), price("0.9"), RULES) is None


def test_an_empty_side_has_no_best_price_and_no_depth() -> None:
    assert best_bid(NO_BIDS) is None
    assert best_ask(NO_ASKS) is None
    assert depth(NO_ASKS, Side.BUY, Decimal("0.02")) == 0


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (BOOK, ""),
        (NO_BIDS, "empty: no bids"),
        (NO_ASKS, "empty: no asks"),
        (order_book(bids=(("0.50", "1"),), asks=(("0.50", "1"),)), "crossed"),
        (order_book(bids=(("0.60", "1"),), asks=(("0.50", "1"),)), "crossed"),
        (order_book(bids=(("0", "1"),)), "outside"),
        (order_book(asks=(("1", "1"),)), "outside"),
        (order_book(asks=(("0.50", "0"),)), "without size"),
        (order_book(asks=(("0.51", "1"), ("0.50", "1"))), "best first"),
        (order_book(bids=(("0.48", "1"), ("0.49", "1"))), "best first"),
        (order_book(bids=(("0.48", "1"), ("0.48", "1"))), "best first"),
    ],
)
def test_a_book_that_cannot_be_true_is_found_out(book: OrderBook, words: str) -> None:
    fault = book_fault(book)
    assert words in fault
    assert bool(words) is bool(fault)


def test_depth_counts_the_band_around_the_best_price() -> None:
    assert depth(BOOK, Side.BUY, Decimal("0.02")) == 300  # up to 0.5202
    assert depth(BOOK, Side.BUY, Decimal("0.01")) == 100
    assert depth(BOOK, Side.SELL, Decimal("0.03")) == 300  # down to 0.4753
    assert depth(BOOK, Side.SELL, Decimal("0.02")) == 100


def test_visible_notional_counts_both_sides() -> None:
    assert visible_notional(BOOK) == 49 + 96 + 400 + 51 + 104 + 600


def test_walking_the_book_stops_at_size_and_limit() -> None:
    part = walk(BOOK, Side.BUY, shares("150"), price("0.99"))
    assert part.size == 150
    assert part.cost == 51 + 26
    assert part.vwap == Decimal(77) / 150
    assert part.worst_price == Decimal("0.52")
    limited = walk(BOOK, Side.BUY, shares("5000"), price("0.52"))
    assert limited.size == 300
    sold = walk(BOOK, Side.SELL, shares("150"), price("0.48"))
    assert sold.cost == 49 + 24


def test_a_walk_that_meets_nothing_is_empty() -> None:
    nothing = walk(BOOK, Side.BUY, shares("10"), price("0.50"))
    assert nothing.size == nothing.cost == 0
    assert nothing.vwap is None
    assert nothing.worst_price is None
    assert estimate_slippage(BOOK, Side.BUY, shares("10"), price("0.50"), RULES) is None


def test_a_walk_pays_the_fee_of_each_level() -> None:
    walked = walk(BOOK, Side.BUY, shares("150"), price("0.99"))
    fees = FeeSchedule(Decimal("0.04"), 1)
    assert walked.fee(fees) == Decimal("0.9996") + Decimal("0.4992")


@given(book=books(), size=st.decimals(min_value="0.01", max_value=5000, places=2))
def test_a_walk_equals_taking_share_by_share(book: OrderBook, size: Decimal) -> None:
    for side in Side:
        limit = price("0.99") if side is Side.BUY else price("0.01")
        walked = walk(book, side, shares(str(size)), limit)
        open_levels = book.asks if side is Side.BUY else book.bids
        left, cost = size, Decimal(0)
        for level in open_levels:
            taken = min(left, level.size)
            left, cost = left - taken, cost + taken * level.price
        assert walked.cost == cost
        assert walked.size == size - left
        assert walked.vwap is not None
        assert walked.worst_price is not None
        best, worst = sorted((open_levels[0].price, walked.worst_price))
        assert best <= walked.vwap.quantize(Decimal("0.000000000001")) <= worst


def test_slippage_is_positive_when_it_costs_us() -> None:
    assert slippage_of(Side.BUY, price("0.51"), price("0.50")) == Decimal("0.02")
    assert slippage_of(Side.SELL, price("0.49"), price("0.50")) == Decimal("0.02")
    assert slippage_of(Side.SELL, price("0.51"), price("0.50")) == Decimal("-0.02")


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "0.99"), (Side.SELL, "0.01")])
def test_the_estimate_carries_a_buffer_of_a_fifth(side: Side, limit: str) -> None:
    estimate = estimate_slippage(BOOK, side, shares("100"), price(limit), RULES)
    assert estimate is not None
    assert estimate.mid == Decimal("0.50")
    assert estimate.slippage == Decimal("0.02")
    assert estimate.buffered == Decimal("0.024")


@pytest.mark.parametrize(
    ("order_type", "size", "is_refused"),
    [
        (OrderType.GTC, "100", True),  # 2.4 % over 2 %
        (OrderType.FAK, "100", False),
        (OrderType.FAK, "300", False),  # 4 %
        (OrderType.FOK, "700", True),
    ],
)
def test_too_much_slippage_is_refused(order_type: OrderType, size: str, is_refused: bool) -> None:
    estimate = estimate_slippage(BOOK, Side.BUY, shares(size), price("0.99"), RULES)
    assert estimate is not None
    refusal = slippage_refusal(estimate, order_type, RULES)
    assert (refusal is not None) is is_refused
    if refusal is not None:
        assert refusal.reason is Reason.SLIPPAGE_TOO_HIGH
        assert refusal.numbers["slippage_buffered"] == str(estimate.buffered)


@pytest.mark.parametrize(
    ("whale", "ask", "tick", "cap"),
    [
        ("0.50", "0.50", "0.01", "0.51"),  # whale + 2 %
        ("0.433", "0.43", "0.01", "0.44"),  # 0.44166, down
        ("0.90", "0.80", "0.01", "0.82"),  # best ask + 2 ticks
        ("0.50", "0.50", "0.001", "0.502"),
        ("0.98", "0.98", "0.01", "0.99"),  # never beyond the grid
        ("0.005", "0.50", "0.01", "0"),
    ],
)
def test_the_price_cap_is_bound_by_whale_and_book(
    whale: str, ask: str, tick: str, cap: str
) -> None:
    book = order_book(asks=((ask, "10"),), tick_size=price(tick))
    assert price_cap(price(whale), book, RULES) == Decimal(cap)


def test_without_asks_the_price_cap_is_the_whales() -> None:
    assert price_cap(price("0.50"), replace(BOOK, asks=()), RULES) == Decimal("0.51")
