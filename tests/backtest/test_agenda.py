"""What is set is done at its time, in order."""

from datetime import datetime

import pytest

from backtest.agenda import Agenda
from tests.backtest.past import after


def test_actions_run_in_the_order_of_time_then_of_setting() -> None:
    agenda, done = Agenda(), list[str]()
    agenda.at(after(2), lambda _: done.append("second"))
    agenda.at(after(1), lambda _: done.append("first"))
    agenda.at(after(2), lambda _: done.append("third"))
    agenda.run_before(after(2))
    assert done == ["first"]
    agenda.run_before(after(3))
    assert done == ["first", "second", "third"]


def test_an_action_may_set_others_that_are_due_too() -> None:
    agenda, done = Agenda(), list[datetime]()

    def act(now: datetime) -> None:
        done.append(now)
        agenda.at(after(2), done.append)

    agenda.at(after(1), act)
    agenda.run_before(after(3))
    assert done == [after(1), after(2)]


def test_nothing_is_set_in_the_past() -> None:
    agenda = Agenda()
    agenda.run_before(after(5))
    with pytest.raises(AssertionError, match="or later"):
        agenda.at(after(4), lambda _: None)
