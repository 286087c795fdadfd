"""Tests of matching and of the fee, by hand and as properties."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.matching import (
    Offer,
    by_price,
    is_filled,
    match,
    notional,
    size_step,
    taker_fee,
    total_size,
)
from paper.model import MICROS
from tests.paper.engine_room import shares

PRICES = st.integers(1, 9999).map(lambda tick: tick * 100)


def test_offers_are_taken_in_order_until_the_size_is_reached() -> None:
    offers = [Offer(400_000, shares("6"), "a"), Offer(410_000, shares("6")), Offer(420_000, 1)]
    fills = match(offers, shares("10"))
    assert fills == [Offer(400_000, shares("6"), "a"), Offer(410_000, shares("4"))]
    assert is_filled(shares("10"), fills)
    assert not is_filled(shares("12"), fills)
    assert not is_filled(1, [])


def test_no_offers_fill_nothing() -> None:
    assert match([], shares("1")) == []


@pytest.mark.parametrize(
    ("price", "step"), [("0.50", 2), ("0.43", 100), ("0.437", 1000), ("0.4371", 10_000)]
)
def test_a_step_is_the_smallest_size_that_costs_whole_micros(price: str, step: int) -> None:
    assert size_step(shares(price)) == step
    assert step * shares(price) % MICROS == 0


def test_a_remainder_below_a_step_counts_as_filled() -> None:
    fills = match([Offer(437_000, shares("100"))], shares("11.44164"))
    assert total_size(fills) == shares("11.441")
    assert is_filled(shares("11.44164"), fills)


def test_dust_of_one_offer_does_not_stop_the_next() -> None:
    fills = match([Offer(437_000, 700), Offer(440_000, shares("5"))], shares("1"))
    assert fills == [Offer(440_000, shares("1"))]


@given(
    st.lists(st.builds(Offer, PRICES, st.integers(1, 10**10)), max_size=6),
    st.integers(1, 10**10),
)
def test_fills_never_exceed_the_size_and_cost_whole_micros(offers: list[Offer], size: int) -> None:
    fills = match(offers, size)
    assert total_size(fills) <= size
    assert all(fill.size * fill.price % MICROS == 0 for fill in fills)
    assert [fill for run in by_price(fills) for fill in run] == fills


def test_runs_have_one_price_each() -> None:
    a, b, c = Offer(1, 1), Offer(1, 2), Offer(2, 3)
    assert by_price([a, b, c]) == [[a, b], [c]]


@pytest.mark.parametrize(
    ("rate", "fee"), [("0.07", "1.75"), ("0.05", "1.25"), ("0.04", "1.00"), ("0", "0")]
)
def test_a_hundred_shares_at_half_cost_the_printed_fee(rate: str, fee: str) -> None:
    assert taker_fee(shares("100"), 500_000, Decimal(rate), 1) == shares(fee)


def test_the_smallest_fee_has_five_decimals() -> None:
    assert taker_fee(shares("0.01"), 10_000, Decimal("0.07"), 1) == 10
    assert taker_fee(shares("0.001"), 10_000, Decimal("0.07"), 1) == 0


@given(st.integers(1, 10**10), PRICES, st.integers(0, 100), st.integers(0, 2))
def test_the_fee_is_the_formula_rounded_half_up(
    size: int, price: int, percent: int, exponent: int
) -> None:
    p = Decimal(price) / MICROS
    exact = Decimal(size) / MICROS * percent / 100 * (p * (1 - p)) ** exponent
    rounded = exact.quantize(Decimal("0.00001"), ROUND_HALF_UP)
    assert taker_fee(size, price, Decimal(percent) / 100, exponent) == int(rounded * MICROS)


def test_notional_is_rounded_down() -> None:
    assert notional(3, 500_000) == 1
