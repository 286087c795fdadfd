"""What is terminated under our hands is settled by the reconciling workflow."""

from dataclasses import replace
from datetime import timedelta

from tests.activities.desk import held
from tests.workflows.hall import Hall, until
from tests.workflows.test_control import rest_on_book
from trading.types import (
    ExitReason,
    ExitRequest,
    PositionState,
    SignalState,
)
from workflows.position import PositionWorkflow

CLOSE = ExitRequest(ExitReason.OPERATOR, who="ann", why="enough")
AT_ONCE = timedelta(0)


async def rests(hall: Hall) -> bool:
    posts = hall.desk.venue.posts
    return bool(posts) and not (await hall.desk.progress(posts[0])).state.is_terminal


async def is_exiting(hall: Hall) -> bool:
    position = await held(hall.desk)
    return position is not None and position.state is PositionState.EXITING


async def is_sold(hall: Hall) -> bool:
    return await held(hall.desk) is None


def sweep_for(hall: Hall, time: timedelta) -> None:
    sweep = replace(hall.desk.rules.sweep, sweep_for=time, young=AT_ONCE)
    hall.desk.rules = replace(hall.desk.rules, sweep=sweep)


async def test_a_terminated_trade_leaves_nothing_behind(hall: Hall) -> None:
    sweep_for(hall, timedelta(minutes=2))
    rest_on_book(hall)
    async with hall.worker():
        trade = await hall.start()
        await hall.desk.store.release_claim(hall.signal_of(trade), "w1")
        await until(lambda: rests(hall))
        hall.desk.venue.fill(hall.desk.venue.posts[0], "0.5")
        await trade.terminate("by a person")
        found = await (await hall.reconcile()).result()
        assert found.signals == 1
        assert found.orders == 1
        assert "position_orphaned" in await hall.desk.events()
        assert await hall.desk.state(hall.signal_of(trade)) is SignalState.PARTIAL
        assert await hall.desk.venue.fetch_open_orders() == []
        assert not await hall.desk.reserved()
        position = await held(hall.desk)
        assert position is not None
        owner = hall.owner(position.position_id)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        assert (await owner.result()).state is PositionState.CLOSED


async def test_a_terminated_position_is_owned_again_and_its_exit_ends(hall: Hall) -> None:
    sweep_for(hall, timedelta(minutes=2))
    position = await hall.desk.opened()
    hall.desk.venue.quote(None)  # nobody buys
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        await until(lambda: is_exiting(hall))
        await owner.terminate("by a person")
        hall.desk.venue.quote("0.50", "0.51")
        run = await hall.reconcile()
        await until(lambda: is_sold(hall))
        assert (await hall.owner(position.position_id).result()).state is PositionState.CLOSED
        assert (await run.result()).positions == 1
        assert len((await run.fetch_history()).events) <= 12


async def test_what_runs_is_left_alone(hall: Hall) -> None:
    sweep_for(hall, timedelta(seconds=10))
    async with hall.worker():
        await hall.copy()
        assert (await (await hall.reconcile()).result()).is_clean
        position = await held(hall.desk)
        assert position is not None
        await hall.owner(position.position_id).terminate()
