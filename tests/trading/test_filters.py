"""The stages an entry passes before it is sized."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.trading.scene import NOW, order_book, price, shares, usd
from tests.trading.scene import market as open_market
from tests.trading.scene import signal as whale_signal
from trading.filters import (
    check_book,
    check_depth,
    check_liquidity,
    check_market,
    check_signal,
    check_timing,
)
from trading.rules import FilterRules
from trading.types import Market, OrderBook, Reason, Refusal, Side, TokenId

RULES = FilterRules()
MARKET = open_market()
SIGNAL = whale_signal()
BOOK = order_book()


def reason_of(refusal: Refusal | None) -> Reason | None:
    assert refusal is None or refusal.numbers
    return None if refusal is None else refusal.reason


@pytest.mark.parametrize(("size", "reason"), [("2000", None), ("1999", Reason.NOTIONAL_TOO_SMALL)])
def test_small_whale_orders_are_not_copied(size: str, reason: Reason | None) -> None:
    assert reason_of(check_signal(whale_signal(size=size), RULES)) is reason


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (MARKET, None),
        (replace(MARKET, token_ids=(TokenId("8"), TokenId("9"))), Reason.MARKET_UNKNOWN),
        (replace(MARKET, is_active=False), Reason.MARKET_CLOSED),
        (replace(MARKET, is_closed=True), Reason.MARKET_CLOSED),
        (replace(MARKET, accepts_orders=False), Reason.MARKET_CLOSED),
        (replace(MARKET, payouts=(price("1"), price("0"))), Reason.MARKET_CLOSED),
        (replace(MARKET, ends_at=None), Reason.END_TOO_FAR),
        (replace(MARKET, ends_at=NOW + timedelta(days=90)), None),
        (replace(MARKET, ends_at=NOW + timedelta(days=90, seconds=1)), Reason.END_TOO_FAR),
        (replace(MARKET, ends_at=NOW + timedelta(hours=1)), None),
        (replace(MARKET, ends_at=NOW + timedelta(minutes=59)), Reason.END_TOO_NEAR),
        (replace(MARKET, ends_at=NOW - timedelta(days=1)), Reason.END_TOO_NEAR),
    ],
)
def test_the_market_must_be_open_and_end_in_time(market: Market, reason: Reason | None) -> None:
    assert reason_of(check_market(SIGNAL, market, NOW, RULES)) is reason


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("0.05", None),
        ("0.95", None),
        ("0.049", Reason.PRICE_OUT_OF_BAND),
        ("0.951", Reason.PRICE_OUT_OF_BAND),
    ],
)
def test_the_whales_price_must_lie_within_the_band(at: str, reason: Reason | None) -> None:
    assert reason_of(check_market(whale_signal(at=at), MARKET, NOW, RULES)) is reason


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (BOOK, None),
        (order_book(received_at=NOW - timedelta(seconds=2)), None),
        (order_book(received_at=NOW - timedelta(seconds=2.1)), Reason.BOOK_STALE),
        (order_book(asks=()), Reason.BOOK_INVALID),
        (order_book(bids=(("0.55", "1"),)), Reason.BOOK_INVALID),
    ],
)
def test_the_book_must_be_fresh_and_possible(book: OrderBook, reason: Reason | None) -> None:
    assert reason_of(check_book(book, NOW, RULES)) is reason


@pytest.mark.parametrize(
    ("market", "book", "reason"),
    [
        (MARKET, BOOK, None),
        (replace(MARKET, liquidity=usd("9999")), BOOK, Reason.LIQUIDITY_TOO_LOW),
        (replace(MARKET, liquidity=usd("10000")), BOOK, None),
        (replace(MARKET, liquidity=None), BOOK, None),
        (
            replace(MARKET, liquidity=None),
            order_book(bids=(("0.49", "10"),), asks=(("0.50", "10"),)),
            Reason.LIQUIDITY_TOO_LOW,
        ),
        (MARKET, order_book(bids=(("0.47", "1"),)), None),
        (MARKET, order_book(bids=(("0.46", "1"),)), Reason.SPREAD_TOO_WIDE),
    ],
)
def test_the_market_must_be_liquid(market: Market, book: OrderBook, reason: Reason | None) -> None:
    assert reason_of(check_liquidity(market, book, RULES)) is reason


@pytest.mark.parametrize(("size", "reason"), [("40000", Reason.DEPTH_TOO_LOW), ("20000", None)])
def test_our_order_must_fit_near_the_best_price(size: str, reason: Reason | None) -> None:
    book = order_book(asks=(("0.50", "20000"), ("0.52", "90000")))
    assert reason_of(check_depth(book, Side.BUY, shares(size), RULES)) is reason


@pytest.mark.parametrize(
    ("age_s", "ask", "reason"),
    [
        (5, "0.50", None),
        (6, "0.50", Reason.SIGNAL_TOO_OLD),
        (-1, "0.50", None),  # a chain's clock may run ahead of ours
        (1, "0.51", None),
        (1, "0.511", Reason.PRICE_MOVED),
        (1, "0.40", None),  # moved in our favour
    ],
)
def test_the_signal_must_be_fresh_and_the_price_still_there(
    age_s: int, ask: str, reason: Reason | None
) -> None:
    signal = replace(SIGNAL, traded_at=NOW - timedelta(seconds=age_s))
    book = order_book(asks=((ask, "10"),))
    assert reason_of(check_timing(signal, book, NOW, RULES)) is reason


def test_a_refusal_tells_its_numbers_in_plain_decimals() -> None:
    refusal = check_signal(replace(SIGNAL, size=shares("1E+2"), price=price("0.5")), RULES)
    numbers = {"whale_notional": "50", "whale_notional_min": "1000"}
    assert refusal == Refusal(Reason.NOTIONAL_TOO_SMALL, numbers)
