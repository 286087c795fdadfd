"""What a person asks of a position: done once, remembered, and refused when it makes no sense."""

from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowUpdateFailedError

from activities.records import Command, ShareCommand
from storage.exit_port import Hold
from tests.fakes import Answer
from tests.storage.builders import price, shares
from tests.workflows.hall import Hall, Owner, until
from tests.workflows.test_position import CLOSE, reviewed
from trading.types import (
    ExitReason,
    ExitRequest,
    LevelChange,
    PositionState,
    Side,
    SignalId,
)
from workflows import names
from workflows.position import PositionWorkflow

ASKED = Command("ann", "news")


def test_updates_are_called_what_others_call_them() -> None:
    for name in (
        names.CLOSE,
        names.CLOSE_SHARE,
        names.SET_LEVELS,
        names.HOLD,
        names.RELEASE,
        names.ADOPT_FILLS,
    ):
        assert hasattr(PositionWorkflow, name)


async def events_of(hall: Hall, kind: str) -> int:
    return (await hall.desk.events()).count(kind)


async def test_a_person_closes_a_position_once_and_is_remembered(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        for nobody in (Command("", "news"), Command("ann", "")):
            with pytest.raises(WorkflowUpdateFailedError):
                await owner.execute_update(PositionWorkflow.close, nobody)
        await owner.execute_update(PositionWorkflow.close, ASKED, id="once")
        assert (await owner.result()).state is PositionState.CLOSED
    assert await events_of(hall, "position_close") == 1
    assert len(hall.desk.venue.posts) == 2


async def test_a_person_sells_a_share(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        for share, lowest in (("0", None), ("1.5", None), ("1", "0"), ("1", "1")):
            at_least = None if lowest is None else price(lowest)
            wrong = ShareCommand("ann", "news", Decimal(share), at_least)
            with pytest.raises(WorkflowUpdateFailedError):
                await owner.execute_update(PositionWorkflow.close_share, wrong)
        asked = ShareCommand("ann", "news", Decimal("0.25"))
        await owner.execute_update(PositionWorkflow.close_share, asked)

        async def is_sold() -> bool:
            after = await hall.desk.position(position.position_id)
            return (after.size, after.state) == (shares(75), PositionState.OPEN)

        await until(is_sold)
    assert await events_of(hall, "position_close_share") == 1


async def test_a_hold_stops_stops_and_whales_until_it_is_released(jumping_hall: Hall) -> None:
    hall = jumping_hall
    position = await hall.desk.opened()
    signal_id = SignalId(f"out-{hall.queue[-8:]}")
    await hall.desk.tell(signal_id, Side.SELL)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        with pytest.raises(WorkflowUpdateFailedError):
            await owner.execute_update(PositionWorkflow.release, ASKED)
        await owner.execute_update(PositionWorkflow.hold, ASKED)
        assert "held by ann: news" in await details_of(owner)
        falls(hall)
        stop = ExitRequest(ExitReason.STOP_LOSS)
        await owner.signal(PositionWorkflow.request_exit, stop)
        whale = ExitRequest(ExitReason.WHALE_EXIT, Decimal("0.5"), signal_id)
        await owner.signal(PositionWorkflow.request_exit, whale)
        await owner.execute_update(PositionWorkflow.adopt_fills, ASKED)
        await until(lambda: looked_again(hall))
        assert (await hall.desk.position(position.position_id)).exit_epoch == 0
        await owner.execute_update(PositionWorkflow.release, ASKED)
        assert (await owner.result()).state is PositionState.CLOSED
    assert (await hall.desk.state(signal_id)).is_terminal
    assert await hall.desk.store.find_hold(position.position_id) is None
    for kind in ("hold", "release", "adopt_fills"):
        assert await events_of(hall, f"position_{kind}") == 1


async def test_a_person_closes_what_is_held(hall: Hall) -> None:
    position = await hall.desk.opened()
    await hall.desk.store.hold_position(
        Hold(position.position_id, "ann", "news", hall.desk.clock())
    )
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await owner.execute_update(PositionWorkflow.close, ASKED)
        assert (await owner.result()).state is PositionState.CLOSED


async def test_a_new_owner_knows_who_holds_the_position(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await owner.execute_update(PositionWorkflow.hold, ASKED)
        await owner.terminate()
        falls(hall)
        owner = await hall.own(position.position_id)

        async def is_known() -> bool:
            return "held by ann: news" in await details_of(owner)

        await until(is_known)
        assert (await hall.desk.position(position.position_id)).exit_epoch == 0
        await owner.execute_update(PositionWorkflow.release, ASKED)
        assert (await owner.result()).state is PositionState.CLOSED


async def test_an_exit_that_is_held_goes_on_when_a_person_wants_out(hall: Hall) -> None:
    position = await hall.desk.opened()
    hall.desk.venue.answer_with(Answer.KILL)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)

        async def hold() -> None:
            hall.desk.venue.script.posting = None
            await owner.execute_update(PositionWorkflow.hold, ASKED)

        hall.desk.venue.script.posting = hold
        await owner.signal(PositionWorkflow.request_exit, ExitRequest(ExitReason.STOP_LOSS))

        async def is_held() -> bool:
            sales = await hall.desk.store.list_sales(position.position_id, 1)
            return bool(sales) and sales[0].state.is_terminal

        await until(is_held)
        assert len(hall.desk.venue.posts) == 2
        await owner.execute_update(PositionWorkflow.close, ASKED)
        assert (await owner.result()).state is PositionState.CLOSED
    assert len(hall.desk.venue.posts) == 3


async def test_levels_that_are_no_prices_are_refused_and_dropped_ones_stay_off(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        for wrong in (LevelChange("ann", "news"), LevelChange("ann", "news", price("1.2"))):
            with pytest.raises(WorkflowUpdateFailedError):
                await owner.execute_update(PositionWorkflow.set_levels, wrong)
        off = LevelChange("ann", "news", price(0), price(0), price(0))
        await owner.execute_update(PositionWorkflow.set_levels, off)
        hall.desk.clock.advance(timedelta(seconds=5))
        hall.desk.venue.quote("0.70", "0.71")
        await owner.signal(PositionWorkflow.fills_changed)
        await until(lambda: looked_again(hall))
        after = await hall.desk.position(position.position_id)
    assert (after.stop_loss_price, after.take_profit_price) == (None, None)
    assert (after.trailing_stop_price, after.is_trailing_off) == (None, True)
    assert after.exit_epoch == 0


async def test_fills_that_come_while_the_owner_ends_are_owned(hall: Hall) -> None:
    """A person tells of them in the last moment; the owner looks once more."""
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        await owner.execute_update(PositionWorkflow.adopt_fills, ASKED)
        assert (await owner.result()).state is PositionState.CLOSED
    assert await events_of(hall, "position_adopt_fills") == 1


def falls(hall: Hall) -> None:
    """Let the bid fall through the stop."""
    hall.desk.clock.advance(timedelta(seconds=5))
    hall.desk.venue.quote("0.42", "0.44")


async def details_of(owner: Owner) -> str:
    """Return what the Temporal UI shows of a workflow."""
    told = await owner.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    details: str = told.current_details
    return details


async def looked_again(hall: Hall) -> bool:
    """Tell whether a review has marked a position at the newest bid."""
    (position,) = await hall.desk.store.list_open()
    return position.mark_price == hall.desk.venue.bids[0].price
