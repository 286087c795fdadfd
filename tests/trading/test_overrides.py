"""One whale's own numbers, and the rules that follow."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.scene import facts, price, usd
from trading.decide import Decision, decide
from trading.overrides import (
    NO_OVERRIDES,
    Overrides,
    lower,
    merged,
    override_fault,
    rules_for,
)
from trading.rules import Rules
from trading.types import Reason, SizingMode, Usd

RULES = Rules()
MONEY = st.decimals(min_value=1, max_value=100_000, places=2).map(Usd)


def decided(overrides: Overrides) -> Decision:
    scene = facts()
    whale = replace(scene.whale, overrides=overrides)
    market = replace(scene.market, categories=("sports", "nba"))
    return decide(replace(scene, whale=whale, market=market), RULES)


def reason_of(overrides: Overrides) -> Reason:
    refusal = decided(overrides).refusal
    assert refusal is not None
    return refusal.reason


def test_without_overrides_the_rules_are_the_rules() -> None:
    assert rules_for(RULES, NO_OVERRIDES) is RULES
    assert NO_OVERRIDES.as_numbers() == {}


def test_every_override_replaces_its_rule() -> None:
    own = Overrides(
        sizing_mode=SizingMode.PERCENT,
        fixed_notional=usd("50"),
        percent=Decimal("0.01"),
        proportional_share=Decimal("0.1"),
        position_max=usd("200"),
        market_max=usd("300"),
        whale_max=usd("400"),
        price_min=price("0.2"),
        price_max=price("0.8"),
        whale_notional_min=usd("5000"),
        categories=("sports",),
    )
    rules = rules_for(RULES, own)
    assert rules.sizing.mode is SizingMode.PERCENT
    assert rules.sizing.fixed_notional == 50
    assert (rules.sizing.percent, rules.sizing.proportional_share) == (
        Decimal("0.01"),
        Decimal("0.1"),
    )
    assert rules.risk.position_max == 200
    assert rules.risk.market_max == 300
    assert rules.risk.whale_max == 400
    assert (rules.filters.price_min, rules.filters.price_max) == (Decimal("0.2"), Decimal("0.8"))
    assert rules.filters.whale_notional_min == 5000
    assert rules.orders == RULES.orders
    assert own.as_numbers()["sizing_mode"] == "PERCENT"
    assert own.as_numbers()["categories"] == "sports"
    assert own.as_numbers()["percent"] == "0.01"
    stored = Overrides(price_max=price("0.700000"), position_max=usd("200.000000"))
    assert stored.as_numbers() == {"price_max": "0.7", "position_max": "200"}


@given(position=MONEY, market=MONEY, whale=MONEY)
def test_no_override_raises_a_cap(position: Usd, market: Usd, whale: Usd) -> None:
    risk = rules_for(
        RULES, Overrides(position_max=position, market_max=market, whale_max=whale)
    ).risk
    assert risk.position_max == min(position, RULES.risk.position_max)
    assert risk.market_max == min(market, RULES.risk.market_max)
    assert risk.whale_max == min(whale, RULES.risk.whale_max)
    assert lower(position, None) == position


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (NO_OVERRIDES, ""),
        (Overrides(position_max=usd("1000")), ""),
        (Overrides(position_max=usd("1000.01")), "position_max of at most 1000"),
        (Overrides(market_max=usd("5001")), "market_max of at most 5000"),
        (Overrides(whale_max=usd("10001")), "whale_max of at most 10000"),
        (Overrides(price_min=price("0.96")), "0.96 and 0.95"),
        (Overrides(price_min=price("0.5"), price_max=price("0.5")), "0.5 and 0.5"),
        (Overrides(price_max=price("1")), "0.05 and 1"),
    ],
)
def test_what_cannot_be_is_said(overrides: Overrides, expected: str) -> None:
    assert (expected in override_fault(overrides, RULES)) if expected else True
    assert bool(override_fault(overrides, RULES)) is bool(expected)


def test_only_what_is_named_is_replaced() -> None:
    own = Overrides(percent=Decimal("0.01"), categories=("sports",), price_min=price("0.2"))
    given = Overrides(percent=Decimal("0.03"), position_max=usd("9"))
    changed = merged(own, given, {"percent", "categories"})
    assert changed == Overrides(percent=Decimal("0.03"), price_min=price("0.2"))
    assert merged(own, given, ()) == own


def test_a_whale_is_sized_by_its_own_mode_and_cap() -> None:
    fixed = decided(Overrides(sizing_mode=SizingMode.FIXED, fixed_notional=usd("60")))
    assert fixed.is_copied
    assert fixed.notional is not None
    assert Decimal(55) < fixed.notional <= 60
    assert fixed.numbers["override_fixed_notional"] == "60"
    capped = decided(Overrides(position_max=usd("40")))
    assert capped.notional is not None
    assert capped.notional < 40


def test_a_whale_is_copied_only_within_its_own_band_notional_and_categories() -> None:
    assert decided(NO_OVERRIDES).is_copied
    assert decided(Overrides(categories=("politics", "nba"))).is_copied
    assert reason_of(Overrides(categories=("politics",))) is Reason.CATEGORY_EXCLUDED
    assert reason_of(Overrides(price_max=price("0.49"))) is Reason.PRICE_OUT_OF_BAND
    assert reason_of(Overrides(whale_notional_min=usd("2001"))) is Reason.NOTIONAL_TOO_SMALL


def test_a_market_of_unknown_category_is_none_of_the_wanted() -> None:
    scene = facts()
    whale = replace(scene.whale, overrides=Overrides(categories=("sports",)))
    refusal = decide(replace(scene, whale=whale), RULES).refusal
    assert refusal is not None
    assert refusal.reason is Reason.CATEGORY_EXCLUDED
    assert refusal.numbers["categories"] == "unknown"
