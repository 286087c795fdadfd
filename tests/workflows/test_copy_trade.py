"""One whale signal from assessment to its one terminal state."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from storage.port import PositionRecord
from tests.activities.desk import held
from tests.fakes import Answer
from tests.workflows.hall import Hall, until
from tests.workflows.test_position import reviewed
from trading.types import (
    ExitReason,
    ExitRequest,
    OrderState,
    OrderType,
    Side,
    SignalState,
    SizingMode,
)
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow
from workflows.position import PositionWorkflow

STARTS_OWNER = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
STOP = ExitRequest(ExitReason.OPERATOR, who="test", why="the end")


async def test_a_whale_trade_is_copied_once_and_shows_how_it_goes(hall: Hall) -> None:
    async with hall.worker():
        trade = await hall.start()
        end = await trade.result()
        assert end.state is SignalState.FILLED
        assert not await hall.desk.reserved()
        assert len(hall.desk.venue.posts) == 1
        with pytest.raises(WorkflowAlreadyStartedError):
            await hall.client.start_workflow(
                CopyTradeWorkflow.run,
                end.signal_id,
                id=trade.id,
                task_queue=hall.queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        described = await trade.describe()
        assert described.typed_search_attributes.get(names.TRADE_STATE) == "FILLED"
        steps = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in (await trade.fetch_history()).events
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert steps == ["place_order", "await_fill", "settle_orders"]
        position = await held(hall.desk)
        assert position is not None
        owner = hall.owner(position.position_id)
        await owner.signal(PositionWorkflow.request_exit, STOP)
        assert (await owner.result()).is_over
        assert await held(hall.desk) is None
        details = (await owner.describe()).typed_search_attributes
        assert details.get(names.TRADE_STATE) == "CLOSED"


async def test_a_signal_that_is_not_worth_it_is_refused(jumping_hall: Hall) -> None:
    hall = jumping_hall
    hall.desk.venue.quote("0.40", "0.51")
    async with hall.worker():
        end = await hall.copy()
        assert end.state is await hall.desk.state(end.signal_id) is SignalState.FILTERED
        hall.desk.venue.quote("0.50", "0.51")
        busy = replace(hall.desk.rules.risk, open_orders_max=0)
        hall.desk.rules = replace(hall.desk.rules, risk=busy)
    async with hall.worker():
        end = await hall.copy("s2")
        assert end.state is await hall.desk.state(end.signal_id) is SignalState.RISK_REJECTED
    assert hall.desk.venue.posts == []


async def test_a_part_is_topped_up_at_a_fresh_price(jumping_hall: Hall) -> None:
    hall = jumping_hall
    hall.desk.venue.script.matched_share = Decimal("0.5")
    async with hall.worker():
        end = await hall.copy()
    assert end.state is SignalState.FILLED
    assert len(hall.desk.venue.posts) == 3
    position = await held(hall.desk)
    assert position is not None
    first = await hall.desk.progress(hall.desk.venue.posts[0])
    assert first.size * Decimal("0.87") < position.settled_size < first.size


async def test_a_part_that_cannot_be_topped_up_is_partial(jumping_hall: Hall) -> None:
    hall = jumping_hall
    hall.desk.venue.script.matched_share = Decimal("0.5")
    hall.desk.venue.answer_with(Answer.MATCH, Answer.KILL, Answer.KILL)
    async with hall.worker():
        end = await hall.copy()
    assert end.state is SignalState.PARTIAL
    assert not await hall.desk.reserved()


async def test_what_the_venue_refuses_ends_there(jumping_hall: Hall) -> None:
    hall = jumping_hall
    hall.desk.venue.answer_with(Answer.REJECT)
    async with hall.worker():
        assert (await hall.copy()).state is SignalState.VENUE_REJECTED
    assert len(hall.desk.venue.posts) == 1
    assert not await hall.desk.reserved()


@pytest.mark.parametrize("answers", [(Answer.LOST_AFTER,), (Answer.LOST_BEFORE, Answer.NOT_NOW)])
async def test_a_lost_answer_makes_no_second_order(
    jumping_hall: Hall, answers: tuple[Answer, ...]
) -> None:
    hall = jumping_hall
    hall.desk.venue.script.retry_after_s = Decimal(0)  # the desk's clock stands still
    hall.desk.venue.answer_with(*answers)
    async with hall.worker():
        assert (await hall.copy()).state is SignalState.FILLED
    assert len(set(hall.desk.venue.posts)) == len(hall.desk.venue.orders) == 1


async def test_an_order_whose_placing_never_worked_expires(jumping_hall: Hall) -> None:
    hall = jumping_hall
    await hall.desk.store.acquire_lease(
        hall.desk.venue.wallet, "another", hall.desk.clock().replace(year=2099)
    )
    async with hall.worker():
        assert (await hall.copy()).state is SignalState.EXPIRED
    assert hall.desk.venue.posts == []
    assert not await hall.desk.reserved()


async def test_a_trade_that_is_cancelled_while_its_order_rests_keeps_what_was_filled(
    hall: Hall,
) -> None:
    hall.desk.rules = hall.desk.rules.with_entry_order_type(OrderType.GTC)
    hall.desk.venue.answer_with(Answer.LIVE)
    async with hall.worker():
        trade = await hall.start()
        await until(lambda: _is(hall, OrderState.LIVE))
        hall.desk.venue.fill(hall.desk.venue.posts[0], "0.5")
        await trade.cancel()
        end = await trade.result()
        assert end.state is SignalState.PARTIAL
        position = await held(hall.desk)
        assert position is not None
        assert (await hall.owner(position.position_id).describe()).status is not None
        await hall.owner(position.position_id).terminate()
    assert not await hall.desk.reserved()


async def test_a_trade_that_is_cancelled_while_its_order_is_sent_ends_cancelled(
    hall: Hall,
) -> None:
    hall.desk.venue.answer_with(*[Answer.NOT_NOW] * 9)
    hall.desk.venue.script.retry_after_s = Decimal(3)
    async with hall.worker():
        trade = await hall.start()
        await until(lambda: _is(hall, OrderState.UNKNOWN))
        await trade.cancel()
        end = await trade.result()
    assert end.state is SignalState.CANCELLED
    assert not await hall.desk.reserved()
    assert len(hall.desk.venue.posts) == 1


async def test_a_whale_that_sells_is_followed_through_the_position(hall: Hall) -> None:
    async with hall.worker():
        await hall.copy()
        position = await held(hall.desk)
        assert position is not None
        assert (await hall.copy("out", Side.SELL)).state is SignalState.FILLED
        assert (await hall.owner(position.position_id).result()).is_over
    assert await held(hall.desk) is None


async def test_a_whale_that_sells_what_nobody_owns_is_refused(jumping_hall: Hall) -> None:
    hall = jumping_hall
    await hall.desk.opened()
    async with hall.worker():
        end = await hall.copy("out", Side.SELL)
    assert end.state is SignalState.FILTERED


async def opened_with_room(hall: Hall) -> PositionRecord:
    """Open a position of which the sizing wants more when its whale trades again."""
    sizing = replace(hall.desk.rules.sizing, mode=SizingMode.FIXED)
    hall.desk.rules = replace(hall.desk.rules, sizing=sizing)
    return await hall.desk.opened()


async def test_a_second_copy_tells_the_owner_of_the_first(hall: Hall) -> None:
    position = await opened_with_room(hall)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        trade = await hall.start("s2")
        assert (await trade.result()).state is SignalState.FILLED
        signalled = await count(owner, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        started = await count(trade, STARTS_OWNER)
        await owner.terminate()
    assert (signalled, started) == (1, 0)


async def test_a_second_copy_starts_the_owner_that_was_lost_since(hall: Hall) -> None:
    position = await opened_with_room(hall)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await owner.terminate()
        trade = await hall.start("s2")
        assert (await trade.result()).state is SignalState.FILLED
        assert await count(trade, STARTS_OWNER) == 1
        after = hall.owner(position.position_id)
        await after.signal(PositionWorkflow.request_exit, STOP)
        assert (await after.result()).is_over


async def count(handle: WorkflowHandle[Any, Any], kind: "EventType.ValueType") -> int:
    """Count the events of a kind in a history."""
    return sum(event.event_type == kind for event in (await handle.fetch_history()).events)


async def _is(hall: Hall, state: OrderState) -> bool:
    if not hall.desk.venue.posts:
        return False
    return (await hall.desk.progress(hall.desk.venue.posts[0])).state is state
