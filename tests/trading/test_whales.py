"""How good a whale is, and how sure one can be."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.scene import price, usd
from trading.types import Significance, Usd
from trading.whales import (
    ClosedTrade,
    QualityParts,
    concentration,
    ewma_volatility,
    quality_parts,
    score_whale,
    shrunk_win_rate,
    significance,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CATEGORIES = ["politics", "sports", "crypto", "culture", "weather", "tech", "economics"]


def trade(pnl: str, days_ago: int = 0, cost: str = "1000", category: str = "a") -> ClosedTrade:
    return ClosedTrade(NOW - timedelta(days=days_ago), usd(cost), usd(pnl), category)


def past(win_chance: float, count: int = 120, seed: int = 1) -> list[ClosedTrade]:
    """A history at even odds, oldest first, over seven categories."""
    chance = random.Random(seed)
    return [
        trade(
            "900" if chance.random() < win_chance else "-1000",
            days_ago=count - n,
            category=CATEGORIES[n % 7],
        )
        for n in range(count)
    ]


def test_a_skilled_whale_scores_above_a_lucky_one_above_a_bad_one() -> None:
    scores = [score_whale(past(chance), NOW) for chance in (0.7, 0.55, 0.35)]
    qualities = [s.quality_score for s in scores]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[0] > Decimal("0.5")
    assert qualities[2] < Decimal("0.2")


def test_evidence_of_skill_needs_a_return_that_is_clearly_positive() -> None:
    skilled, even = score_whale(past(0.7), NOW), score_whale(past(0.54), NOW)
    assert skilled.has_evidence
    assert skilled.return_low > 0
    assert not even.has_evidence
    assert even.return_low <= 0 < even.return_error


def test_nine_trades_are_no_evidence() -> None:
    score = score_whale([trade(str(100 + n), n) for n in range(9)], NOW)
    assert score.return_low > 0
    assert not score.has_evidence


def test_without_trades_there_is_no_score() -> None:
    score = score_whale([], NOW)
    assert score.quality_score == score.score_error == score.mean_return == score.volume == 0
    assert score.win_rate == Decimal("0.5")
    assert not score.has_evidence


def test_one_trade_makes_no_error_bar() -> None:
    assert score_whale([trade("500")], NOW).score_error == 0


def test_a_trade_without_cost_is_left_out() -> None:
    with_gift = [*past(0.6), trade("50", cost="0")]
    assert score_whale(with_gift, NOW) == score_whale(past(0.6), NOW)


def test_the_uncertainty_shrinks_with_the_history() -> None:
    short, long = score_whale(past(0.6, 40), NOW), score_whale(past(0.6, 400), NOW)
    assert short.return_error > long.return_error
    assert short.score_error > 0


def test_no_two_good_whales_tie_at_the_cap() -> None:
    scores = [score_whale(past(0.9, seed=n), NOW).quality_score for n in range(8)]
    assert len(set(scores)) == 8
    assert all(Decimal("0.6") < s < 1 for s in scores)


def test_the_parts_add_up_and_never_fall_below_zero() -> None:
    ten = Decimal(10)
    parts = QualityParts(ten, ten, ten, ten, ten, Decimal("0.8"), Decimal("0.9"))
    assert parts.score == Decimal("0.36")
    assert replace(parts, sharpe=Decimal(-90)).score == 0


def test_no_part_reaches_its_cap() -> None:
    parts = quality_parts([trade("5000", n, "100000000") for n in range(90, 0, -1)])
    assert parts.sharpe < 30
    assert parts.information < 25
    assert parts.calmar < 20
    assert parts.volume < 10
    assert parts.consistency == 15  # steadiness is bounded by nature


@pytest.mark.parametrize(
    ("count", "factor"), [(10, "0.6"), (49, "0.99"), (50, "1"), (500, "1"), (0, "0.5")]
)
def test_a_small_sample_cuts_the_score(count: int, factor: str) -> None:
    trades = [trade("1", n) for n in range(count, 0, -1)]
    assert quality_parts(trades).sample_factor == Decimal(factor)


def test_a_concentrated_whale_is_cut() -> None:
    assert quality_parts(past(0.6)).concentration_factor == 1
    one = [replace(t, category="x") for t in past(0.6)]
    assert quality_parts(one).concentration_factor == Decimal("0.9")


def test_concentration_runs_to_ten_thousand() -> None:
    assert concentration([]) == 0
    assert concentration([trade("1")]) == 10_000
    assert concentration([trade("1", category=c) for c in "abcd"]) == 2500


def test_a_short_or_wild_history_is_not_consistent() -> None:
    assert quality_parts(past(0.7, 20)).consistency == 0
    wild = [trade("1000" if (n // 45) % 2 else "-1000", n) for n in range(360, 0, -1)]
    assert quality_parts(wild).consistency == 0


def test_the_win_rate_is_drawn_towards_one_half() -> None:
    assert shrunk_win_rate([], NOW) == Decimal("0.5")
    twenty = [trade("1")] * 20
    assert shrunk_win_rate(twenty, NOW) == Decimal("0.75")
    even = [trade("1")] * 10 + [trade("0")] * 10
    assert shrunk_win_rate(even, NOW) == Decimal("0.5")


def test_an_old_win_counts_half_after_sixty_days() -> None:
    old = [trade("1", days_ago=60)] * 40
    assert shrunk_win_rate(old, NOW) == Decimal("0.75")


def test_a_trade_closed_in_the_future_counts_once() -> None:
    assert shrunk_win_rate([trade("1", days_ago=-9)] * 20, NOW) == Decimal("0.75")


@settings(max_examples=50)
@given(
    pnls=st.lists(st.decimals(min_value=-1000, max_value=3000, places=2), max_size=40),
    data=st.data(),
)
def test_a_score_is_a_share_and_does_not_depend_on_the_order(
    pnls: list[Decimal], data: st.DataObject
) -> None:
    trades = [
        ClosedTrade(NOW - timedelta(days=n, seconds=n), Usd(Decimal(1000)), Usd(p), "a")
        for n, p in enumerate(pnls)
    ]
    score = score_whale(trades, NOW)
    assert 0 <= score.quality_score < 1
    assert 0 < score.win_rate < 1
    assert score_whale(data.draw(st.permutations(trades)), NOW) == score


@pytest.mark.parametrize(
    ("quality", "notional", "expected"),
    [
        ("0.81", "10001", Significance.HIGH),
        ("0.80", "10001", Significance.MEDIUM),
        ("0.81", "10000", Significance.MEDIUM),
        ("0.50", "1000", Significance.MEDIUM),
        ("0.49", "50000", Significance.LOW),
        ("0.90", "999", Significance.LOW),
    ],
)
def test_significance(quality: str, notional: str, expected: Significance) -> None:
    assert significance(Decimal(quality), usd(notional)) is expected


def test_volatility_is_a_moving_average_of_squared_returns() -> None:
    assert ewma_volatility([]) == ewma_volatility([price("0.5")]) == 0
    assert ewma_volatility([price("0.5"), price("0.4")]) == Decimal("0.2")
    moved = ewma_volatility([price("0.5"), price("0.4"), price("0.4")])
    assert moved == (Decimal("0.94") * Decimal("0.04")).sqrt()
    assert ewma_volatility([price("0.5"), price("0"), price("0.5")]) == 0
