from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.reconcile import (
    BookKind,
    Finding,
    Reading,
    Span,
    Subject,
    Suspicion,
    Verdict,
    observe,
    slack_of,
)
from trading.rules import ReconcileRules
from trading.types import Price

RULES = ReconcileRules()
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CASH = Subject(BookKind.CASH, "0xw")
TOKEN = Subject(BookKind.TOKEN, "7")
EVERY_S = 5


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def reading(
    theirs: str, ours: str = "100", slack: Span | None = None, subject: Subject = TOKEN
) -> Reading:
    return Reading(subject, Decimal(ours), Decimal(theirs), slack or Span())


def watch(
    readings: Sequence[Reading], every_s: int = EVERY_S, rules: ReconcileRules = RULES
) -> list[Finding]:
    """Take readings one after the other, evenly spaced."""
    suspicion: Suspicion | None = None
    found = []
    for n, each in enumerate(readings):
        found.append(observe(suspicion, each, at(n * every_s), rules))
        suspicion = found[-1].suspicion
    return found


def verdicts(found: Sequence[Finding]) -> list[Verdict]:
    return [finding.verdict for finding in found]


def test_a_difference_within_the_tolerance_is_none() -> None:
    found = watch([reading("100.01"), reading("99.99"), reading("100")])
    assert verdicts(found) == [Verdict.EQUAL] * 3


def test_a_cent_of_cash_is_tolerated_and_more_is_not() -> None:
    assert reading("100.01", subject=CASH).is_explained(RULES)
    assert not reading("100.010001", subject=CASH).is_explained(RULES)


def test_a_real_difference_is_told_at_the_second_read_and_halts_after_a_minute() -> None:
    found = watch([reading("90")] * 14)
    assert verdicts(found[:3]) == [Verdict.SUSPECTED, Verdict.AGREED, Verdict.STANDS]
    assert verdicts(found).index(Verdict.HALT) * EVERY_S == 60
    assert verdicts(found[13:]) == [Verdict.STANDS], "it halts once"


def test_one_stale_read_counts_for_nothing_and_two_of_it_a_moment_apart_are_one() -> None:
    found = watch([reading("90"), reading("100")])
    assert verdicts(found) == [Verdict.SUSPECTED, Verdict.GONE]
    at_once = observe(found[0].suspicion, reading("90"), at(0.5), RULES)
    assert at_once.verdict is Verdict.STANDS
    assert at_once.suspicion is not None
    assert at_once.suspicion.reads == 1


def test_rows_that_flip_flop_never_halt() -> None:
    found = watch([reading("90"), reading("90"), reading("100")] * 20)
    assert Verdict.HALT not in verdicts(found)
    assert verdicts(found).count(Verdict.GONE) == 20


def test_without_the_rules_of_two_reads_and_a_minute_a_stale_row_would_halt() -> None:
    """A planted bug, which the test above would catch."""
    careless = replace(RULES, reads_min=1, lasts=timedelta(seconds=EVERY_S))
    found = watch([reading("90"), reading("90"), reading("100")], rules=careless)
    assert Verdict.HALT in verdicts(found)


def test_a_difference_of_another_size_is_another_one() -> None:
    found = watch([reading("90")] * 10 + [reading("80")] * 3)
    assert found[10].verdict is Verdict.SUSPECTED
    assert found[11].verdict is Verdict.AGREED


def test_what_pending_work_explains_neither_confirms_nor_clears() -> None:
    pending = slack_of([Decimal(-10), Decimal(4)])
    assert pending == Span(Decimal(-10), Decimal(4))
    found = watch([reading("90"), reading("90", slack=pending), reading("90")])
    assert verdicts(found) == [Verdict.SUSPECTED, Verdict.STANDS, Verdict.AGREED]
    assert observe(None, reading("90", slack=pending), NOW, RULES) == Finding(Verdict.EQUAL, None)


def test_a_read_that_rules_the_suspected_size_out_clears_it() -> None:
    settled = reading("97", slack=Span(Decimal(-5), Decimal(0)))  # between -3 and 2
    assert verdicts(watch([reading("90"), settled])) == [Verdict.SUSPECTED, Verdict.GONE]


def test_reads_with_something_pending_narrow_the_size_down() -> None:
    some, other = Span(Decimal(-5), Decimal(0)), Span(Decimal(0), Decimal(5))
    found = watch([reading("88", slack=some), reading("90", slack=other)])
    suspicion = found[1].suspicion
    assert suspicion is not None
    assert suspicion.gap == Span(Decimal(-12), Decimal(-10))
    assert suspicion.gap.least == -10


def test_after_a_long_time_without_a_look_it_is_suspected_anew_unless_it_halted() -> None:
    first = watch([reading("90"), reading("90")])[1].suspicion
    assert first is not None
    again = observe(first, reading("90"), at(120), RULES)
    assert again.verdict is Verdict.SUSPECTED
    halted = replace(first, halted_at=at(1))
    assert observe(halted, reading("90"), at(120), RULES).verdict is Verdict.STANDS


def test_more_than_five_percent_pages() -> None:
    assert not reading("95").is_far_apart(RULES)
    assert reading("94.9").is_far_apart(RULES)
    assert reading("1", ours="0").is_far_apart(RULES)


def test_sizes_are_told_in_shares_and_dollars() -> None:
    held = replace(reading("90", slack=Span(Decimal(-2), Decimal(0))), price=Price(Decimal("0.5")))
    assert held.difference == -10
    assert held.unexplained == -8
    assert held.size_usd == 4
    assert reading("90").size_usd == 10, "a share without a price may be worth a dollar"
    assert replace(held, subject=CASH).size_usd == 8


@pytest.mark.parametrize(("low", "high", "least"), [("1", "3", "1"), ("-3", "-1", "-1")])
def test_the_least_figure_of_a_span_is_the_one_nearest_to_zero(
    low: str, high: str, least: str
) -> None:
    assert Span(Decimal(low), Decimal(high)).least == Decimal(least)
    assert Span(Decimal(-1), Decimal(1)).least == 0
    assert Span(Decimal(1)).plus(Span(Decimal(2), Decimal(3))).low == 3


def test_spans_that_meet_only_within_the_tolerance_give_the_newer_one() -> None:
    far = Span(Decimal(5), Decimal(6))
    assert Span(Decimal(1), Decimal(2)).within(far) == far


@dataclass(frozen=True, slots=True)
class Move:
    """What one piece of work does: committed, shown by the venue, learnt by us, in seconds."""

    size: int
    committed_s: int
    shown_s: int
    learnt_s: int


LAG_S = RULES.read_lag // timedelta(seconds=1)
MOVES = st.lists(
    st.builds(
        lambda size, start, to_shown, to_learnt: Move(
            size, start, start + to_shown, start + to_shown + to_learnt
        ),
        st.integers(-500, 500),
        st.integers(0, 60),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=8,
)
LAGS = st.lists(st.integers(0, LAG_S), min_size=50, max_size=50)


def read_at(moves: Sequence[Move], now_s: int, lag_s: int, stolen: int = 0) -> Reading:
    """Read both sides as the rules say: the venue some time ago, our books now."""
    ours = sum(m.size for m in moves if m.learnt_s <= now_s)
    theirs = sum(m.size for m in moves if m.shown_s <= now_s - lag_s) - stolen
    pending = [Decimal(m.size) for m in moves if m.committed_s <= now_s < m.learnt_s]
    young = [-Decimal(m.size) for m in moves if now_s - LAG_S < m.learnt_s <= now_s]
    slack = slack_of([*pending, *young])
    return Reading(TOKEN, Decimal(1000 + ours), Decimal(1000 + theirs), slack)


@settings(deadline=None, max_examples=60)
@given(MOVES, LAGS)
def test_no_lag_within_the_rules_makes_a_false_difference(
    moves: list[Move], lags: list[int]
) -> None:
    found = watch([read_at(moves, n * EVERY_S, lag) for n, lag in enumerate(lags)])
    assert set(verdicts(found)) == {Verdict.EQUAL}


@settings(deadline=None, max_examples=50)
@given(MOVES, LAGS, st.integers(-500, 500).filter(bool))
def test_every_true_difference_halts_once_all_is_quiet(
    moves: list[Move], lags: list[int], stolen: int
) -> None:
    readings = [read_at(moves, n * EVERY_S, lag, stolen) for n, lag in enumerate(lags)]
    quiet_s = max((m.learnt_s for m in moves), default=0) + LAG_S + 1
    found = watch(readings)
    halts = [n * EVERY_S for n, v in enumerate(verdicts(found)) if v is Verdict.HALT]
    assert halts
    assert halts[-1] <= quiet_s + 60 + 2 * EVERY_S
    last = found[-1].suspicion
    assert last is not None
    assert last.subject == TOKEN
    assert last.gap.meets(Span(Decimal(-stolen), Decimal(-stolen)), Decimal(0))
