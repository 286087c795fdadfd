"""Tests of the restart budget."""

import random

from hypothesis import given
from hypothesis import strategies as st

from embedded.restarts import RestartBudget, RestartPolicy

POLICY = RestartPolicy(restarts_max=4, window_s=60, delay_first_s=0.1, delay_max_s=1)


def _budget(policy: RestartPolicy = POLICY) -> RestartBudget:
    return RestartBudget(policy, random.Random(1))


def test_delays_double_up_to_the_longest() -> None:
    budget = _budget(RestartPolicy(restarts_max=10, window_s=60, delay_first_s=0.1, delay_max_s=1))
    delays = [budget.next_delay_s(0) for _ in range(8)]
    ceilings = [0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1]
    assert all(
        delay is not None and ceiling / 2 <= delay <= ceiling
        for delay, ceiling in zip(delays, ceilings, strict=True)
    )


def test_the_budget_is_used_up_within_the_window() -> None:
    budget = _budget()
    assert all(budget.next_delay_s(second) is not None for second in range(4))
    assert budget.next_delay_s(4) is None
    assert budget.next_delay_s(59.9) is None


def test_deaths_before_the_window_are_forgiven() -> None:
    budget = _budget()
    for second in range(4):
        budget.next_delay_s(second)
    assert budget.next_delay_s(60) is not None
    assert budget.next_delay_s(60.5) is None


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_window_holds_more_restarts_than_allowed(gaps: list[float]) -> None:
    budget, now_s, allowed = _budget(), 0.0, []
    for gap in gaps:
        now_s += gap
        if budget.next_delay_s(now_s) is not None:
            allowed.append(now_s)
    for start in allowed:
        assert sum(start <= at < start + POLICY.window_s for at in allowed) <= POLICY.restarts_max
