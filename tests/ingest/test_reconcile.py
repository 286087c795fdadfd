"""The schedule that reconciles a wallet is there, once, whatever became of it before."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from ingest import schedules
from ingest.reconcile import EVERY, reconcile_keeper
from ingest.schedules import ScheduleKeeper
from tests.ingest.desk import until
from trading.types import Wallet
from workflows import names


@pytest.fixture
async def wallet(temporal_client: Client) -> AsyncIterator[Wallet]:
    """A wallet of the test alone, whose schedule and workflows are ended after it."""
    wallet = Wallet(f"0x{uuid.uuid4().hex}")
    yield wallet
    handle = schedule_of(temporal_client, wallet)
    for run in await runs(handle):
        await temporal_client.get_workflow_handle(run).terminate()
    await handle.delete()


def schedule_of(client: Client, wallet: Wallet) -> ScheduleHandle:
    return client.get_schedule_handle(names.reconcile_id(wallet))


async def runs(handle: ScheduleHandle) -> list[str]:
    actions = (await handle.describe()).info.running_actions
    return [a.workflow_id for a in actions if isinstance(a, ScheduleActionExecutionStartWorkflow)]


def keeper(client: Client, wallet: Wallet) -> ScheduleKeeper:
    return reconcile_keeper(client, wallet, "nobody")


async def exists(handle: ScheduleHandle) -> bool:
    with contextlib.suppress(RPCError):
        await handle.describe()
        return True
    return False


async def has_one_run(handle: ScheduleHandle) -> bool:
    return len(await runs(handle)) == 1


async def test_a_schedule_is_made_once_and_its_first_run_starts_at_once(
    temporal_client: Client, wallet: Wallet
) -> None:
    await keeper(temporal_client, wallet).ensure()
    handle = schedule_of(temporal_client, wallet)
    await until(lambda: has_one_run(handle))
    await keeper(temporal_client, wallet).ensure()
    schedule = (await handle.describe()).schedule
    assert [interval.every for interval in schedule.spec.intervals] == [EVERY]
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    (run,) = await runs(handle)
    assert run.startswith(f"reconcile/{wallet}")


async def test_an_older_schedule_is_brought_up_to_date_and_a_pause_stays(
    temporal_client: Client, wallet: Wallet
) -> None:
    await keeper(temporal_client, wallet).ensure()
    handle = schedule_of(temporal_client, wallet)
    await handle.pause(note="by ann")

    def older(there: ScheduleUpdateInput) -> ScheduleUpdate:
        there.description.schedule.spec.intervals[0].every = timedelta(hours=1)
        return ScheduleUpdate(there.description.schedule)

    await handle.update(older)
    await keeper(temporal_client, wallet).ensure()
    schedule = (await handle.describe()).schedule
    assert schedule.spec.intervals[0].every == EVERY
    assert schedule.state.paused
    assert schedule.state.note == "by ann"


async def test_a_schedule_that_was_lost_is_made_again(
    temporal_client: Client, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "LOOK_EVERY_S", 0.05)
    handle = schedule_of(temporal_client, wallet)
    keeping = asyncio.create_task(keeper(temporal_client, wallet).run())
    try:
        await until(lambda: exists(handle))
        for run in await runs(handle):
            await temporal_client.get_workflow_handle(run).terminate()
        await handle.delete()
        await until(lambda: exists(handle))
        assert not keeping.done()
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
