"""What a person set for one whale alone, and the rules that follow from it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import TypeVar

from trading.rules import RiskRules, Rules
from trading.types import Price, SizingMode, Usd

T = TypeVar("T")

CATEGORIES_MAX = 20
"""Of one whale."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """One whale's own numbers; None is what the rules say, no categories are all of them.

    A cap only ever lowers the rule's own.
    """

    sizing_mode: SizingMode | None = None
    fixed_notional: Usd | None = None
    percent: Decimal | None = None  # of the bankroll, 0.02 is 2 %
    proportional_share: Decimal | None = None  # of the whale's notional
    position_max: Usd | None = None
    market_max: Usd | None = None
    whale_max: Usd | None = None
    price_min: Price | None = None
    price_max: Price | None = None
    whale_notional_min: Usd | None = None
    categories: tuple[str, ...] = ()

    def as_numbers(self) -> Mapping[str, str]:
        """Return what is set, by name, as text."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _text(value) for name, value in given.items() if value not in (None, ())}


NO_OVERRIDES = Overrides()


def rules_for(rules: Rules, overrides: Overrides) -> Rules:
    """Return the rules as they are for one whale."""
    if overrides == NO_OVERRIDES:
        return rules
    filters, sizing = rules.filters, rules.sizing
    return replace(
        rules,
        filters=replace(
            filters,
            price_min=_or(overrides.price_min, filters.price_min),
            price_max=_or(overrides.price_max, filters.price_max),
            whale_notional_min=_or(overrides.whale_notional_min, filters.whale_notional_min),
        ),
        sizing=replace(
            sizing,
            mode=_or(overrides.sizing_mode, sizing.mode),
            fixed_notional=_or(overrides.fixed_notional, sizing.fixed_notional),
            percent=_or(overrides.percent, sizing.percent),
            proportional_share=_or(overrides.proportional_share, sizing.proportional_share),
        ),
        risk=_capped(rules.risk, overrides),
    )


def override_fault(overrides: Overrides, rules: Rules) -> str:
    """Return what is wrong with overrides, "" for nothing: each cap, and the band as a whole."""
    caps = {
        "position_max": (overrides.position_max, rules.risk.position_max),
        "market_max": (overrides.market_max, rules.risk.market_max),
        "whale_max": (overrides.whale_max, rules.risk.whale_max),
    }
    for name, (cap, most) in caps.items():
        if cap is not None and cap > most:
            return f"expected {name} of at most {most:f}, received {cap:f}"
    band = rules_for(rules, overrides).filters
    if not 0 < band.price_min < band.price_max < 1:
        low, high = f"{band.price_min:f}", f"{band.price_max:f}"
        return f"expected 0 < price_min < price_max < 1, received {low} and {high}"
    return ""


def merged(own: Overrides, given: Overrides, names: Collection[str]) -> Overrides:
    """Return a whale's overrides with those of some names replaced by what is given."""
    sides = {field.name: given if field.name in names else own for field in fields(own)}
    return Overrides(**{name: getattr(side, name) for name, side in sides.items()})


def lower(cap: Usd, wanted: Usd | None) -> Usd:
    """Return the lower of a rule's cap and an override's: an override raises none."""
    return cap if wanted is None else min(cap, wanted)


def _capped(risk: RiskRules, overrides: Overrides) -> RiskRules:
    return replace(
        risk,
        position_max=lower(risk.position_max, overrides.position_max),
        market_max=lower(risk.market_max, overrides.market_max),
        whale_max=lower(risk.whale_max, overrides.whale_max),
    )


def _or(given: T | None, rule: T) -> T:
    return rule if given is None else given


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
