"""Who runs is asked of the real Temporal, which lists what happened a moment ago."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from ingest import owners
from ingest.owners import TemporalOwners
from trading.types import ExitReason, ExitRequest, PositionId, SignalId
from workflows import names


@workflow.defn(name="CopyTradeWorkflow", sandboxed=False)
class Renewed:
    """Goes on as new once, as a long one would, and then for ever."""

    @workflow.run
    async def run(self, signal_id: str) -> None:
        if workflow.info().continued_run_id is None:
            workflow.continue_as_new(signal_id)
        await workflow.wait_condition(lambda: False)


@pytest.fixture
def prefix() -> str:
    return uuid.uuid4().hex


async def start(client: Client, signal_id: SignalId) -> None:
    await client.start_workflow(
        "CopyTradeWorkflow", signal_id, id=names.copy_trade_id(signal_id), task_queue="nobody"
    )


async def end(client: Client, *signal_ids: SignalId) -> None:
    for signal_id in signal_ids:
        await client.get_workflow_handle(names.copy_trade_id(signal_id)).terminate()


@pytest.mark.parametrize("few", [0, 5], ids=["listed", "by name"])
async def test_what_was_started_runs_and_what_was_ended_does_not(
    temporal_client: Client, prefix: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "FEW", few)
    known = TemporalOwners(temporal_client, "nobody")
    asked = [SignalId(f"{prefix}-{n}") for n in range(4)]
    for signal_id in asked[:3]:
        await start(temporal_client, signal_id)
    assert await known.running_trades(asked) == set(asked[:3])
    await end(temporal_client, asked[0])
    running = await known.running_trades(asked)
    if few:
        assert running == set(asked[1:3])
    else:  # the list may still show what just ended, never miss what runs
        assert running >= set(asked[1:3])
    assert asked[3] not in running
    await end(temporal_client, *asked[1:3])
    assert await known.running_trades([]) == frozenset()


async def test_a_position_is_owned_once_and_again_when_its_owner_is_gone(
    temporal_client: Client, prefix: str
) -> None:
    known = TemporalOwners(temporal_client, f"queue-{prefix}")
    position_id = PositionId(prefix)
    assert await known.running_positions([position_id]) == frozenset()
    await known.own_position(position_id)
    handle = temporal_client.get_workflow_handle(names.position_workflow_id(position_id))
    first = (await handle.describe()).run_id
    await known.own_position(position_id)
    assert (await handle.describe()).run_id == first
    assert await known.running_positions([position_id]) == {position_id}
    await handle.terminate()
    assert await known.running_positions([position_id]) == frozenset()
    await known.own_position(position_id)
    assert (await handle.describe()).run_id != first
    assert await known.running_positions([position_id]) == {position_id}
    await handle.terminate()


async def test_a_workflow_that_went_on_as_new_still_runs(
    temporal_client: Client, prefix: str
) -> None:
    signal_id = SignalId(prefix)
    queue = f"queue-{prefix}"
    async with Worker(
        temporal_client,
        task_queue=queue,
        workflows=[Renewed],
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id="tests",
    ):
        handle = await temporal_client.start_workflow(
            "CopyTradeWorkflow", prefix, id=names.copy_trade_id(signal_id), task_queue=queue
        )
        first = handle.first_execution_run_id
        known = TemporalOwners(temporal_client, queue)
        async with asyncio.timeout(20):
            while (await handle.describe()).run_id == first:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await known.running_trades([signal_id]) == {signal_id}
        await temporal_client.get_workflow_handle(handle.id).terminate()


async def test_while_temporal_is_away_nobody_is_called_gone(
    temporal_client: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "RPC_TIMEOUT", timedelta(microseconds=1))
    with pytest.raises(RPCError):
        await TemporalOwners(temporal_client).running_trades([SignalId(prefix)])


async def test_an_owner_is_asked_to_sell_and_one_that_does_not_run_is_not_reached(
    temporal_client: Client, prefix: str
) -> None:
    known = TemporalOwners(temporal_client, "nobody")
    position_id = PositionId(f"{prefix}-exit")
    request = ExitRequest(ExitReason.STOP_LOSS, who="backstop", why="it was crossed")
    assert not await known.ask_exit(position_id, request)
    await known.own_position(position_id)
    assert await known.ask_exit(position_id, request)
    handle = temporal_client.get_workflow_handle(names.position_workflow_id(position_id))
    signalled = [
        event.workflow_execution_signaled_event_attributes.signal_name
        async for event in handle.fetch_history_events()
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    assert signalled == [names.REQUEST_EXIT]
    await handle.terminate()
