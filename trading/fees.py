"""The venue's taker fee; makers pay none."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from trading.types import MICRO, ONE, ZERO, FeeSchedule, Price, Shares, Side, Usd

FEE_STEP = Decimal("0.00001")
"""USD; every counterparty's fee is rounded half-up to this step, the smallest there is."""
COUNTERPARTIES_MAX = 200
"""Counterparties of one order for whose rounding a worst case leaves room."""

_HALF = Price(Decimal("0.5"))


def fee_per_share(price: Price, fees: FeeSchedule) -> Decimal:
    """Return the unrounded taker fee of one share: rate x (price x (1 - price)) ** exponent.

    Source: the venue's fee page (docs/venue.md, "Fees").
    """
    return fees.rate * (price * (ONE - price)) ** fees.exponent


def taker_fee(size: Shares, price: Price, fees: FeeSchedule) -> Usd:
    """Return the fee of one counterparty's fill at its price, in USD.

    Rounded half-up to 5 decimals; what rounds to nothing is free. An order that meets several
    counterparties pays the sum of their fees, each rounded by itself.
    """
    if fees.rate <= 0 or size <= 0:
        return Usd(ZERO)
    exact = size * fee_per_share(price, fees)
    return Usd(exact.quantize(FEE_STEP, ROUND_HALF_UP))


def worst_fee_per_share(limit_price: Price, side: Side, fees: FeeSchedule) -> Decimal:
    """Return the highest fee of a share at any price at or better than the limit.

    The fee rises towards 0.50, so a BUY limited above it may pay more at a better price.
    """
    towards_half = min if side is Side.BUY else max
    return fee_per_share(towards_half(limit_price, _HALF), fees)


def worst_fee(size: Shares, limit_price: Price, side: Side, fees: FeeSchedule) -> Usd:
    """Return what an order may pay in fees at most, rounded up to the micro-unit.

    Leaves room for the rounding of up to 200 counterparties (0.001 USD).
    """
    if fees.rate <= 0 or size <= 0:
        return Usd(ZERO)
    exact = size * worst_fee_per_share(limit_price, side, fees)
    rounding = COUNTERPARTIES_MAX * FEE_STEP / 2
    return Usd((exact + rounding).quantize(MICRO, ROUND_CEILING))
