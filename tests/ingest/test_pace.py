import asyncio
from datetime import timedelta

import pytest

from ingest.pace import Pace
from trading.rules import PaceRules
from trading.types import SignalId

FIRST, SECOND, THIRD = SignalId("1"), SignalId("2"), SignalId("3")


@pytest.fixture
def pace() -> Pace:
    return Pace(PaceRules(young_max=2, young_for=timedelta(seconds=30)))


async def test_there_is_room_for_a_few_young_trades(pace: Pace) -> None:
    assert pace.room == 2
    pace.begin(FIRST)
    assert pace.room == 1
    pace.begin(FIRST)  # it is started anew
    assert pace.room == 1
    pace.begin(SECOND)
    assert pace.room == 0
    pace.begin(THIRD)  # a count that was passed is no debt
    assert pace.room == 0


async def test_a_trade_that_was_sent_or_ended_makes_room_once(pace: Pace) -> None:
    pace.begin(FIRST)
    pace.begin(SECOND)
    waiting = asyncio.create_task(pace.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.passed(FIRST)
    pace.passed(FIRST)
    pace.passed(THIRD)
    await asyncio.wait_for(waiting, 5)
    assert pace.room == 1


async def test_nobody_waits_while_there_is_room(pace: Pace) -> None:
    pace.begin(FIRST)
    await asyncio.wait_for(pace.wait_for_room(), 5)


async def test_a_trade_that_is_not_heard_of_is_young_no_more() -> None:
    pace = Pace(PaceRules(young_max=1, young_for=timedelta(milliseconds=20)))
    pace.begin(FIRST)
    assert pace.room == 0
    await asyncio.wait_for(pace.wait_for_room(), 5)
    assert pace.room == 1
