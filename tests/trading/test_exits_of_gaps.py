"""Gaps that code which waits, or believes too much, would neither leave nor tell of in time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from tests.trading.ticks_of_books import Verdict, gap, judge
from trading.rules import ExitRules

RULES = ExitRules()
IN_TIME = timedelta(seconds=5)


def is_told_in_time(verdict: Verdict) -> bool:
    return verdict.told_after is not None and verdict.told_after <= IN_TIME


@pytest.mark.parametrize(
    ("rules", "missed"),
    [
        (RULES, range(1)),
        (replace(RULES, doubt_max=timedelta(seconds=9)), range(200, 900)),
        (replace(RULES, reads_apart=timedelta(seconds=5)), range(200, 900)),
        (replace(RULES, depth_share=Decimal(10**9), doubt_max=timedelta(days=1)), range(900, 1001)),
    ],
    ids=["as they are", "a slow doubt", "a slow second read", "no book believed, nobody told"],
)
def test_a_thousand_gaps_find_out_who_is_late(rules: ExitRules, missed: range) -> None:
    late = [seed for seed in range(1000) if not is_told_in_time(judge(gap(Random(seed)), rules))]
    assert len(late) in missed
