from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from dashboard.risk import LISTED_MAX, LimitView, RiskInputs, RiskView, Unit, view_risk
from storage.views import LimitUse, RiskFigures
from tests.dashboard.fake_records import NOW, WALLET, a_halt, a_money, a_risk, usd
from trading.breakers import Breaker, Losses, Override, Standing, Trip, pause_of
from trading.rules import RiskRules

RULES = RiskRules()


def view(figures: RiskFigures, pnl_today: str = "-450", equity: str = "10000") -> RiskView:
    money = replace(a_money(), pnl_today=usd(pnl_today), cash=usd(equity), bid_value=usd("0"))
    return view_risk(RiskInputs(figures, money, RULES, NOW))


def named(limits: Iterable[LimitView], name: str) -> LimitView:
    return next(limit for limit in limits if limit.name == name)


def test_every_limit_shows_what_is_used_its_cap_and_the_share() -> None:
    limits = view(a_risk()).limits
    wallet = named(limits, "wallet_exposure")
    assert (wallet.used, wallet.cap, wallet.unit) == (usd("52.8"), usd("35000"), Unit.USD)
    assert wallet.share == Decimal("0.0015")
    whale = named(limits, "whale_exposure")
    assert whale.share == Decimal("0.9")
    assert whale.is_near
    assert not whale.is_full
    position = named(limits, "position_exposure")
    assert position.share == 1
    assert position.is_full
    assert named(limits, "orders_per_min").share == Decimal("0.0666")
    assert named(limits, "notional_per_min").unit is Unit.USD
    assert {limit.name for limit in limits} == {
        "wallet_exposure",
        "whale_exposure",
        "market_exposure",
        "market_share",
        "position_exposure",
        "open_orders",
        "orders_per_min",
        "orders_per_min_token",
        "notional_per_min",
    }


def test_a_market_is_capped_in_dollars_and_in_share_of_the_portfolio() -> None:
    limits = view(a_risk()).limits
    assert named(limits, "market_exposure").cap == usd("5000")
    assert named(limits, "market_share").cap == usd("2000")
    assert named(limits, "market_share").is_full


def test_a_portfolio_that_is_gone_has_no_room_for_a_market() -> None:
    limits = view(a_risk(), equity="-5").limits
    assert named(limits, "market_share").cap == 0
    assert named(limits, "market_share").share == 1


def test_the_fullest_limits_come_after_the_wallet_and_unused_ones_not_at_all() -> None:
    limits = [limit for limit in view(a_risk()).limits if limit.scope != "THROTTLE"]
    assert limits[0].scope == "WALLET"
    shares = [limit.share for limit in limits[1:]]
    assert shares == sorted(shares, reverse=True)
    assert "over" not in {limit.label for limit in limits}


def test_a_wallet_that_holds_nothing_is_still_listed() -> None:
    wallet = view(replace(a_risk(), uses=[])).limits[0]
    assert wallet.name == "wallet_exposure"
    assert wallet.used == wallet.share == 0


def test_the_list_is_bounded() -> None:
    many = [LimitUse("POSITION", str(n), "p", usd("1")) for n in range(500)]
    limits = view(replace(a_risk(), uses=many)).limits
    assert sum(limit.scope == "POSITION" for limit in limits) == LISTED_MAX


def test_breakers_are_limits_too() -> None:
    breakers = view(a_risk()).breakers
    assert named(breakers, "daily_loss").share == Decimal("0.9")
    assert named(breakers, "drawdown").unit is Unit.SHARE
    assert named(breakers, "losses_in_row").used == 1
    assert named(view(a_risk(), pnl_today="20").breakers, "daily_loss").used == 0


def test_entries_are_not_halted_by_half_a_loss() -> None:
    risk = view(a_risk(), pnl_today="-500")
    assert not risk.entries_halted
    assert risk.halt_reason is None


def test_a_loss_above_the_cap_halts_entries() -> None:
    risk = view(a_risk(), pnl_today="-500.01")
    assert risk.halt_reason == "daily loss 500.01 above 500"
    assert named(risk.breakers, "daily_loss").is_full


def test_a_pause_halts_entries_until_it_is_over() -> None:
    until = NOW + timedelta(seconds=1)
    pause = pause_of(Losses(0, NOW, until))
    assert pause is not None
    paused = view(replace(a_risk(), paused_until=until, standing=Standing(trips=(pause,))))
    assert paused.halt_reason == pause.reason
    assert paused.paused_until == until
    over = view(replace(a_risk(), paused_until=NOW))
    assert not over.entries_halted
    assert over.paused_until is None


def test_a_halted_wallet_says_why_and_a_halted_token_stops_nobody_else() -> None:
    halts = [a_halt("TOKEN", "7"), a_halt("WALLET", WALLET)]
    assert view(replace(a_risk(), halts=halts)).halt_reason == "an operator said so"
    token_only = view(replace(a_risk(), halts=halts[:1]))
    assert not token_only.entries_halted
    assert token_only.halts == halts[:1]


def test_a_cooldown_is_shown_and_halts_nobody_else_and_a_word_lifts_it() -> None:
    until = NOW + timedelta(minutes=9)
    cold = Trip(Breaker.MARKET_COOLDOWN, "0xc3", NOW, until, "its market cools down")
    failing = Trip(Breaker.FAILURE_RATE, "", NOW, until, "3 of 21 orders failed")
    over = replace(failing, until=NOW)
    standing = Standing(trips=(cold, failing, over))
    risk = view(replace(a_risk(), standing=standing), pnl_today="0")
    assert risk.halt_reason == "3 of 21 orders failed"
    assert [(t.breaker, t.is_lifted) for t in risk.trips] == [
        (Breaker.MARKET_COOLDOWN, False),
        (Breaker.FAILURE_RATE, False),
    ]
    word = Override(Breaker.FAILURE_RATE, "", NOW, until, "ann", "it was the venue")
    risk = view(replace(a_risk(), standing=replace(standing, overrides=(word,))), pnl_today="0")
    assert risk.halt_reason is None
    assert [t.is_lifted for t in risk.trips] == [False, True]
    assert list(risk.overrides) == [word]
