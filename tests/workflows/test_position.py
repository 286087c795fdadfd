"""One position from its first fill until nothing is held."""

from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from storage.port import PositionRecord
from tests.fakes import Answer
from tests.storage.builders import price
from tests.workflows.hall import Hall, until
from trading.types import (
    ExitReason,
    ExitRequest,
    LevelChange,
    PositionState,
    Side,
    SignalId,
    SignalState,
)
from workflows import options
from workflows.position import PositionWorkflow

TIMER_STARTED = EventType.EVENT_TYPE_TIMER_STARTED
CLOSE = ExitRequest(ExitReason.OPERATOR, who="ann", why="enough")
HALF = ExitRequest(ExitReason.OPERATOR, Decimal("0.5"), who="ann", why="too much")


async def reviewed(hall: Hall, position: PositionRecord) -> None:
    """Wait until the owner has set the levels, and rests."""

    async def rests() -> bool:
        if (await hall.desk.position(position.position_id)).stop_loss_price is None:
            return False
        history = await hall.owner(position.position_id).fetch_history()
        return any(event.event_type == TIMER_STARTED for event in history.events)

    await until(rests)


async def test_a_stop_loss_sells_everything_without_a_watcher(jumping_hall: Hall) -> None:
    hall = jumping_hall
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        hall.desk.clock.advance(timedelta(seconds=5))
        hall.desk.venue.quote("0.42", "0.44")
        review = await owner.result()
    assert review.state is PositionState.CLOSED
    assert len(hall.desk.venue.posts) == 2
    assert review.pnl < 0


async def test_two_who_ask_at_once_get_one_exit(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        review = await owner.result()
    assert (review.state, review.exit_epoch) == (PositionState.CLOSED, 1)
    assert len(hall.desk.venue.posts) == 2


async def test_an_exit_that_finds_nobody_goes_on_down_the_ladder(jumping_hall: Hall) -> None:
    hall = jumping_hall
    position = await hall.desk.opened()
    hall.desk.venue.answer_with(*[Answer.KILL] * 5)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        review = await owner.result()
    assert review.state is PositionState.CLOSED
    assert len(hall.desk.venue.posts) == len(set(hall.desk.venue.posts)) == 7


async def test_a_long_exit_goes_on_in_a_new_run_and_forgets_nobody(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "POSITION_EVENTS_MAX", 25)
    monkeypatch.setattr(options, "EXIT_RETRY_FIRST", timedelta(milliseconds=20))
    monkeypatch.setattr(options, "EXIT_RETRY_MAX", timedelta(milliseconds=50))
    position = await hall.desk.opened()
    signal_id = SignalId(f"out-{hall.queue[-8:]}")
    await hall.desk.tell(signal_id, Side.SELL)
    asked = ExitRequest(ExitReason.WHALE_EXIT, Decimal("0.5"), signal_id, who="whale")
    hall.desk.venue.quote(None)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        first = owner.first_execution_run_id
        await owner.signal(PositionWorkflow.request_exit, asked)

        async def is_renewed() -> bool:
            return (await owner.describe()).run_id != first

        await until(is_renewed)
        hall.desk.venue.quote("0.50", "0.51")

        async def is_ended() -> bool:
            return (await hall.desk.state(signal_id)).is_terminal

        await until(is_ended)
        assert await hall.desk.state(signal_id) is SignalState.FILLED
        assert (await hall.desk.position(position.position_id)).size == 50
        await hall.owner(position.position_id).terminate()


async def test_an_exit_that_lost_its_owner_is_finished_by_the_next(jumping_hall: Hall) -> None:
    hall = jumping_hall
    position = await hall.desk.opened()
    await hall.desk.positions.begin_exit(position.position_id, ExitReason.OPERATOR, Decimal(1))
    async with hall.worker():
        review = await (await hall.own(position.position_id)).result()
    assert (review.state, review.exit_epoch) == (PositionState.CLOSED, 1)


async def test_a_resolved_position_is_redeemed_and_turns_the_late_away(
    jumping_hall: Hall,
) -> None:
    hall = jumping_hall
    position = await hall.desk.opened()
    signal_id = SignalId(f"late-{hall.queue[-8:]}")
    await hall.desk.tell(signal_id, Side.SELL)
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        hall.desk.venue.resolve("1", "0")
        late = ExitRequest(ExitReason.WHALE_EXIT, Decimal(1), signal_id)
        await owner.signal(PositionWorkflow.request_exit, late)
        review = await owner.result()
    assert review.state is PositionState.REDEEMED
    assert review.pnl == 49
    assert (
        await hall.desk.state(signal_id) is SignalState.VENUE_REJECTED
    )  # the last look was before the result


async def test_news_of_a_resolution_is_enough(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker(cached=0):
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        hall.desk.venue.resolve("0", "1")
        await owner.signal(PositionWorkflow.fills_changed)
        assert (await owner.result()).state is PositionState.REDEEMED


async def test_a_level_set_beyond_the_price_is_acted_on(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        unsigned = LevelChange("", "", stop_loss_price=price("0.50"))
        with pytest.raises(WorkflowUpdateFailedError):
            await owner.execute_update(PositionWorkflow.set_levels, unsigned)
        change = LevelChange("ann", "news", stop_loss_price=price("0.50"))
        await owner.execute_update(PositionWorkflow.set_levels, change)
        assert (await owner.result()).state is PositionState.CLOSED


async def test_a_worker_that_starts_cold_goes_on_where_the_last_one_stopped(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
    await owner.signal(PositionWorkflow.request_exit, HALF)
    await owner.signal(PositionWorkflow.request_exit, CLOSE)
    async with hall.worker(cached=0):
        assert (await owner.result()).state is PositionState.CLOSED
    assert len(hall.desk.venue.posts) == 2


async def test_a_position_that_is_cancelled_goes_on_and_says_so(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        await owner.cancel()
        await until(lambda: refused_once(hall))
        assert (await owner.describe()).status is WorkflowExecutionStatus.RUNNING
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        assert (await owner.result()).state is PositionState.CLOSED
    assert await refused_once(hall)
    assert len(hall.desk.venue.posts) == 2


async def test_a_position_that_is_cancelled_in_the_middle_of_its_exit_sells_on(
    hall: Hall,
) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)

        async def cancel() -> None:
            hall.desk.venue.script.posting = None
            await owner.cancel()
            await until(lambda: refused_once(hall))

        hall.desk.venue.script.posting = cancel
        await owner.signal(PositionWorkflow.request_exit, CLOSE)
        review = await owner.result()
    assert (review.state, review.exit_epoch) == (PositionState.CLOSED, 1)
    assert len(hall.desk.venue.posts) == 2


async def test_a_cancelled_position_goes_on_with_a_worker_that_starts_cold(hall: Hall) -> None:
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
    await owner.cancel()
    await owner.signal(PositionWorkflow.request_exit, CLOSE)
    async with hall.worker(cached=0):
        assert (await owner.result()).state is PositionState.CLOSED


@pytest.mark.parametrize("is_sent", [False, True], ids=["never sent", "without an answer"])
async def test_an_order_of_a_lost_owner_s_exit_ends_before_the_next_is_made(
    hall: Hall, is_sent: bool
) -> None:
    position = await hall.desk.opened()
    left = await hall.desk.exit_of(position)
    if is_sent:
        assert await hall.desk.store.begin_sending(left, 1, hall.desk.clock())
    async with hall.worker():
        review = await (await hall.own(position.position_id)).result()
    assert (review.state, review.exit_epoch) == (PositionState.CLOSED, 1)
    assert (await hall.desk.progress(left)).state.is_terminal
    assert len(hall.desk.venue.posts) == 2
    assert not await hall.desk.reserved()


@pytest.mark.parametrize(
    ("hours", "events_max"),
    [(3, 90), pytest.param(24, 900, marks=pytest.mark.acceptance)],
    ids=["3 h", "a day"],
)
async def test_long_lives_are_told_in_short_runs(
    jumping_hall: Hall,
    time_skipping_env: WorkflowEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    events_max: int,
) -> None:
    """Its P&L timer marks it every 5 to 10 minutes; a run of a day never has 1,000 events."""
    assert options.POSITION_EVENTS_MAX == 900
    monkeypatch.setattr(options, "POSITION_EVENTS_MAX", events_max)
    hall = jumping_hall
    position = await hall.desk.opened()
    async with hall.worker():
        owner = await hall.own(position.position_id)
        await reviewed(hall, position)
        runs = {owner.first_execution_run_id or ""}
        for _ in range(hours):
            await time_skipping_env.sleep(timedelta(hours=1))
            runs.add((await owner.describe()).run_id)
        lengths = [await length_of(hall, position, run_id) for run_id in runs]
        await owner.terminate()
    assert len(runs) > 1
    assert max(lengths) < events_max + 100
    assert hours * 6 * 5 < sum(lengths) < hours * 12 * 20


async def length_of(hall: Hall, position: PositionRecord, run_id: str) -> int:
    workflow_id = hall.owner(position.position_id).id
    run = hall.client.get_workflow_handle(workflow_id, run_id=run_id)
    return len((await run.fetch_history()).events)


async def refused_once(hall: Hall) -> bool:
    return (await hall.desk.events()).count("position_cancel_refused") == 1
