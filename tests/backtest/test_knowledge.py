"""Scores know what was closed before a window began, and nothing that came after."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from backtest.errors import HindsightError
from backtest.knowledge import Knowledge, Windows, known_before
from tests.backtest.past import OTHER, START, WHALE, a_good_past
from trading.types import Usd
from trading.whales import ClosedTrade, score_whale

DAY = timedelta(days=1)
WINDOWS = Windows(START, DAY)


def a_win(days: int) -> ClosedTrade:
    return ClosedTrade(START + days * DAY, Usd(Decimal(1000)), Usd(Decimal(900)), "late")


def test_a_trade_that_closes_in_the_future_is_refused() -> None:
    knowledge = Knowledge(WINDOWS, {})
    with pytest.raises(HindsightError, match="closed by"):
        knowledge.note(WHALE, a_win(2), START + DAY)


def test_what_is_learned_within_a_window_counts_from_the_next_one_on() -> None:
    knowledge = Knowledge(WINDOWS, {WHALE: a_good_past()})
    before = knowledge.score(WHALE, START + DAY / 2)
    standing = knowledge.standing(WHALE, START + DAY / 2)
    knowledge.note(WHALE, replace(a_win(0), closed_at=START + DAY / 4), START + DAY / 2)
    assert knowledge.score(WHALE, START + DAY * 3 / 4) == before
    assert knowledge.standing(WHALE, START + DAY * 3 / 4) == standing
    assert knowledge.score(WHALE, START + DAY).closed_trades == before.closed_trades + 1


def test_a_past_given_at_once_is_known_only_as_time_passes() -> None:
    future = [*a_good_past(), a_win(1), a_win(5)]
    knowledge = Knowledge(WINDOWS, {WHALE: future})
    honest = score_whale([t for t in future if t.closed_at < START], START)
    assert knowledge.score(WHALE, START + DAY / 2) == honest
    assert knowledge.score(WHALE, START + 2 * DAY).closed_trades == honest.closed_trades + 1


def test_only_the_training_window_counts() -> None:
    knowledge = Knowledge(replace(WINDOWS, train=10 * DAY), {WHALE: a_good_past()})
    assert knowledge.score(WHALE, START).closed_trades == 10


def test_a_stranger_has_no_standing_but_is_followed() -> None:
    standing = Knowledge(WINDOWS, {}).standing(OTHER, START)
    assert standing.is_followed
    assert standing.quality_score == 0
    assert standing.closed_trades == 0


def test_a_standing_has_the_figures_of_the_score() -> None:
    knowledge = Knowledge(WINDOWS, {WHALE: a_good_past()})
    standing, score = knowledge.standing(WHALE, START), knowledge.score(WHALE, START)
    assert standing.quality_score == score.quality_score
    assert standing.win_rate == score.win_rate
    assert standing.closed_trades == score.closed_trades
    assert knowledge.standing(WHALE, START + DAY / 2) is standing


def test_the_cutoff_itself_is_not_before_it() -> None:
    assert known_before([a_win(0)], START, None) == []
    assert known_before([a_win(-1)], START, DAY) == [a_win(-1)]
    assert known_before([a_win(-2)], START, DAY) == []


def test_windows_begin_at_the_origin_and_count_backwards_too() -> None:
    assert WINDOWS.begins(START + DAY * 3 / 2) == START + DAY
    assert WINDOWS.begins(START) == START
    assert WINDOWS.begins(START - DAY / 2) == START - DAY
