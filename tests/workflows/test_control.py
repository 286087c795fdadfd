"""What a trade takes of people while it trades, holds, settles and ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import RowMapping, select
from temporalio import workflow
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.records import Command
from storage.tables import events
from tests.activities.desk import held
from tests.fakes import Answer
from tests.workflows.hall import Hall, Trade, until
from trading.types import OrderState, OrderType, PositionState, Side, SignalState
from workflows import names, options
from workflows.control import Control, Stage
from workflows.copy_trade import CopyTradeWorkflow

ASKED = Command("ann", "because")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def rest_on_book(hall: Hall) -> None:
    """Let the next order rest for some seconds; a desk's clock runs fast while it waits."""
    rules = hall.desk.rules.with_entry_order_type(OrderType.GTC)
    orders = replace(rules.orders, fill_timeout=timedelta(minutes=5))
    hall.desk.rules = replace(rules, orders=orders)
    hall.desk.venue.answer_with(Answer.LIVE)


def give_up_soon(hall: Hall) -> None:
    orders = replace(hall.desk.rules.orders, remainder_until=timedelta(seconds=1))
    hall.desk.rules = replace(hall.desk.rules, orders=orders)


async def is_live(hall: Hall) -> bool:
    posts = hall.desk.venue.posts
    return bool(posts) and (await hall.desk.progress(posts[0])).state is OrderState.LIVE


async def is_equal(hall: Hall) -> bool:
    """Tell whether nothing rests, nothing is reserved, and we hold what the venue gave."""
    venue = hall.desk.venue
    matched = sum((order.matched for order in venue.orders.values()), Decimal(0))
    position = await held(hall.desk)
    ours = position.settled_size if position is not None else Decimal(0)
    rests = await venue.fetch_open_orders()
    return not rests and not await hall.desk.reserved() and matched == ours


async def refusal(trade: Trade, name: str, command: Command = ASKED) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await trade.execute_update(name, command)
    assert isinstance(error.value.cause, ApplicationError)
    return error.value.cause.message


async def told(hall: Hall, kind: str) -> Sequence[RowMapping]:
    """Return the events of a kind."""
    async with hall.desk.store.transaction() as connection:
        query = select(events).where(events.c.type == kind).order_by(events.c.event_id)
        return (await connection.execute(query)).mappings().all()


async def is_exiting(hall: Hall) -> bool:
    position = await held(hall.desk)
    return position is not None and position.state is PositionState.EXITING


async def waits(trade: Trade) -> bool:
    """Tell whether a held trade has come to where it waits."""
    history = await trade.fetch_history()
    return any(e.HasField("timer_started_event_attributes") for e in history.events)


async def has_begun(trade: Trade, step: str) -> bool:
    history = await trade.fetch_history()
    steps = [e.activity_task_scheduled_event_attributes.activity_type.name for e in history.events]
    return step in steps


# The rules alone


def test_a_command_says_who_and_why() -> None:
    for command in (Command("", "why"), Command("who", "")):
        with pytest.raises(ValueError, match="expected who and why, received an empty one"):
            Control().check(command)
    Control().check(ASKED)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.TRADING])
def test_a_trade_that_is_past_changing_says_why(stage: Stage) -> None:
    control = Control()
    control.stage = stage
    with pytest.raises(ValueError, match=stage.value):
        control.check(ASKED)


def test_nobody_releases_what_nobody_holds() -> None:
    control = Control()
    with pytest.raises(ValueError, match="nobody holds it"):
        control.check_release(ASKED)
    control.is_held = True
    control.check_release(ASKED)


async def test_a_cancellation_stops_a_trade_once_even_before_it_begins() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(asyncio.CancelledError):
        control.begin()
    control.cancel()
    with pytest.raises(ValueError, match="it is cancelled already"):
        control.check(ASKED)
    await asyncio.sleep(0)  # a second cancellation would arrive here


async def test_what_is_not_held_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "now", lambda: NOW)
    control = Control()
    assert await control.until_free(NOW - timedelta(days=1))
    control.end()
    assert control.stage is Stage.ENDING


async def test_a_cancellation_that_a_step_has_swallowed_is_heeded_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflow, "now", lambda: NOW)
    control = Control()
    control.heed()
    control.cancel()
    with pytest.raises(asyncio.CancelledError):
        control.heed()
    with pytest.raises(asyncio.CancelledError):
        await control.until_free(NOW)


# In a trade


async def test_a_trade_cancelled_by_command_ends_like_one_cancelled_in_temporal(
    hall: Hall,
) -> None:
    rest_on_book(hall)
    async with hall.worker():
        trade = await hall.start()
        await until(lambda: is_live(hall))
        hall.desk.venue.fill(hall.desk.venue.posts[0], "0.5")
        await trade.execute_update(CopyTradeWorkflow.cancel, ASKED, id="u1")
        assert (await trade.result()).state is SignalState.PARTIAL
    assert await is_equal(hall)
    (event,) = await told(hall, "trade_cancel")
    assert (event["title"], event["metadata"]["who"]) == ("ann asked to cancel: because", "ann")
    assert event["ids"]["signal_id"] == trade.id.removeprefix("copy-trade/")


async def test_a_cancelled_trade_without_fills_is_cancelled_whoever_asks_again(
    hall: Hall,
) -> None:
    rest_on_book(hall)
    async with hall.worker():
        trade = await hall.start()
        await until(lambda: is_live(hall))
        hall.desk.venue.script.is_away = True  # the clean-up cannot end yet
        await trade.execute_update(CopyTradeWorkflow.cancel, ASKED)
        assert "it is cancelled already" in await refusal(trade, names.CANCEL)
        assert "it is cancelled already" in await refusal(trade, names.HOLD)
        await trade.cancel()
        hall.desk.venue.script.is_away = False
        assert (await trade.result()).state is SignalState.CANCELLED
    assert await is_equal(hall)
    assert len(hall.desk.venue.posts) == 1


async def test_a_clean_up_outlives_its_worker_and_another_cancellation(hall: Hall) -> None:
    rest_on_book(hall)
    async with hall.worker():
        trade = await hall.start()
        await until(lambda: is_live(hall))
        hall.desk.venue.script.is_away = True
        await trade.execute_update(CopyTradeWorkflow.cancel, ASKED)
    await trade.cancel()
    hall.desk.venue.script.is_away = False
    async with hall.worker(cached=0):
        assert (await trade.result()).state is SignalState.CANCELLED
    assert await is_equal(hall)


async def test_a_trade_held_from_its_start_waits_to_be_released(hall: Hall) -> None:
    async with hall.worker():
        trade = await hall.start_held(ASKED)
        assert "nobody holds it" not in await refusal(trade, names.HOLD, Command("", ""))
        await until(lambda: waits(trade))
        assert hall.desk.venue.posts == []
        await trade.execute_update(CopyTradeWorkflow.release, ASKED)
        assert (await trade.result()).state is SignalState.FILLED
    assert await is_equal(hall)
    assert [len(await told(hall, kind)) for kind in ("trade_hold", "trade_release")] == [1, 1]


async def test_a_trade_held_beyond_its_deadline_expires_unsent(hall: Hall) -> None:
    give_up_soon(hall)
    async with hall.worker():
        trade = await hall.start_held(ASKED)
        assert (await trade.result()).state is SignalState.EXPIRED
    assert hall.desk.venue.posts == []
    assert await is_equal(hall)


async def test_a_trade_that_is_held_and_then_stopped_ends_at_once(hall: Hall) -> None:
    async with hall.worker():
        trade = await hall.start_held(ASKED)
        await trade.execute_update(CopyTradeWorkflow.stop_retrying, ASKED)
        assert (await trade.result()).state is SignalState.EXPIRED
    assert hall.desk.venue.posts == []


async def test_a_committed_order_that_is_held_for_too_long_expires_unsent(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "HELD_ORDER_MAX", timedelta(seconds=1))
    reserve = hall.desk.store.reserve_entry
    async with hall.worker():

        async def hold_meanwhile(*args: Any) -> Any:
            await trade.execute_update(CopyTradeWorkflow.hold, ASKED, id="u1")
            return await reserve(*args)

        monkeypatch.setattr(hall.desk.store, "reserve_entry", hold_meanwhile)
        trade = await hall.start()
        assert (await trade.result()).state is SignalState.EXPIRED
    assert hall.desk.venue.posts == []
    assert await is_equal(hall)


async def test_a_remainder_is_held_and_sold_on_after_the_release(hall: Hall) -> None:
    hall.desk.venue.script.matched_share = Decimal("0.5")
    async with hall.worker():
        trade = await hall.start_while_posting(names.HOLD, ASKED)
        await until(lambda: waits(trade))
        assert len(hall.desk.venue.posts) == 1
        hall.desk.venue.script.matched_share = Decimal(1)
        await trade.execute_update(CopyTradeWorkflow.release, ASKED)
        assert (await trade.result()).state is SignalState.FILLED
    assert len(hall.desk.venue.posts) == 2
    assert await is_equal(hall)


async def test_after_stop_retrying_the_attempt_under_way_is_the_last(hall: Hall) -> None:
    hall.desk.venue.script.matched_share = Decimal("0.5")
    async with hall.worker():
        trade = await hall.start_while_posting(names.STOP_RETRYING, ASKED)
        assert (await trade.result()).state is SignalState.PARTIAL
    assert len(hall.desk.venue.posts) == 1
    assert await is_equal(hall)
    assert len(await told(hall, "trade_stop_retrying")) == 1


async def test_a_trade_that_only_settles_takes_no_command_but_temporal_s_cancel(
    hall: Hall,
) -> None:
    hall.desk.venue.script.settled_after = timedelta(days=1)
    async with hall.worker():
        trade = await hall.start()
        await until(lambda: has_begun(trade, "settle_orders"))
        assert "only settle" in await refusal(trade, names.CANCEL)
        assert "only settle" in await refusal(trade, names.STOP_RETRYING)
        await trade.cancel()
        await until(lambda: has_begun(trade, "stop_orders"))
        hall.desk.venue.script.settled_after = timedelta(0)
        assert (await trade.result()).state is SignalState.FILLED
    assert await is_equal(hall)


async def test_a_mirrored_exit_that_is_held_is_not_asked_for(hall: Hall) -> None:
    give_up_soon(hall)
    await hall.desk.opened()
    async with hall.worker():
        trade = await hall.start_held(ASKED, Side.SELL)
        assert (await trade.result()).state is SignalState.EXPIRED


async def test_a_mirrored_exit_belongs_to_the_position_once_it_is_asked_for(hall: Hall) -> None:
    position = await hall.desk.opened()
    hall.desk.venue.quote(None)  # nobody buys, so that the exit goes on
    async with hall.worker():
        await hall.own(position.position_id)
        trade = await hall.start("out", Side.SELL)
        await until(lambda: is_exiting(hall))
        assert "the position's own workflow sells" in await refusal(trade, names.CANCEL)
        await trade.cancel()
        assert (await trade.result()).state is SignalState.CANCELLED
