from dataclasses import replace

import pytest

from tests.chaos.books import Evidence
from tests.chaos.figures import measure, percentile, shortfalls, unknown_outcomes
from tests.chaos.test_audit import at, clean


def test_an_unknown_outcome_lasts_until_something_more_is_known() -> None:
    evidence = (
        Evidence("a", "submit", "UNKNOWN  HTTP None", at(0)),
        Evidence("a", "ruling", "UNKNOWN the sender ended", at(1)),
        Evidence("a", "submit", "NOT_NOW  too many requests", at(2)),
        Evidence("b", "submit", "KNOWN_TO_VENUE  Duplicated", at(3)),
        Evidence("a", "order", "LIVE matched 0", at(4)),
        Evidence("a", "trade", "MATCHED 5 for 2", at(5)),
        Evidence("c", "submit", "ACCEPTED MATCHED matched", at(6)),
    )
    assert unknown_outcomes(evidence) == ([4.0], 1)


def test_an_answer_that_only_says_later_is_not_unknown() -> None:
    assert unknown_outcomes([Evidence("a", "submit", "NOT_NOW  later", at(0))]) == ([], 0)


def test_what_the_venue_has_spoken_of_is_unknown_no_more() -> None:
    evidence = (
        Evidence("a", "order", "CANCELLED matched 0 CANCELED", at(0)),
        Evidence("a", "submit", "UNKNOWN  POST /order: TimeoutError", at(2)),
    )
    assert unknown_outcomes(evidence) == ([], 0)


def test_a_signal_reaches_the_venue_by_its_entry_or_by_the_exit_that_answers_it() -> None:
    figures = measure(clean())
    assert (figures.reached, figures.filled, figures.exits) == (2, 2, 1)
    assert figures.to_post_ms == (1000.0,)
    refused = replace(clean().signals[1], state="FILTERED", reason="NO_POSITION_TO_REDUCE")
    figures = measure(replace(clean(), signals=(clean().signals[0], refused)))
    assert figures.reached == 1
    assert figures.by_reason == {"NO_POSITION_TO_REDUCE": 1}


def test_a_run_that_hardly_traded_falls_short() -> None:
    assert shortfalls(measure(clean()), clean()) == []
    idle = replace(clean(), venue_orders=(), venue_fills=(), signals=())
    told = shortfalls(measure(idle), idle)
    assert [text.split(":")[0] for text in told] == [
        "signals that reached the venue",
        "signals filled",
        "exits",
    ]


@pytest.mark.parametrize(
    ("lasts_s", "told"),
    [(9.0, 0), (11.0, 1), (61.0, 2)],
)
def test_outcomes_that_stay_unknown_too_long_fall_short(lasts_s: float, told: int) -> None:
    evidence = (
        Evidence("a", "submit", "UNKNOWN  HTTP None", at(0)),
        Evidence("a", "ruling", "VOID seen by nobody", at(lasts_s)),
    )
    books = replace(clean(), evidence=evidence)
    assert len(shortfalls(measure(books), books)) == told


def test_an_outcome_that_is_still_unknown_falls_short() -> None:
    books = replace(clean(), evidence=(Evidence("a", "ruling", "UNKNOWN", at(0)),))
    assert shortfalls(measure(books), books) == ["1 outcomes are still unknown"]


def test_percentiles_are_of_the_nearest_rank() -> None:
    numbers = [float(n) for n in range(1, 101)]
    assert percentile(numbers, 0.5) == 51
    assert percentile(numbers, 1.0) == 100
    assert percentile([], 0.5) is None
