"""Questions leave a few at a time, none in a pause, each once."""

from random import Random

import pytest

from exchange.polymarket import chain_questions
from exchange.polymarket.chain_gap import BlockRange
from exchange.polymarket.chain_questions import (
    AT_ONCE,
    PAUSE_BLOCKS_MAX,
    ChainQuestions,
    Question,
)
from exchange.port import UnavailableError


def gap(number: int) -> Question:
    return Question("gap", blocks=BlockRange(number, number))


def questions(*asked: Question, seed: int = 1) -> ChainQuestions:
    made = ChainQuestions(Random(seed))
    for question in asked:
        made.add(question)
    return made


def test_a_few_are_asked_at_once_and_the_next_when_one_is_answered() -> None:
    asked = questions(*[gap(n) for n in range(AT_ONCE + 2)])
    assert asked.due() == [gap(n) for n in range(AT_ONCE)]
    assert asked.due() == []
    asked.answered(gap(2), is_served=True)
    assert asked.due() == [gap(AT_ONCE)]


def test_what_a_fill_waits_for_stands_in_no_line() -> None:
    asked = questions(*[gap(n) for n in range(AT_ONCE + 2)])
    asked.due()
    asked.add(Question("block", 7))
    assert asked.due() == [Question("block", 7)]


def test_what_waits_or_is_asked_is_not_asked_twice() -> None:
    asked = questions(gap(1), gap(1))
    assert asked.due() == [gap(1)]
    asked.add(gap(1))
    assert asked.due() == []


def test_halves_are_asked_before_what_waits_in_their_order() -> None:
    asked = questions(gap(9))
    asked.add_first([gap(1), gap(2)])
    assert asked.due() == [gap(1), gap(2), gap(9)]


def pause_of(asked: ChainQuestions) -> int:
    """Return how many blocks nothing is asked for."""
    blocks = 0
    while not asked.due():
        asked.new_block()
        blocks += 1
    return blocks


@pytest.mark.parametrize("seed", range(20))
def test_pauses_double_up_to_their_limit_half_of_each_by_chance(seed: int) -> None:
    asked = questions(gap(1), Question("number"), seed=seed)
    asked.due()
    for longest in (1, 2, 4, 8, 16, 16, 16):
        asked.answered(gap(1), is_served=False)
        asked.refused(gap(1), 0)
        assert (longest + 1) // 2 <= pause_of(asked) <= longest


def test_pauses_are_not_all_alike() -> None:
    pauses = set()
    for seed in range(20):
        asked = questions(seed=seed)
        for _ in range(5):
            last = asked.refused(gap(1), 0)
            pause_of(asked)
            asked.answered(gap(1), is_served=False)
        pauses.add(last)
    assert len(pauses) > 3


def test_an_answer_ends_a_row_of_refusals() -> None:
    asked = questions(gap(1), gap(2))
    asked.due()
    for _ in range(5):
        asked.answered(gap(1), is_served=False)
        asked.refused(gap(1), 0)
        pause_of(asked)
    asked.answered(gap(1), is_served=True)
    asked.answered(gap(2), is_served=False)
    assert asked.refused(gap(2), 0) == 1


def test_refusals_of_what_was_asked_at_once_are_one() -> None:
    asked = questions(*[gap(n) for n in range(AT_ONCE)])
    asked.due()
    for n in range(AT_ONCE):
        asked.answered(gap(n), is_served=False)
        assert asked.refused(gap(n), 0) == 1
    asked.new_block()
    assert set(asked.due()) == {gap(n) for n in range(AT_ONCE)}


def test_a_pause_that_the_node_names_is_kept() -> None:
    asked = questions(Question("number"))
    asked.due()
    asked.answered(Question("number"), is_served=False)
    assert asked.refused(Question("number"), 61) == 31 > PAUSE_BLOCKS_MAX
    assert pause_of(asked) == 31


def test_a_pause_outlives_the_socket_and_what_was_asked_on_it_does_not() -> None:
    asked = questions(gap(1), gap(2), Question("number"))
    asked.due()
    asked.answered(gap(1), is_served=False)
    asked.refused(gap(1), 8)
    asked.clear()
    asked.add(Question("number"))
    assert pause_of(asked) == 4


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_questions, "WAITING_MAX", 2)
    asked = questions(gap(1), Question("number"))
    with pytest.raises(UnavailableError, match="more than 2 questions"):
        asked.add(gap(2))
    with pytest.raises(UnavailableError, match="more than 2 questions"):
        asked.add_first([gap(2)])
