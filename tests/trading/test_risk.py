"""Deadlines and circuit breakers."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.scene import usd
from trading.risk import (
    Breakers,
    Result,
    book_result,
    clear_daily_loss,
    clear_pause,
    entry_deadline,
    pnl_by_day,
    restriction,
)
from trading.rules import OrderRules, RiskRules

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULES = RiskRules()
NO_FALL = Decimal(0)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def booked(*results: tuple[str, datetime]) -> Breakers:
    breakers = Breakers()
    for pnl, at in results:
        breakers = book_result(breakers, Result(usd(pnl), at), RULES)
    return breakers


@pytest.mark.parametrize(
    ("traded_s", "committed_s", "deadline_s"), [(0, 1, 6), (0, 5, 10), (0, 8, 10), (0, 60, 10)]
)
def test_an_entry_leaves_in_time_or_not_at_all(
    traded_s: int, committed_s: int, deadline_s: int
) -> None:
    deadline = entry_deadline(after(traded_s), after(committed_s), OrderRules())
    assert deadline == after(deadline_s)


def test_a_loss_above_the_days_limit_halts_entries() -> None:
    at_the_limit = booked(("-300", NOON), ("-200", after(1)))
    assert not restriction(at_the_limit, NO_FALL, after(2), RULES).entries_halted
    over = booked(("-300", NOON), ("-200.01", after(1)))
    halted = restriction(over, NO_FALL, after(2), RULES)
    assert halted.entries_halted
    assert halted.reason == "daily loss 500.01 above 500"


def test_a_days_gains_make_up_for_its_losses() -> None:
    breakers = booked(("-600", NOON), ("200", after(1)))
    assert not restriction(breakers, NO_FALL, after(2), RULES).entries_halted


def test_the_halt_of_a_day_ends_with_the_utc_day() -> None:
    breakers = booked(("-600", NOON))
    last = NOON.replace(hour=23, minute=59, second=59)
    assert restriction(breakers, NO_FALL, last, RULES).entries_halted
    assert not restriction(breakers, NO_FALL, last + timedelta(seconds=1), RULES).entries_halted


def test_a_day_is_that_of_the_confirmation_in_utc() -> None:
    auckland = timezone(timedelta(hours=13))
    late = datetime(2026, 11, 23, 9, 0, tzinfo=auckland)  # still the 22nd in UTC
    breakers = booked(("-300", NOON), ("-300", late))
    assert breakers.day == date(2026, 11, 22)
    assert breakers.day_pnl == -600


def test_a_late_result_of_yesterday_does_not_count_today() -> None:
    breakers = booked(("-100", NOON), ("-600", NOON - timedelta(days=1)))
    assert breakers.day_pnl == -100
    assert breakers.losses_in_row == 2


def test_a_person_may_lift_the_days_halt_for_that_day_only() -> None:
    cleared = clear_daily_loss(booked(("-600", NOON)))
    assert not restriction(cleared, NO_FALL, after(1), RULES).entries_halted
    tomorrow = book_result(cleared, Result(usd("-700"), NOON + timedelta(days=1)), RULES)
    assert restriction(tomorrow, NO_FALL, NOON + timedelta(days=1), RULES).entries_halted


def test_five_losses_in_a_row_pause_for_an_hour() -> None:
    losses = [("-1", after(n)) for n in range(5)]
    assert not restriction(booked(*losses[:4]), NO_FALL, after(4), RULES).entries_halted
    breakers = booked(*losses)
    paused = restriction(breakers, NO_FALL, after(5), RULES)
    assert paused.entries_halted
    assert paused.reason.startswith("paused until 2026-11-22T13:00:04")
    assert not restriction(breakers, NO_FALL, after(4 + 3600), RULES).entries_halted


@pytest.mark.parametrize("pnl", ["0", "0.01"])
def test_a_closing_without_a_loss_ends_the_row(pnl: str) -> None:
    results = [("-1", after(n)) for n in range(4)]
    breakers = booked(*results, (pnl, after(4)), ("-1", after(5)))
    assert breakers.losses_in_row == 1
    assert breakers.paused_until is None


def test_a_pause_is_not_made_longer_by_the_next_loss() -> None:
    losses = [("-1", after(n)) for n in range(6)]
    assert booked(*losses).paused_until == booked(*losses[:5]).paused_until == after(4 + 3600)


def test_a_person_may_end_a_pause() -> None:
    breakers = clear_pause(booked(*[("-1", after(n)) for n in range(5)]))
    assert not restriction(breakers, NO_FALL, after(5), RULES).entries_halted


@pytest.mark.parametrize(("drawdown", "factor"), [("0.10", "1"), ("0.1001", "0.5"), ("0.9", "0.5")])
def test_a_drawdown_above_ten_percent_halves_sizes(drawdown: str, factor: str) -> None:
    found = restriction(Breakers(), Decimal(drawdown), NOON, RULES)
    assert found.size_factor == Decimal(factor)
    assert not found.entries_halted


def test_a_halt_and_a_drawdown_are_both_told() -> None:
    found = restriction(booked(("-600", NOON)), Decimal("0.2"), after(1), RULES)
    assert found.entries_halted
    assert found.size_factor == Decimal("0.5")


results = st.lists(
    st.builds(
        Result,
        pnl=st.decimals(min_value=-900, max_value=900, places=2).map(lambda p: usd(str(p))),
        at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 9), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    max_size=40,
)


@given(found=results, cut=st.integers(0, 40))
def test_the_days_of_any_partition_add_up_to_the_whole(found: list[Result], cut: int) -> None:
    parts = [pnl_by_day(found[:cut]), pnl_by_day(found[cut:])]
    total = sum((r.pnl for r in found), Decimal(0))
    assert sum((pnl for part in parts for pnl in part.values()), Decimal(0)) == total
    assert sum(pnl_by_day(found).values(), Decimal(0)) == total


@given(found=results)
def test_the_breakers_day_is_the_newest_day_of_the_ledger(found: list[Result]) -> None:
    found = sorted(found, key=lambda r: r.at)
    breakers = booked(*[(str(r.pnl), r.at) for r in found])
    days = pnl_by_day(found)
    if days:
        assert breakers.day == max(days)
        assert breakers.day_pnl == days[max(days)]
