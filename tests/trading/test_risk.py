"""Until when an entry may leave."""

from datetime import UTC, datetime, timedelta

import pytest

from trading.risk import entry_deadline
from trading.rules import OrderRules

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("traded_s", "committed_s", "deadline_s"), [(0, 1, 6), (0, 5, 10), (0, 8, 10), (0, 60, 10)]
)
def test_an_entry_leaves_in_time_or_not_at_all(
    traded_s: int, committed_s: int, deadline_s: int
) -> None:
    deadline = entry_deadline(after(traded_s), after(committed_s), OrderRules())
    assert deadline == after(deadline_s)
