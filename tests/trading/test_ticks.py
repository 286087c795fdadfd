"""The price grid."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.amounts import TICK_SIZES
from trading.ticks import ceil_to_tick, floor_to_tick, is_on_grid
from trading.types import Price

ticks = st.sampled_from(sorted(TICK_SIZES))
prices = st.decimals(min_value="0.00005", max_value="0.99995", places=8)


def price(text: str) -> Price:
    return Price(Decimal(text))


@pytest.mark.parametrize(
    ("value", "tick", "down", "up"),
    [
        ("0.433", "0.01", "0.43", "0.44"),
        ("0.43", "0.01", "0.43", "0.43"),
        ("0.437", "0.005", "0.435", "0.44"),
        ("0.4374", "0.0025", "0.435", "0.4375"),
        ("0.004", "0.01", "0", "0.01"),
        ("0.996", "0.01", "0.99", "1"),
        ("1.7", "0.01", "0.99", "1"),
        ("-0.5", "0.01", "0", "0.01"),
        ("0.42999999999999999999999999999999", "0.01", "0.42", "0.43"),
        ("0.43000000000000000000000000000001", "0.01", "0.43", "0.44"),
    ],
)
def test_prices_go_down_and_up_to_the_grid(value: str, tick: str, down: str, up: str) -> None:
    assert floor_to_tick(Decimal(value), price(tick)) == Decimal(down)
    assert ceil_to_tick(Decimal(value), price(tick)) == Decimal(up)


@given(value=prices, tick=ticks)
def test_rounding_moves_a_price_by_less_than_a_tick(value: Decimal, tick: Price) -> None:
    down, up = floor_to_tick(value, tick), ceil_to_tick(value, tick)
    assert value - 2 * tick < down <= value <= up < value + 2 * tick
    assert down % tick == 0
    assert up % tick == 0


@pytest.mark.parametrize(
    ("value", "tick", "expected"),
    [
        ("0.01", "0.01", True),
        ("0.99", "0.01", True),
        ("0", "0.01", False),
        ("1", "0.01", False),
        ("0.432", "0.005", False),
        ("0.435", "0.005", True),
        ("0.9975", "0.0025", True),
    ],
)
def test_the_grid_ends_a_tick_before_zero_and_one(value: str, tick: str, expected: bool) -> None:
    assert is_on_grid(Decimal(value), price(tick)) is expected
