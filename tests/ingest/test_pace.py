import asyncio
from datetime import timedelta

import pytest

import ingest.pace
from ingest.pace import Pace
from tests.storage.builders import entry, leave
from trading.rules import PaceRules
from trading.types import PositionId, SignalId

SOON = timedelta(milliseconds=20)
LATE = timedelta(seconds=30)
FIRST, SECOND, THIRD = SignalId("1"), SignalId("2"), SignalId("3")


@pytest.fixture
def pace() -> Pace:
    return Pace(PaceRules(young_max=2, young_for=LATE, crowd=1, way_given_for=LATE))


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
    pace = Pace(PaceRules(young_max=1, young_for=SOON))
    pace.begin(FIRST)
    assert pace.room == 0
    await asyncio.wait_for(pace.wait_for_room(), 5)
    assert pace.room == 1


async def test_an_order_that_leaves_makes_room_for_another_trade(pace: Pace) -> None:
    pace.begin(FIRST)
    pace.sent(entry("1#1"))
    assert pace.room == 2


async def test_what_was_sent_gives_way_to_a_crowd_that_was_not(pace: Pace) -> None:
    sent = entry("1#1")
    pace.sent(sent)
    await asyncio.wait_for(pace.give_way(sent.order.order_hash, is_last=False), 5)  # no crowd
    pace.begin(SECOND)
    waiting = asyncio.create_task(pace.give_way(sent.order.order_hash, is_last=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.passed(SECOND)
    await asyncio.wait_for(waiting, 5)
    pace.begin(THIRD)
    await asyncio.wait_for(pace.give_way(sent.order.order_hash, is_last=True), 5)  # not again


async def test_a_crowd_is_given_way_for_a_moment_only() -> None:
    pace = Pace(PaceRules(young_max=2, young_for=LATE, crowd=1, way_given_for=SOON))
    sent = entry("1#1")
    pace.sent(sent)
    pace.begin(SECOND)
    await asyncio.wait_for(pace.give_way(sent.order.order_hash, is_last=True), 5)
    assert pace.room == 1


async def test_exits_and_orders_of_others_wait_for_nobody(pace: Pace) -> None:
    exit_order = leave(PositionId("p")).intent
    pace.sent(exit_order)
    pace.begin(SECOND)
    for order_hash in (exit_order.order.order_hash, entry("unknown#1").order.order_hash):
        await asyncio.wait_for(pace.give_way(order_hash, is_last=True), 5)


async def test_few_sent_orders_are_remembered(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.pace, "SENT_MAX", 1)
    first, second = entry("1#1"), entry("2#1")
    pace.sent(first)
    pace.sent(second)
    pace.begin(THIRD)
    await asyncio.wait_for(pace.give_way(first.order.order_hash, is_last=True), 5)
    waiting = asyncio.create_task(pace.give_way(second.order.order_hash, is_last=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
