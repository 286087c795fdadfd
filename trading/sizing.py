"""How much of a whale's order to copy: fixed, percent, proportional or adaptive Kelly."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from trading.amounts import SIZE_STEP, OrderTerms, order_amounts
from trading.breakers import size_factor
from trading.fees import COUNTERPARTIES_MAX, FEE_STEP, fee_per_share, worst_fee_per_share
from trading.rules import Rules, SizingRules
from trading.types import (
    ONE,
    ZERO,
    Market,
    Price,
    Reason,
    Refusal,
    Shares,
    Side,
    SizingMode,
    Usd,
)

MARKETABLE_NOTIONAL_MIN = Usd(Decimal(1))
"""USD; the venue refuses marketable buys below it. Source: docs/venue.md, "Amounts"."""

_HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class SizingInputs:
    """What a size is made from. `limit_price` is the entry's cap; shares of one are in [0, 1]."""

    limit_price: Price
    whale_notional: Usd
    quality_score: Decimal
    win_rate: Decimal
    volatility: Decimal
    correlation: Decimal
    drawdown: Decimal
    cash: Usd
    bid_value: Usd
    is_drawdown_lifted: bool = False


@dataclass(frozen=True, slots=True)
class Sizing:
    """An order that can be signed as it is: `notional` = price x size, without fees."""

    size: Shares
    price: Price
    notional: Usd
    numbers: Mapping[str, str]


def size_copy(inputs: SizingInputs, market: Market, rules: Rules) -> Sizing | Refusal:
    """Return what to buy, or why nothing.

    A share of the bankroll by the mode, at most 8 %, halved above 10 % drawdown; never more than
    the cash or one position may cost, fee included. Always rounded down: an order below the
    venue's minimum is a no, it is never made larger. Kelly's shares below 1 % are a no as well.
    """
    numbers: dict[str, str] = {}
    if not _is_finite(inputs):
        return Refusal(Reason.NO_EDGE, {"inputs": str(inputs)})
    fraction = _fraction(inputs, market, rules, numbers)
    if isinstance(fraction, Refusal):
        return fraction
    size = _affordable(fraction, inputs, market, rules, numbers)
    return _signable(size, inputs.limit_price, market, rules, numbers)


def _is_finite(inputs: SizingInputs) -> bool:
    figures = (
        inputs.limit_price,
        inputs.whale_notional,
        inputs.quality_score,
        inputs.win_rate,
        inputs.volatility,
        inputs.correlation,
        inputs.drawdown,
        inputs.cash,
        inputs.bid_value,
    )
    return all(figure.is_finite() for figure in figures)


def bankroll(cash: Usd, bid_value: Usd, rules: SizingRules) -> Usd:
    """Return cash plus bid value, or the setting where that is lower; never below 0."""
    owned = Usd(max(cash + bid_value, ZERO))
    return owned if rules.bankroll_max is None else min(owned, rules.bankroll_max)


def _fraction(
    inputs: SizingInputs, market: Market, rules: Rules, numbers: dict[str, str]
) -> Decimal | Refusal:
    """Return the share of the bankroll to spend, fee included."""
    sizing = rules.sizing
    wanted = _wanted(inputs, market, sizing, numbers)
    if isinstance(wanted, Refusal):
        return wanted
    fraction = min(wanted, sizing.fraction_max)
    fraction *= size_factor(inputs.drawdown, rules.risk, is_lifted=inputs.is_drawdown_lifted)
    numbers["fraction_wanted"], numbers["fraction"] = str(wanted), str(fraction)
    if sizing.mode is SizingMode.KELLY and fraction < sizing.fraction_min:
        return _too_small(numbers, fraction_min=sizing.fraction_min)
    return fraction


def _wanted(
    inputs: SizingInputs, market: Market, rules: SizingRules, numbers: dict[str, str]
) -> Decimal | Refusal:
    owned = bankroll(inputs.cash, inputs.bid_value, rules)
    numbers["mode"], numbers["bankroll"] = rules.mode, str(owned)
    if owned <= 0:
        return _too_small(numbers)
    match rules.mode:
        case SizingMode.FIXED:
            return rules.fixed_notional / owned
        case SizingMode.PERCENT:
            return rules.percent
        case SizingMode.PROPORTIONAL:
            return rules.proportional_share * inputs.whale_notional / owned
        case SizingMode.KELLY:  # pragma: no branch
            return _kelly(inputs, market, rules, numbers)


def _kelly(
    inputs: SizingInputs, market: Market, rules: SizingRules, numbers: dict[str, str]
) -> Decimal | Refusal:
    """Return the adaptive Kelly share of the bankroll.

    A share costs price = limit + fee and wins 1 with probability p, a blend of the whale's shrunk
    win rate and the price: f = (p x b - (1 - p)) / b with b = (1 - price) / price, damped by
    confidence in the whale, volatility, correlation and drawdown.
    """
    price = inputs.limit_price + fee_per_share(inputs.limit_price, market.fees)
    weight = rules.win_rate_weight
    chance = weight * inputs.win_rate + (ONE - weight) * price
    odds = (ONE - price) / price
    edge = chance * odds - (ONE - chance)
    numbers |= {"price_with_fee": str(price), "chance": str(chance), "odds": str(odds)}
    if odds <= 0 or edge <= 0:
        return Refusal(Reason.NO_EDGE, {**numbers, "edge": str(edge)})
    factors = _dampers(inputs)
    numbers |= {"kelly": str(edge / odds)} | {name: str(f) for name, f in factors.items()}
    fraction = edge / odds * rules.kelly_multiplier
    for factor in factors.values():
        fraction *= factor
    return fraction


def _dampers(inputs: SizingInputs) -> dict[str, Decimal]:
    return {
        "confidence": Decimal("0.4") + Decimal("0.6") * inputs.quality_score,
        "calm": min(max(ONE / (ONE + 5 * inputs.volatility), _HALF), Decimal("1.2")),
        "spread_out": max(Decimal("0.3"), ONE - inputs.correlation**2),
        "drawdown_factor": max(Decimal("0.2"), ONE - 3 * inputs.drawdown),
    }


def _affordable(
    fraction: Decimal,
    inputs: SizingInputs,
    market: Market,
    rules: Rules,
    numbers: dict[str, str],
) -> Shares:
    """Return the shares that the budget buys and that cash and position cap bear at worst."""
    price = inputs.limit_price
    owned = bankroll(inputs.cash, inputs.bid_value, rules.sizing)
    budget = fraction * owned
    by_budget = budget / (price + fee_per_share(price, market.fees))
    bearable = max(min(inputs.cash, rules.risk.position_max) - COUNTERPARTIES_MAX * FEE_STEP, ZERO)
    by_cash = bearable / (price + worst_fee_per_share(price, Side.BUY, market.fees))
    numbers["budget"], numbers["bearable"] = str(budget), str(bearable)
    return Shares(max(min(by_budget, by_cash), ZERO).quantize(SIZE_STEP, ROUND_FLOOR))


def _signable(
    size: Shares, price: Price, market: Market, rules: Rules, numbers: dict[str, str]
) -> Sizing | Refusal:
    """Fit the size to what the venue can be sent, and hold it against the venue's minimum."""
    numbers["size_affordable"] = str(size)
    order_type = rules.orders.entry_order_type
    terms = OrderTerms(Side.BUY, size, price, market.tick_size, order_type)
    try:
        amounts = order_amounts(terms)
    except ValueError as error:
        return _too_small(numbers, cause=error)
    notional = Usd(amounts.size * amounts.price)
    if amounts.size < market.min_size or notional < MARKETABLE_NOTIONAL_MIN:
        return _too_small(numbers, size=amounts.size, notional=notional, size_min=market.min_size)
    return Sizing(amounts.size, amounts.price, notional, numbers)


def _too_small(numbers: Mapping[str, str], **more: object) -> Refusal:
    figures = {name: str(number) for name, number in more.items()}
    return Refusal(Reason.SIZE_TOO_SMALL, {**numbers, **figures})
