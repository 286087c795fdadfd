"""The exact integer amounts of an order: what we give and what we get, in micro-units."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import gcd

from trading.ticks import ceil_to_tick, floor_to_tick, is_on_grid
from trading.types import OrderType, Price, Shares, Side

TICK_SIZES = frozenset(
    Price(Decimal(tick)) for tick in ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")
)
"""The tick sizes the venue knows. All are multiples of 0.0001."""
SIZE_STEP = Decimal("0.01")
"""Shares; every size on the wire has at most two decimals."""
SIZE_MAX = Shares(Decimal(10) ** 12)
"""Shares; beyond any real order, a guard against nonsense."""

_PRICE_UNITS = 10_000  # a price is a whole number of 1/10,000 USD
_SIZE_UNITS = 100  # a size is a whole number of 1/100 share
_MICROS_PER_SIZE_UNIT = 1_000_000 // _SIZE_UNITS
# A market BUY may offer up to this share less per share of its price, if it else lost more
# than this share of its size to the venue's two decimals of dollars.
_PRICE_GIVEN_UP_MAX = Decimal("0.002")
_SIZE_LOST_MAX = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """The terms as asked: the price is an upper bound for a BUY, a lower one for a SELL."""

    side: Side
    size: Shares
    price: Price
    tick_size: Price
    order_type: OrderType


@dataclass(frozen=True, slots=True)
class OrderAmounts:
    """What is signed, and the size and price it stands for: notional = price x size, exactly.

    `maker_amount` is what we give (micro-USD for a BUY, micro-shares for a SELL), `taker_amount`
    what we get.
    """

    maker_amount: int
    taker_amount: int
    size: Shares
    price: Price


def order_amounts(terms: OrderTerms) -> OrderAmounts:
    """Return the largest exact order within the terms.

    Rounding: size down to 0.01 share, buy price down and sell price up to the tick. Price x size
    then has at most as many decimals as the venue allows for the tick (4 to 6) and is signed
    unrounded, so that a BUY never pays above its price and a SELL never receives below it.

    A BUY as FAK or FOK must cost whole cents (docs/venue.md, "Amounts"): its size is reduced to
    the next size that does. Where that lost more than 2 % of the order (fine ticks), the price
    may go down by up to 0.2 % to one that loses less.

    Raises:
        ValueError: An unknown tick size, a price off (0, 1), or nothing left after rounding.
    """
    _check(terms)
    price = _price_on_tick(terms)
    size_units = int(terms.size.quantize(SIZE_STEP, ROUND_FLOOR) * _SIZE_UNITS)
    price_units = int(price * _PRICE_UNITS)
    if terms.side is Side.BUY and not terms.order_type.rests:
        price_units, size_units = _whole_cents(price_units, size_units, terms.tick_size)
    if size_units <= 0:
        raise ValueError(f"expected an order of at least 0.01 share after rounding: {terms}")
    return _amounts(terms.side, price_units, size_units)


def _check(terms: OrderTerms) -> None:
    if terms.tick_size not in TICK_SIZES:
        raise ValueError(f"expected a tick size of {sorted(TICK_SIZES)}, received {terms}")
    if not terms.price.is_finite() or not 0 < terms.price < 1:
        raise ValueError(f"expected a price within (0, 1), received {terms}")
    if not terms.size.is_finite() or not 0 < terms.size < SIZE_MAX:
        raise ValueError(f"expected a size within (0, {SIZE_MAX}), received {terms}")


def _price_on_tick(terms: OrderTerms) -> Price:
    rounded = floor_to_tick if terms.side is Side.BUY else ceil_to_tick
    price = rounded(terms.price, terms.tick_size)
    if not is_on_grid(price, terms.tick_size):
        raise ValueError(f"expected a price with a tick at or within it, received {terms}")
    return price


def _whole_cents(price_units: int, size_units: int, tick_size: Price) -> tuple[int, int]:
    """Return the best (price, size) that costs whole cents: the first that loses little."""
    tick_units = int(tick_size * _PRICE_UNITS)
    lowest = max(tick_units, price_units - int(price_units * _PRICE_GIVEN_UP_MAX))
    enough = size_units * (1 - _SIZE_LOST_MAX)
    best = (price_units, 0)
    for units in range(price_units, lowest - 1, -tick_units):
        step = _PRICE_UNITS // gcd(units, _PRICE_UNITS)
        left = size_units - size_units % step
        if left >= enough:
            return units, left
        best = max(best, (units, left), key=lambda pair: pair[1])
    return best


def _amounts(side: Side, price_units: int, size_units: int) -> OrderAmounts:
    usd, shares = price_units * size_units, size_units * _MICROS_PER_SIZE_UNIT
    maker_amount, taker_amount = (usd, shares) if side is Side.BUY else (shares, usd)
    return OrderAmounts(
        maker_amount,
        taker_amount,
        Shares(Decimal(size_units) / _SIZE_UNITS),
        Price(Decimal(price_units) / _PRICE_UNITS),
    )
