"""From a file of fills to the verdict: planted skill is found, planted luck is not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backtest.figures import Figures, figure
from backtest.plan import Plan
from backtest.replay import replay
from tests.backtest.crowd import a_crowd
from trading.rules import Rules
from trading.types import SizingMode, Usd

SIZING = replace(Rules().sizing, mode=SizingMode.FIXED, fixed_notional=Usd(Decimal(20)))
PLAN = Plan(rules=replace(Rules(), sizing=SIZING), window=timedelta(days=5), resamples=100)


def look_back(
    tmp_path: Path, seed: int, wallets: int, markets: int, knows: dict[int, float] | None = None
) -> Figures:
    history = a_crowd(tmp_path / f"{seed}.csv", seed, wallets, markets, knows)
    return figure(replay(history, PLAN), PLAN)


def found_in(figures: Figures) -> set[str]:
    return {whale.name for whale in figures.whales if whale.luck.has_evidence}


def test_one_who_knows_is_found_and_copied_after_it_has_shown_it(tmp_path: Path) -> None:
    figures = look_back(tmp_path, 1, wallets=3, markets=120, knows={2: 0.85})
    [first, *_] = figures.whales
    assert found_in(figures) == {"w2"} == {first.name}
    assert first.copied < 120
    assert first.money.pnl > 0
    assert figures.unit == "day"


def test_coin_flippers_are_not_found_however_many(tmp_path: Path) -> None:
    figures = look_back(tmp_path, 1, wallets=20, markets=24)
    assert found_in(figures) == set()
    assert not figures.luck.has_evidence


@pytest.mark.acceptance
def test_the_best_of_two_hundred_coin_flippers_is_not_found_over_many_seeds(
    tmp_path: Path,
) -> None:
    named = [found_in(look_back(tmp_path, seed, wallets=200, markets=60)) for seed in range(8)]
    assert sum(bool(names) for names in named) == 0


@pytest.mark.acceptance
def test_one_who_knows_is_found_among_coin_flippers_over_many_seeds(tmp_path: Path) -> None:
    named = [
        found_in(look_back(tmp_path, seed, wallets=20, markets=200, knows={7: 0.8}))
        for seed in range(10)
    ]
    assert sum(names == {"w7"} for names in named) >= 9
