"""Caps and throttles refuse with the reason that the records would give."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from backtest.limits import Caps, Claim, RecentEntries, cap_refusal
from tests.backtest.past import OTHER, START, WHALE
from trading.rules import RiskRules
from trading.types import ConditionId, Reason, Refusal, SignalId, TokenId, Usd, Wallet

RULES = RiskRules()
CAPS = Caps(RULES, Usd(Decimal(100_000)))


def a_claim(cost: int, whale: Wallet = WHALE, market: str = "m", token: str = "t") -> Claim:
    return Claim(whale, ConditionId(market), TokenId(token), Usd(Decimal(cost)))


def reason(refusal: Refusal | None) -> Reason | None:
    return None if refusal is None else refusal.reason


def test_each_cap_refuses_what_passes_it_and_not_what_reaches_it() -> None:
    third = Wallet("0x" + "c" * 40)
    cases = [
        (Reason.POSITION_LIMIT, [a_claim(900)], 100),
        (Reason.MARKET_LIMIT, [a_claim(4900, third, token="u")], 100),
        (Reason.WHALE_LIMIT, [a_claim(9900, market="n", token="u")], 100),
        (Reason.WALLET_LIMIT, [a_claim(34_900, third, market="n", token="u")], 100),
    ]
    for expected, claims, left in cases:
        assert cap_refusal(a_claim(left), claims, CAPS) is None
        refusal = cap_refusal(a_claim(left + 1), claims, CAPS)
        assert reason(refusal) is expected
        assert refusal is not None
        assert refusal.numbers["asked"] == str(left + 1)


def test_a_market_takes_a_fifth_of_the_portfolio_at_most() -> None:
    caps = replace(CAPS, equity=Usd(Decimal(1000)))
    assert cap_refusal(a_claim(200), [], caps) is None
    assert reason(cap_refusal(a_claim(201), [], caps)) is Reason.PORTFOLIO_LIMIT
    broke = replace(CAPS, equity=Usd(Decimal(-5)))
    assert reason(cap_refusal(a_claim(1), [], broke)) is Reason.PORTFOLIO_LIMIT


def test_half_a_position_is_allowed_in_a_deep_drawdown() -> None:
    caps = replace(CAPS, position_factor=Decimal("0.5"))
    assert cap_refusal(a_claim(500), [], caps) is None
    assert reason(cap_refusal(a_claim(501), [], caps)) is Reason.POSITION_LIMIT


def test_other_whales_do_not_count_against_a_whale() -> None:
    claims = [a_claim(4000, OTHER), a_claim(9500, OTHER, market="n", token="u")]
    assert cap_refusal(a_claim(1000), claims, CAPS) is None


def sent(rules: RiskRules, count: int, token: str = "t", cost: int = 1) -> RecentEntries:
    recent = RecentEntries(rules)
    for n in range(count):
        recent.add(SignalId(f"signal {n}"), a_claim(cost, token=token), START)
    return recent


def ask(recent: RecentEntries, open_orders: int = 0, at: datetime = START) -> str | None:
    refusal = recent.breach(SignalId("signal 0"), a_claim(1), open_orders, at)
    return None if refusal is None else refusal.numbers["throttle"]


def test_every_throttle_lets_its_cap_through_and_no_more() -> None:
    free = replace(RULES, repeats_max=0, orders_per_min_token_max=99)
    assert ask(sent(free, 0), open_orders=RULES.open_orders_max - 1) is None
    assert ask(sent(free, 0), open_orders=RULES.open_orders_max) == "open_orders"
    assert ask(sent(free, 29)) is None
    assert ask(sent(free, 30)) == "orders_per_min"
    assert ask(sent(replace(free, orders_per_min_token_max=6), 6)) == "orders_per_min_token"
    assert ask(sent(replace(free, orders_per_min_token_max=6), 6, token="u")) is None
    assert ask(sent(free, 1, cost=5000)) == "notional_per_min"


def test_a_days_dollars_are_its_own() -> None:
    recent = sent(RULES, 1, cost=34_999)
    evening = START.replace(hour=23, minute=59)
    assert ask(recent, at=evening) is None
    recent.add(SignalId("one more"), a_claim(1), evening - timedelta(minutes=30))
    assert ask(recent, at=evening) == "notional_per_day"
    assert ask(recent, at=evening + timedelta(minutes=1)) is None


def test_repeats_are_other_signals_of_the_same_token() -> None:
    free = replace(RULES, orders_per_min_token_max=99)
    assert ask(sent(free, 3)) is None  # two others and itself
    assert ask(sent(free, 4)) == "repeats"
    assert ask(sent(free, 4, token="u")) is None


def test_what_is_old_is_forgotten() -> None:
    recent = sent(RULES, 30)
    assert ask(recent, at=START + timedelta(minutes=1)) == "repeats"
    assert ask(recent, at=START + timedelta(minutes=10)) is None
