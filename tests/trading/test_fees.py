"""The venue's taker fee."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.fees import fee_per_share, taker_fee, worst_fee, worst_fee_per_share
from trading.types import FeeSchedule, Price, Shares, Side

prices = st.decimals(min_value="0.01", max_value="0.99", places=2).map(Price)
sizes = st.decimals(min_value="0.01", max_value=10_000, places=2).map(Shares)
schedules = st.builds(
    FeeSchedule,
    rate=st.sampled_from([Decimal(rate) for rate in ("0.04", "0.05", "0.07")]),
    exponent=st.sampled_from([1, 2]),
)
FREE = FeeSchedule(Decimal(0), 1)


@pytest.mark.parametrize(
    ("rate", "size", "price", "fee"),
    [
        ("0.07", "100", "0.50", "1.75"),
        ("0.05", "100", "0.50", "1.25"),
        ("0.04", "100", "0.50", "1.00"),
        ("0.07", "1", "0.43", "0.01716"),  # 0.017157
        ("0.05", "0.1", "0.07", "0.00033"),  # 0.0003255: half goes up
        ("0.04", "0.01", "0.01", "0"),  # 0.00000396: rounds to nothing
        ("0.04", "0.02", "0.01", "0.00001"),  # 0.00000792: the least there is
        ("0", "100", "0.50", "0"),
        ("0.07", "0", "0.50", "0"),
    ],
)
def test_the_fee_of_a_fill(rate: str, size: str, price: str, fee: str) -> None:
    schedule = FeeSchedule(Decimal(rate), 1)
    assert taker_fee(Shares(Decimal(size)), Price(Decimal(price)), schedule) == Decimal(fee)


def test_the_exponent_bends_the_curve() -> None:
    schedule = FeeSchedule(Decimal("0.25"), 2)
    assert fee_per_share(Price(Decimal("0.5")), schedule) == Decimal("0.015625")


@given(size=sizes, limit=prices, schedule=schedules, better=st.lists(sizes, max_size=20))
def test_the_worst_fee_covers_any_fills_at_better_prices(
    size: Shares, limit: Price, schedule: FeeSchedule, better: list[Shares]
) -> None:
    for side in Side:
        inside = [p for p in _grid() if (p <= limit if side is Side.BUY else p >= limit)]
        parts = _parts(size, better)
        paid = sum(
            (taker_fee(part, inside[i * 7 % len(inside)], schedule) for i, part in enumerate(parts))
        )
        assert paid <= worst_fee(size, limit, side, schedule)


def _grid() -> list[Price]:
    return [Price(Decimal(cents) / 100) for cents in range(1, 100)]


def _parts(size: Shares, wanted: list[Shares]) -> list[Shares]:
    parts, left = [], size
    for part in wanted:
        taken = min(part, left)
        if taken > 0:
            parts.append(Shares(taken))
            left = Shares(left - taken)
    return [*parts, left] if left > 0 else parts


def test_a_buy_above_one_half_pays_most_at_one_half() -> None:
    schedule = FeeSchedule(Decimal("0.04"), 1)
    assert worst_fee_per_share(Price(Decimal("0.8")), Side.BUY, schedule) == Decimal("0.01")
    assert worst_fee_per_share(Price(Decimal("0.8")), Side.SELL, schedule) == Decimal("0.0064")
    assert worst_fee_per_share(Price(Decimal("0.2")), Side.BUY, schedule) == Decimal("0.0064")
    assert worst_fee_per_share(Price(Decimal("0.2")), Side.SELL, schedule) == Decimal("0.01")


def test_the_worst_fee_is_rounded_up_and_leaves_room_for_rounding() -> None:
    schedule = FeeSchedule(Decimal("0.07"), 1)
    worst = worst_fee(Shares(Decimal("1.01")), Price(Decimal("0.43")), Side.BUY, schedule)
    assert worst == Decimal("0.018329")  # 1.01 x 0.017157 + 0.001, up


def test_a_free_market_has_no_worst_fee() -> None:
    half = Price(Decimal("0.5"))
    assert worst_fee(Shares(Decimal(100)), half, Side.BUY, FREE) == 0
    assert worst_fee(Shares(Decimal(0)), half, Side.BUY, FeeSchedule(Decimal("0.07"), 1)) == 0
