"""When a trade is tried again: only what is proven dead, only in time, only so often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import workflow

from tests.activities.test_records import ENTRY, REPORT
from workflows.execution import ATTEMPTS_MAX, Execution, _is_worth_another

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "now", lambda: NOW)


def test_a_dead_rest_is_tried_again_while_there_is_time() -> None:
    assert _is_worth_another(ENTRY, REPORT, NOW + timedelta(seconds=1))
    assert not _is_worth_another(ENTRY, REPORT, NOW)
    assert _is_worth_another(ENTRY, REPORT, None)


def test_what_may_still_fill_is_never_tried_again() -> None:
    assert not _is_worth_another(ENTRY, replace(REPORT, may_retry=False), None)


def test_two_remainders_are_enough() -> None:
    last = replace(ENTRY, number=ATTEMPTS_MAX)
    assert not _is_worth_another(last, REPORT, None)


def test_an_execution_without_a_reason_was_not_refused() -> None:
    assert Execution((), REPORT.confirmed).reason is None
