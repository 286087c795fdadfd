"""How much of a whale's order to copy."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.scene import market as open_market
from tests.trading.scene import price, shares, usd
from trading.fees import fee_per_share, worst_fee
from trading.rules import Rules
from trading.sizing import Sizing, SizingInputs, bankroll, size_copy
from trading.types import FeeSchedule, Market, OrderType, Reason, Refusal, Side, SizingMode, Usd

MARKET = open_market()
FREE = replace(MARKET, fees=FeeSchedule(Decimal(0), 1))
RULES = Rules()
INPUTS = SizingInputs(
    limit_price=price("0.50"),
    whale_notional=usd("4000"),
    quality_score=Decimal("0.7"),
    win_rate=Decimal("0.60"),
    volatility=Decimal(0),
    correlation=Decimal(0),
    drawdown=Decimal(0),
    cash=usd("8000"),
    bid_value=usd("2000"),
)


def with_mode(mode: SizingMode, **changes: Decimal) -> Rules:
    sizing = replace(RULES.sizing, mode=mode)
    for name, value in changes.items():
        sizing = replace(sizing, **{name: value})  # type: ignore[arg-type]
    return replace(RULES, sizing=sizing)


def sized(inputs: SizingInputs, market: Market = FREE, rules: Rules = RULES) -> Sizing:
    result = size_copy(inputs, market, rules)
    assert isinstance(result, Sizing), result
    return result


def refused(inputs: SizingInputs, market: Market = FREE, rules: Rules = RULES) -> Refusal:
    result = size_copy(inputs, market, rules)
    assert isinstance(result, Refusal), result
    return result


def test_kelly_by_hand() -> None:
    """Even odds at 0.50, p = 0.7 x 0.6 + 0.3 x 0.5 = 0.57, f = 0.14, x 0.5 x 0.82 = 0.0574."""
    sizing = sized(INPUTS)
    assert Decimal(sizing.numbers["kelly"]) == Decimal("0.14")
    assert Decimal(sizing.numbers["fraction"]) == Decimal("0.0574")
    assert sizing.size == 1148  # 574 USD at 0.50
    assert sizing.notional == 574


def test_the_fee_is_part_of_the_price() -> None:
    fees = FeeSchedule(Decimal("0.04"), 1)
    sizing = sized(INPUTS, replace(FREE, fees=fees))
    assert Decimal(sizing.numbers["price_with_fee"]) == Decimal("0.51")
    assert sizing.notional + sizing.size * fee_per_share(price("0.50"), fees) <= Decimal(
        sizing.numbers["budget"]
    )
    assert sizing.size < sized(INPUTS).size


@pytest.mark.parametrize(
    ("change", "name", "factor"),
    [
        ({"quality_score": Decimal(1)}, "confidence", "1"),
        ({"volatility": Decimal("0.05")}, "calm", "0.8"),
        ({"volatility": Decimal(5)}, "calm", "0.5"),
        ({"correlation": Decimal("-0.5")}, "spread_out", "0.75"),
        ({"correlation": Decimal(1)}, "spread_out", "0.3"),
        ({"drawdown": Decimal("0.05")}, "drawdown_factor", "0.85"),
        ({"drawdown": Decimal("0.9")}, "drawdown_factor", "0.2"),
    ],
)
def test_each_damper(change: dict[str, Decimal], name: str, factor: str) -> None:
    inputs = replace(INPUTS, win_rate=Decimal("0.9"))
    for field, value in change.items():
        inputs = replace(inputs, **{field: value})  # type: ignore[arg-type]
    result = size_copy(inputs, FREE, RULES)
    assert Decimal(result.numbers[name]) == Decimal(factor)


def test_kelly_is_capped_at_eight_percent() -> None:
    sizing = sized(replace(INPUTS, win_rate=Decimal("0.95")))
    assert Decimal(sizing.numbers["fraction"]) == Decimal("0.08")
    assert sizing.notional == 800


def test_kelly_below_one_percent_is_a_no() -> None:
    refusal = refused(replace(INPUTS, win_rate=Decimal("0.515")))
    assert refusal.reason is Reason.SIZE_TOO_SMALL
    assert Decimal(refusal.numbers["fraction"]) < Decimal("0.01")


def test_without_an_edge_nothing_is_bought() -> None:
    refusal = refused(replace(INPUTS, win_rate=Decimal("0.5")))
    assert refusal.reason is Reason.NO_EDGE
    assert Decimal(refusal.numbers["edge"]) == 0


def test_where_the_fee_eats_the_odds_there_is_no_edge() -> None:
    dear = replace(MARKET, fees=FeeSchedule(Decimal("1.2"), 1))
    inputs = replace(INPUTS, limit_price=price("0.90"), win_rate=Decimal("0.99"))
    assert refused(inputs, dear).reason is Reason.NO_EDGE


def test_a_deep_drawdown_halves_every_mode() -> None:
    inputs = replace(INPUTS, drawdown=Decimal("0.11"))
    rules = with_mode(SizingMode.PERCENT)
    assert sized(inputs, FREE, rules).notional == 100
    at_the_edge = replace(INPUTS, drawdown=Decimal("0.10"))
    assert sized(at_the_edge, FREE, rules).notional == 200


def test_a_deep_drawdown_halves_the_cap_too() -> None:
    inputs = replace(INPUTS, drawdown=Decimal("0.11"))
    rules = with_mode(SizingMode.PERCENT, percent=Decimal("0.5"))
    assert sized(inputs, FREE, rules).notional == 400


@pytest.mark.parametrize(
    ("mode", "notional"),
    [(SizingMode.FIXED, 100), (SizingMode.PERCENT, 200), (SizingMode.PROPORTIONAL, 200)],
)
def test_the_plain_modes(mode: SizingMode, notional: int) -> None:
    assert sized(INPUTS, FREE, with_mode(mode)).notional == notional


def test_a_plain_mode_may_be_below_one_percent() -> None:
    rules = with_mode(SizingMode.FIXED, fixed_notional=Decimal(50))
    assert sized(INPUTS, FREE, rules).notional == 50


def test_the_bankroll_is_what_we_own_or_the_setting() -> None:
    capped = replace(RULES.sizing, bankroll_max=usd("1000"))
    assert bankroll(usd("8000"), usd("2000"), RULES.sizing) == 10_000
    assert bankroll(usd("8000"), usd("2000"), capped) == 1000
    assert bankroll(usd("300"), usd("0"), capped) == 300
    assert bankroll(usd("-5"), usd("0"), RULES.sizing) == 0


def test_without_a_bankroll_nothing_is_bought() -> None:
    refusal = refused(replace(INPUTS, cash=usd("0"), bid_value=usd("0")))
    assert refusal.reason is Reason.SIZE_TOO_SMALL


def test_an_order_costs_no_more_than_the_cash() -> None:
    sizing = sized(replace(INPUTS, cash=usd("100"), bid_value=usd("9900")), MARKET)
    fee = worst_fee(sizing.size, sizing.price, Side.BUY, MARKET.fees)
    assert Decimal(95) < sizing.notional + fee <= 100


def test_an_order_costs_no_more_than_a_position_may() -> None:
    inputs = replace(INPUTS, cash=usd("50000"), win_rate=Decimal("0.9"), limit_price=price("0.8"))
    sizing = sized(inputs, MARKET)
    fee = worst_fee(sizing.size, sizing.price, Side.BUY, MARKET.fees)
    assert Decimal(990) < sizing.notional + fee <= 1000


def test_no_cash_is_too_small_a_size() -> None:
    refusal = refused(replace(INPUTS, cash=usd("0"), bid_value=usd("10000")))
    assert refusal.reason is Reason.SIZE_TOO_SMALL
    assert "cause" in refusal.numbers


@pytest.mark.parametrize(
    ("cash", "limit", "min_size"),
    [
        ("300", "0.80", "5"),  # 3 USD buy 3.75 shares
        ("80", "0.10", "5"),  # 0.80 USD are no marketable order
        ("8000", "0.50", "1000"),  # the market wants more
    ],
)
def test_the_venues_minimum_is_never_reached_by_rounding_up(
    cash: str, limit: str, min_size: str
) -> None:
    inputs = replace(INPUTS, cash=usd(cash), bid_value=usd("0"), limit_price=price(limit))
    market = replace(FREE, min_size=shares(min_size))
    rules = with_mode(SizingMode.PERCENT, percent=Decimal("0.01"))
    refusal = refused(inputs, market, rules)
    assert refusal.reason is Reason.SIZE_TOO_SMALL
    assert refusal.numbers["size_min"] == min_size


@pytest.mark.parametrize(
    "name",
    ["limit_price", "quality_score", "win_rate", "volatility", "correlation", "drawdown", "cash"],
)
@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_nothing_is_bought_on_a_figure_that_is_none(name: str, value: str) -> None:
    inputs = replace(INPUTS, **{name: Decimal(value)})  # type: ignore[arg-type]
    assert refused(inputs).reason is Reason.NO_EDGE


def test_a_market_order_is_sized_to_whole_cents() -> None:
    sizing = sized(replace(INPUTS, limit_price=price("0.43")))
    assert sizing.size == sizing.size.to_integral_value()


def test_a_resting_order_keeps_every_hundredth() -> None:
    rules = RULES.with_entry_order_type(OrderType.GTC)
    sizing = sized(replace(INPUTS, limit_price=price("0.43"), cash=usd("8001")), FREE, rules)
    assert sizing.size != sizing.size.to_integral_value()


chances = st.decimals(min_value=0, max_value=1, places=3)


@given(
    limit=st.integers(5, 95),
    quality=chances,
    win_rate=chances,
    volatility=chances,
    correlation=st.decimals(min_value=-1, max_value=1, places=3),
    drawdown=chances,
    cash=st.decimals(min_value=0, max_value=100_000, places=2).map(Usd),
    more=st.decimals(min_value=0, max_value=100_000, places=2),
)
def test_a_size_grows_with_the_cash_and_keeps_all_limits(
    limit: int,
    quality: Decimal,
    win_rate: Decimal,
    volatility: Decimal,
    correlation: Decimal,
    drawdown: Decimal,
    cash: Usd,
    more: Decimal,
) -> None:
    inputs = SizingInputs(
        price(str(Decimal(limit) / 100)),
        usd("4000"),
        quality,
        win_rate,
        volatility,
        correlation,
        drawdown,
        cash,
        usd("0"),
    )
    small = size_copy(inputs, MARKET, RULES)
    large = size_copy(replace(inputs, cash=Usd(cash + more)), MARKET, RULES)
    if isinstance(small, Refusal):
        return
    assert isinstance(large, Sizing)
    assert small.size <= large.size
    cost = small.notional + worst_fee(small.size, small.price, Side.BUY, MARKET.fees)
    assert cost <= min(cash, Decimal(1000))
    assert small.notional <= cash * Decimal("0.08")
    assert small.size >= 5
    assert small.notional >= 1


MONEY = st.decimals(min_value=1, max_value=100_000, places=2)
SHARES_OF_ONE = st.decimals(min_value="0.001", max_value=1, places=3)


@given(
    mode=st.sampled_from(list(SizingMode)),
    limit=st.integers(5, 95),
    cash=MONEY,
    bid_value=MONEY,
    whale=MONEY,
    figures=st.tuples(MONEY, SHARES_OF_ONE, SHARES_OF_ONE),
)
def test_in_no_mode_is_more_spent_than_the_mode_the_share_the_cash_and_the_cap_allow(
    mode: SizingMode,
    limit: int,
    cash: Decimal,
    bid_value: Decimal,
    whale: Decimal,
    figures: tuple[Decimal, Decimal, Decimal],
) -> None:
    fixed, percent, share = figures
    rules = with_mode(mode, fixed_notional=fixed, percent=percent, proportional_share=share)
    inputs = replace(
        INPUTS,
        limit_price=price(str(Decimal(limit) / 100)),
        cash=Usd(cash),
        bid_value=Usd(bid_value),
        whale_notional=Usd(whale),
    )
    answer = size_copy(inputs, MARKET, rules)
    if isinstance(answer, Refusal):
        return
    owned = cash + bid_value
    allowed = {
        SizingMode.FIXED: fixed,
        SizingMode.PERCENT: percent * owned,
        SizingMode.PROPORTIONAL: share * whale,
        SizingMode.KELLY: owned,
    }
    most = min(allowed[mode], owned * Decimal("0.08"), cash, Decimal(1000))
    assert answer.notional <= most * (1 + Decimal("1e-20"))
    assert answer.numbers["mode"] == mode
    assert answer == size_copy(inputs, MARKET, rules)
