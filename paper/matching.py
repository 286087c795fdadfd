"""Matches one order against what rests in a book, and prices the fee: pure arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from math import gcd

from paper.model import MICROS

FEE_STEP = 10  # fees have five decimals


@dataclass(frozen=True, slots=True)
class Offer:
    """Size to be had at a price; `order_id` is empty for recorded liquidity."""

    price: int
    size: int
    order_id: str = ""


def size_step(price: int) -> int:
    """Return the smallest size that costs whole micros at a price.

    Every fill is a multiple of it, so that size times price is exact and money is never rounded.
    """
    return MICROS // gcd(price, MICROS)


def notional(size: int, price: int) -> int:
    """Return size times price, rounded down to a micro; fills are exact (see `size_step`)."""
    return size * price // MICROS


def match(offers: Iterable[Offer], size: int) -> list[Offer]:
    """Take up to `size` from offers that come best first; the rest is what nobody offered.

    A remainder smaller than the `size_step` of the last offer's price stays unfilled.
    """
    fills: list[Offer] = []
    left = size
    for offer in offers:
        wanted = min(left, offer.size)
        filled = wanted - wanted % size_step(offer.price)
        if filled:
            fills.append(Offer(offer.price, filled, offer.order_id))
        if wanted == left:
            break
        left -= filled
    return fills


def is_filled(size: int, fills: Sequence[Offer]) -> bool:
    """Tell whether fills cover a size but for less than a step of the last one's price."""
    return bool(fills) and size - total_size(fills) < size_step(fills[-1].price)


def total_size(fills: Iterable[Offer]) -> int:
    """Return the shares of all fills together."""
    return sum(fill.size for fill in fills)


def by_price(fills: Iterable[Offer]) -> list[list[Offer]]:
    """Split fills into runs of one price each, in order."""
    return [list(run) for _, run in groupby(fills, key=lambda fill: fill.price)]


def taker_fee(size: int, price: int, rate: Decimal, exponent: int) -> int:
    """Return the taker's fee in micros of pUSD.

    The venue's schedule: size * rate * (price * (1 - price)) ** exponent, rounded half up to five
    decimals, so that 0.00001 is the smallest fee and what is less than half of it is none.
    Makers pay none.
    """
    over, under = rate.as_integer_ratio()
    variance, unit = price * (MICROS - price), MICROS * MICROS
    for _ in range(exponent):
        over *= variance
        under *= unit
    over *= size
    under *= FEE_STEP
    return (2 * over + under) // (2 * under) * FEE_STEP
