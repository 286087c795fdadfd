"""Luck is not taken for skill, skill is found, and both hold over many seeds."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.chance import ALPHA, UNITS_MIN, Unit, adjusted, interval, luck_probability

HUNDRED = Decimal(100)


def bets(chance: Random, count: int, price: float, wins: float) -> list[Unit]:
    """Return bets of $100 at a price, won with a probability."""
    gain = Decimal(str(round(100 * (1 - price) / price, 6)))
    return [Unit(HUNDRED, gain if chance.random() < wins else -HUNDRED) for _ in range(count)]


def best_of_flippers(seed: int, flippers: int = 200, price: float = 0.5) -> float:
    """Return the corrected p of the best of many who know nothing."""
    chance = Random(seed)
    found = [luck_probability(bets(chance, 60, price, price)) for _ in range(flippers)]
    return min(adjusted(found, flippers))


def skilled_among_flippers(seed: int, flippers: int = 199) -> float:
    """Return the corrected p of one who wins three of four at even odds."""
    chance = Random(seed)
    skilled = luck_probability(bets(chance, 150, 0.5, 0.75))
    others = [luck_probability(bets(chance, 60, 0.5, 0.5)) for _ in range(flippers)]
    return adjusted([skilled, *others], flippers + 1)[0]


def share_found(probabilities: Sequence[float]) -> float:
    return sum(p <= ALPHA for p in probabilities) / len(probabilities)


@pytest.mark.parametrize("price", [0.5, 0.9, 0.1])
def test_the_best_of_two_hundred_coin_flippers_is_luck(price: float) -> None:
    assert share_found([best_of_flippers(seed, price=price) for seed in range(3)]) == 0


def test_one_who_knows_is_found_among_coin_flippers() -> None:
    assert share_found([skilled_among_flippers(seed, 59) for seed in range(8)]) >= 7 / 8


@pytest.mark.acceptance
@pytest.mark.parametrize("price", [0.5, 0.8, 0.95, 0.05])
def test_over_many_seeds_luck_is_named_in_five_of_a_hundred_at_most(price: float) -> None:
    assert share_found([best_of_flippers(seed, price=price) for seed in range(200)]) <= ALPHA


@pytest.mark.acceptance
def test_over_many_seeds_skill_is_found_nearly_always() -> None:
    assert share_found([skilled_among_flippers(seed) for seed in range(200)]) >= 0.95


def test_twenty_small_wins_at_a_high_price_prove_nothing() -> None:
    wins = [Unit(HUNDRED, Decimal("11.11"))] * 20
    assert luck_probability(wins) > 0.12  # 0.9 ** 20


def test_a_single_win_however_large_proves_little() -> None:
    assert luck_probability([Unit(HUNDRED, Decimal(900))]) > ALPHA


def test_losing_everything_is_no_evidence_and_no_error() -> None:
    assert luck_probability([Unit(HUNDRED, -HUNDRED)] * 500) == 1
    assert luck_probability([]) == 1


def test_a_thousand_wins_do_not_overflow() -> None:
    assert 0 <= luck_probability([Unit(HUNDRED, Decimal(1000))] * 1000) < 1e-300


def test_the_correction_is_that_of_benjamini_and_hochberg() -> None:
    """Worked by hand: sorted 0.01, 0.02, 0.04, 0.5 of 4 give 0.04, 0.04, 0.0533, 0.5."""
    found = adjusted([0.04, 0.01, 0.5, 0.02], 4)
    assert found == pytest.approx([0.16 / 3, 0.04, 0.5, 0.04])


def test_wallets_without_a_p_count_as_looked_at() -> None:
    assert adjusted([0.01], 10) == [pytest.approx(0.1)]
    assert adjusted([], 3) == []


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(0, 50))
def test_a_correction_only_ever_weakens_and_keeps_the_order(ps: list[float], more: int) -> None:
    found = adjusted(ps, len(ps) + more)
    assert all(p <= q <= 1 for p, q in zip(ps, found, strict=True))
    pairs = sorted(zip(ps, found, strict=True))
    assert [q for _, q in pairs] == sorted(found)


def test_too_few_units_have_no_interval() -> None:
    assert interval([Unit(HUNDRED, HUNDRED)] * (UNITS_MIN - 1), 100, "x") is None


def test_an_interval_of_equal_units_is_their_sum() -> None:
    found = interval([Unit(HUNDRED, Decimal(7))] * 10, 200, "x")
    assert found is not None
    assert found.low == pytest.approx(70)
    assert found.high == pytest.approx(70)


def test_an_interval_is_the_same_by_seed() -> None:
    units = bets(Random(3), 40, 0.5, 0.5)
    one, again, other = (interval(units, 300, seed) for seed in ("a", "a", "b"))
    assert one == again
    assert one != other


def covered(seed: int) -> bool:
    """Tell whether an interval holds the sum that was to be expected: 80 bets, $5 each."""
    found = interval(bets(Random(seed), 80, 0.5, 0.525), 400, str(seed))
    assert found is not None
    return found.low <= 400 <= found.high


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    assert sum(covered(seed) for seed in range(40)) / 40 >= 0.83


@pytest.mark.acceptance
def test_intervals_hold_the_truth_in_nine_of_ten_over_many_seeds() -> None:
    assert sum(covered(seed) for seed in range(1000)) / 1000 >= 0.9


def test_blocks_keep_what_follows_on_itself_together() -> None:
    """Runs of equal results make a wider interval than the same results shuffled."""
    runs = [Unit(HUNDRED, HUNDRED if n // 8 % 2 else -HUNDRED) for n in range(160)]
    mixed = runs.copy()
    Random(1).shuffle(mixed)
    wide, narrow = (interval(units, 1000, "x") for units in (runs, mixed))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)
