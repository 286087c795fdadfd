"""Tests of keeping one service alive."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.errors import ServiceFailedError
from embedded.guarding import Guard
from embedded.keeping import Keeper, Surroundings
from embedded.restarts import RestartBudget, RestartPolicy
from embedded.services import ProcessEventKind as Kind
from embedded.services import Service
from tests.embedded.programs import Events, no, python_service, until

FAST = RestartPolicy(restarts_max=2, delay_first_s=0.01, delay_max_s=0.02)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
async def around(tmp_path: Path, events: Events) -> AsyncIterator[Surroundings]:
    guard = Guard()
    await guard.open()
    yield Surroundings(guard, events, tmp_path)
    await guard.close()


def _keeper(service: Service, around: Surroundings) -> Keeper:
    return Keeper(service, RestartBudget(FAST, random.Random(1)), around)


async def test_a_first_start_that_ends_by_itself_is_told_with_its_last_words(
    around: Surroundings,
) -> None:
    code = "import sys; print('no such setting: X'); sys.exit(2)"
    keeper = _keeper(replace(python_service("one", code), ready=no), around)
    with pytest.raises(ServiceFailedError, match=r"exit code 2(.|\n)*no such setting: X"):
        await keeper.run()
    assert keeper.child is None


async def test_a_first_start_without_a_word_names_its_log(around: Surroundings) -> None:
    keeper = _keeper(replace(python_service("one", "raise SystemExit(2)"), ready=no), around)
    with pytest.raises(ServiceFailedError, match=r"exit code 2; see .*one\.log"):
        await keeper.run()


async def test_a_first_start_that_takes_too_long_is_told(
    around: Surroundings, events: Events
) -> None:
    service = replace(python_service("one"), ready=no, ready_timeout_s=0.1)
    with pytest.raises(ServiceFailedError, match=r"not ready within 0\.1 s"):
        await _keeper(service, around).run()
    assert events.told[-1].detail == "not ready within 0.1 s"


async def test_a_first_start_that_was_killed_is_tried_again(
    around: Surroundings, events: Events
) -> None:
    keeper = _keeper(replace(python_service("one"), ready=no), around)
    run = asyncio.ensure_future(keeper.run())
    await until(lambda: keeper.child is not None, "it has started")
    assert keeper.child is not None
    os.kill(keeper.child.pid, signal.SIGKILL)
    await until(lambda: Kind.RESTARTED in events.kinds("one"), "it has started again")
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()
    assert events.kinds("one") == [Kind.STARTED, Kind.DIED, Kind.RESTARTED, Kind.STOPPED]


async def test_a_service_that_dies_too_often_is_given_up(
    around: Surroundings, events: Events
) -> None:
    keeper = _keeper(python_service("one", "import time; time.sleep(0.1)"), around)
    with pytest.raises(ServiceFailedError, match=r"died more than 2 times in 60 s.*exit code 0"):
        await keeper.run()
    assert keeper.first_ready.done()
    assert events.kinds("one").count(Kind.RESTARTED) == 2
