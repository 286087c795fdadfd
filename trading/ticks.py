"""The price grid: multiples of the tick size, from one tick to one minus a tick."""

from decimal import Decimal

from trading.types import ONE, ZERO, Price


def floor_to_tick(price: Decimal, tick_size: Price) -> Price:
    """Round down to the grid; buy prices go this way. Returns 0 below the first tick."""
    steps = max(price, ZERO) // tick_size  # exact, where a division would round
    return Price(min(steps * tick_size, ONE - tick_size))


def ceil_to_tick(price: Decimal, tick_size: Price) -> Price:
    """Round up to the grid; sell prices go this way. Returns 1 above the last tick."""
    steps = price // tick_size + (1 if price % tick_size > 0 else 0)
    return Price(min(max(steps * tick_size, tick_size), ONE))


def is_on_grid(price: Decimal, tick_size: Price) -> bool:
    """Tell whether the venue accepts a price: a multiple of the tick within [tick, 1 - tick].

    Source: the venue's order validation (docs/venue.md, "Amounts").
    """
    return tick_size <= price <= ONE - tick_size and price % tick_size == 0
