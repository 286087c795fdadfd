"""Scores are held against what came after them."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.trading.scene import usd
from trading.evidence import RankCorrelation, halve, out_of_sample, rank_correlation
from trading.whales import ClosedTrade, score_whale

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TRADES = 60


def wallet(win_chance: float, seed: int, count: int = TRADES) -> list[ClosedTrade]:
    """A history at even odds; stakes and categories vary."""
    chance = random.Random(seed)
    return [
        ClosedTrade(
            NOW - timedelta(days=count - n),
            usd(str(stake := chance.randint(500, 2000))),
            usd(str(stake if chance.random() < win_chance else -stake)),
            "abcdefg"[n % 7],
        )
        for n in range(count)
    ]


def crowd(count: int, *, spread: float) -> list[list[ClosedTrade]]:
    """Wallets whose chances to win lie evenly within `spread` around one half."""
    return [wallet(0.5 + spread * (n / (count - 1) - 0.5), n) for n in range(count)]


def found(histories: list[list[ClosedTrade]]) -> RankCorrelation:
    halves = [halve(trades) for trades in histories]
    correlation = out_of_sample([half for half in halves if half is not None])
    assert correlation is not None
    return correlation


def test_planted_skill_is_found_out_of_sample() -> None:
    skilled = found(crowd(40, spread=0.5))
    assert skilled.is_evidence
    assert skilled.rho > Decimal("0.5")
    assert skilled.low < skilled.rho < skilled.high
    assert skilled.wallets == 40


def test_planted_luck_is_not() -> None:
    """The control: the same wallets without skill; whoever was lucky is so no more."""
    lucky = found(crowd(40, spread=0))
    assert not lucky.is_evidence
    assert abs(lucky.rho) < Decimal("0.35")


def test_too_few_wallets_or_trades_tell_nothing() -> None:
    four = [halve(wallet(0.6, n)) for n in range(4)]
    assert all(half is not None for half in four)
    assert out_of_sample([half for half in four if half is not None]) is None
    assert halve(wallet(0.6, 1, count=19)) is None
    assert rank_correlation([], []) is None


def test_ranks_by_hand() -> None:
    first = [Decimal(n) for n in (1, 2, 3, 4, 5)]
    second = [Decimal(n) for n in (1, 3, 2, 4, 5)]
    by_hand = rank_correlation(first, second)
    assert by_hand is not None
    assert by_hand.rho == Decimal("0.9")
    upside_down = rank_correlation(first, first[::-1])
    assert upside_down is not None
    assert upside_down.rho == -1
    assert upside_down.high < 0


def test_equal_values_share_their_rank() -> None:
    ties = rank_correlation([Decimal(1)] * 2 + [Decimal(2)] * 3, [Decimal(n) for n in range(5)])
    assert ties is not None
    assert abs(ties.rho - Decimal("0.866025")) < Decimal("0.0001")
    flat = rank_correlation([Decimal(1)] * 5, [Decimal(n) for n in range(5)])
    assert flat is not None
    assert flat.rho == 0
    assert not flat.is_evidence


def check_no_ties(count: int) -> None:
    scores = [score_whale(wallet(0.9, seed, 40), NOW).quality_score for seed in range(count)]
    assert len(set(scores)) == count
    assert max(scores) < 1


def test_no_two_of_many_generated_wallets_tie_at_the_cap() -> None:
    check_no_ties(40)


@pytest.mark.acceptance
def test_no_two_of_a_thousand_generated_wallets_tie_at_the_cap() -> None:
    check_no_ties(1000)


@pytest.mark.parametrize("seed", range(6))
def test_doubling_one_lucky_trade_does_not_double_a_score(seed: int) -> None:
    trades = wallet(0.55, seed)
    best = max(range(TRADES), key=lambda n: trades[n].pnl)
    lucky = trades[best]
    doubled = ClosedTrade(lucky.closed_at, lucky.cost, usd(str(2 * lucky.pnl)), lucky.category)
    before = score_whale(trades, NOW).quality_score
    after = score_whale([*trades[:best], doubled, *trades[best + 1 :]], NOW).quality_score
    assert after < before * Decimal("1.5") + Decimal("0.02")
