"""Tests of finding where asks disappeared."""

from paper.model import MICROS, Level
from paper.tape import Snapshot
from paper.tapes.moments import GAP_MS_MAX, Moment, find_moments, gone_asks, notional_of


def levels(*pairs: tuple[int, int]) -> tuple[Level, ...]:
    """Prices in cents, sizes in shares."""
    return tuple(Level(cents * 10_000, shares * MICROS) for cents, shares in pairs)


def book(at: int, bids: tuple[Level, ...], asks: tuple[Level, ...]) -> Snapshot:
    return Snapshot(at, "0xaa", bids, asks)


BIDS = levels((49, 100), (48, 100))
ASKS = levels((51, 100), (52, 200), (53, 300))


def test_levels_below_the_new_best_ask_are_gone() -> None:
    assert gone_asks(ASKS, levels((53, 300))) == levels((51, 100), (52, 200))


def test_what_the_new_best_ask_lost_is_gone_too() -> None:
    assert gone_asks(ASKS, levels((52, 50), (53, 300))) == levels((51, 100), (52, 150))


def test_what_shrank_behind_the_best_ask_is_not_counted() -> None:
    assert gone_asks(ASKS, levels((51, 100), (52, 1))) == ()


def test_asks_that_grew_or_came_are_not_counted() -> None:
    assert gone_asks(ASKS, levels((50, 10), (51, 900))) == ()
    assert gone_asks(ASKS, levels((51, 900))) == ()
    assert gone_asks((), ASKS) == ()


def test_a_moment_of_the_first_outcome_is_found() -> None:
    after = book(1_000, BIDS, levels((52, 200), (53, 300)))
    assert list(find_moments([book(0, BIDS, ASKS), after])) == [
        Moment(1_000, "0xaa", 0, levels((51, 100)), 490_000, 520_000, ask_highest=520_000)
    ]


def test_bids_that_are_gone_are_asks_of_the_second_outcome() -> None:
    after = book(1_000, levels((48, 40)), ASKS)
    assert list(find_moments([book(0, BIDS, ASKS), after])) == [
        Moment(1_000, "0xaa", 1, levels((51, 100), (52, 60)), 490_000, 520_000, ask_highest=520_000)
    ]


def test_unchanged_books_hold_no_moment() -> None:
    assert list(find_moments([book(0, BIDS, ASKS), book(1, BIDS, ASKS)])) == []


def test_books_too_far_apart_are_not_compared() -> None:
    after = levels((53, 300))
    near, far = book(GAP_MS_MAX, BIDS, after), book(GAP_MS_MAX + 1, BIDS, after)
    assert len(list(find_moments([book(0, BIDS, ASKS), near]))) == 1
    assert list(find_moments([book(0, BIDS, ASKS), far])) == []


def test_a_book_with_an_empty_side_after_it_is_no_moment() -> None:
    assert list(find_moments([book(0, BIDS, ASKS), book(1, BIDS, ())])) == []
    assert list(find_moments([book(0, BIDS, ASKS), book(1, (), ASKS)])) == []


def test_notional_and_price_are_those_of_what_is_gone() -> None:
    moment = Moment(1, "0xaa", 0, levels((50, 100), (53, 200)), 0, 0, 0)
    assert moment.notional == 156 * MICROS == notional_of(moment.gone)
    assert moment.price == 520_000
