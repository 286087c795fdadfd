"""Breakers trip in a look back as they do in earnest."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from backtest.fuses import Fuses
from tests.backtest.past import OTHER, START, WHALE
from trading.breakers import Result
from trading.rules import RiskRules
from trading.types import ConditionId, Usd

RULES = RiskRules()
MARKET, ELSEWHERE = ConditionId("m"), ConditionId("n")


def a_result(pnl: int) -> Result:
    return Result(Usd(Decimal(pnl)), START, MARKET, WHALE)


def test_a_day_that_lost_too_much_halts_until_it_is_over() -> None:
    fuses = Fuses(RULES)
    fuses.realise(Usd(Decimal(-400)), START)
    assert not fuses.halt_of_all(START)
    fuses.realise(Usd(Decimal(-101)), START)
    assert "daily loss" in fuses.halt_of_all(START)
    assert "daily loss" in fuses.halt(OTHER, ELSEWHERE, START)
    assert not fuses.halt_of_all(START + timedelta(days=1))


def test_losses_in_a_row_pause_and_a_win_ends_the_row() -> None:
    fuses = Fuses(replace(RULES, market_cooldown=timedelta(0), whale_cooldown=timedelta(0)))
    for pnl in (-1, -1, -1, -1, 1, -1, -1, -1, -1):
        fuses.close(a_result(pnl))
    assert not fuses.halt_of_all(START)
    fuses.close(a_result(-1))
    assert "losses in a row" in fuses.halt_of_all(START)
    assert not fuses.halt_of_all(START + RULES.pause)


def test_a_loss_cools_down_its_market_and_its_whale_only() -> None:
    fuses = Fuses(RULES)
    fuses.close(a_result(-1))
    assert "market" in fuses.halt(OTHER, MARKET, START)
    assert "whale" in fuses.halt(WHALE, ELSEWHERE, START)
    assert not fuses.halt(OTHER, ELSEWHERE, START)
    assert not fuses.halt_of_all(START)
