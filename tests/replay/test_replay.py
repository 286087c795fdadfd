"""Recorded workflows replay on today's code; a changed order of steps is found out."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.orders import OrderActivities
from activities.records import Command, ExitStep, FillReport, TradeEnd
from activities.signals import SignalActivities
from tests.workflows.hall import OURS, open_hall
from trading.types import OrderHash, SignalId, SignalState
from workflows import copy_trade, execution, options, position
from workflows.control import Control
from workflows.copy_trade import CopyTradeWorkflow
from workflows.guard import RiskGuardWorkflow
from workflows.leaving import Leaving
from workflows.position import PositionWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.score_whales import ScoreWhalesWorkflow

WORKFLOWS = (
    CopyTradeWorkflow,
    PositionWorkflow,
    ReconcileWorkflow,
    RiskGuardWorkflow,
    ScoreWhalesWorkflow,
)
HISTORIES_FOLDER = Path(__file__).parent / "histories"
HISTORIES = sorted(HISTORIES_FOLDER.glob("*.json"))
COPIES = [path for path in HISTORIES if path.stem.startswith("copy-trade")]
EVENTS_MAX = 60
EVENTS_WITH_REMAINDERS_MAX = 80


@workflow.defn(name="CopyTradeWorkflow")
class HastyCopyTradeWorkflow:
    """Sends before it looks: what a careless change of the steps' order would do."""

    @workflow.run
    async def run(self, signal_id: SignalId) -> TradeEnd:
        await workflow.execute_activity_method(
            OrderActivities.stop_orders, signal_id, **options.CANCEL
        )
        return await workflow.execute_local_activity_method(
            SignalActivities.cancel_signal, args=[signal_id, []], **options.RECORD
        )


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def replayer(runner: WorkflowRunner, *workflows: type) -> Replayer:
    return Replayer(
        workflows=list(workflows),
        workflow_runner=runner,
        build_id="tests",  # otherwise every loaded module is hashed
        data_converter=pydantic_data_converter,
    )


def test_every_workflow_and_main_path_is_recorded() -> None:
    assert {path.stem for path in HISTORIES} >= {
        "copy-trade-filled",
        "score-whales",
        "copy-trade-partial-booked-at-once",
        "copy-trade-partial",
        "copy-trade-filtered",
        "copy-trade-rejected",
        "copy-trade-cancelled",
        "copy-trade-cancelled-by-command",
        "copy-trade-cancelled-in-temporal",
        "copy-trade-held",
        "copy-trade-mirrored",
        "copy-trade-stopped",
        "position-cancel-refused",
        "position-booked-at-once",
        "position-closed",
        "position-left-at-rest",
        "position-overruled",
        "position-paged",
        "position-redeemed",
        "position-redeemed-once",
        "position-tried-again",
        "reconcile",
    }


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_workflow_replays(path: Path) -> None:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*OURS)
    for runner in (UnsandboxedWorkflowRunner(), SandboxedWorkflowRunner(restrictions=restrictions)):
        await replayer(runner, *WORKFLOWS).replay_workflow(history(path))


@pytest.mark.parametrize("path", COPIES, ids=lambda path: path.stem)
async def test_a_changed_order_of_steps_is_found_out(path: Path) -> None:
    hasty = replayer(UnsandboxedWorkflowRunner(), HastyCopyTradeWorkflow)
    with pytest.raises(workflow.NondeterminismError):
        await hasty.replay_workflow(history(path))


async def look_before_sending(
    order_hash: OrderHash, give_up_at: datetime | None, control: Control
) -> FillReport:
    """Wait for the fills of an order that was not sent yet."""
    del give_up_at, control
    await workflow.execute_activity_method(OrderActivities.await_fill, order_hash, **options.AWAIT)
    await workflow.execute_activity_method(OrderActivities.place_order, order_hash, **options.PLACE)
    return await workflow.execute_local_activity_method(
        OrderActivities.record_fills, order_hash, **options.RECORD
    )


async def settle_never(order_hashes: tuple[OrderHash, ...]) -> None:
    """Conclude without the chain's word."""
    del order_hashes


async def forget_the_venue(trade: CopyTradeWorkflow, signal_id: SignalId) -> TradeEnd:
    """Write the end of a cancelled trade without cancelling anything."""
    del trade
    return await workflow.execute_local_activity_method(
        SignalActivities.cancel_signal, args=[signal_id, []], **options.RECORD
    )


async def leave_orders_alone(leaving: Leaving, order_hashes: object) -> None:
    """Begin the next exit order beside one that an earlier owner left."""
    del leaving, order_hashes


class QuietLeaving(Leaving):
    """Calls nobody, however long an exit takes."""

    async def carry_out(self, step: ExitStep) -> ExitStep:
        return await self.sell(step, pages=False)


@pytest.mark.parametrize(
    ("place", "name", "changed", "recorded"),
    [
        (execution, "_traded", look_before_sending, "copy-trade-filled"),
        (execution, "_traded", look_before_sending, "copy-trade-held"),
        (copy_trade, "settle", settle_never, "copy-trade-stopped"),
        (CopyTradeWorkflow, "_clean_up", forget_the_venue, "copy-trade-cancelled"),
        (CopyTradeWorkflow, "_clean_up", forget_the_venue, "copy-trade-cancelled-by-command"),
        (Leaving, "finish", leave_orders_alone, "position-cancel-refused"),
        (position, "Leaving", QuietLeaving, "position-paged"),
    ],
)
async def test_a_planted_change_of_the_steps_order_is_found_out(
    place: object, name: str, changed: object, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = HISTORIES_FOLDER / f"{recorded}.json"
    runner = UnsandboxedWorkflowRunner()
    await replayer(runner, *WORKFLOWS).replay_workflow(history(path))
    monkeypatch.setattr(place, name, changed)
    with pytest.raises(workflow.NondeterminismError):
        await replayer(runner, *WORKFLOWS).replay_workflow(history(path))


@pytest.mark.parametrize("cached", [0, 10], ids=["cold", "warm"])
async def test_a_trade_replays_from_its_beginning_at_every_task_and_afterwards(
    temporal_client: Client, database_url: str, cached: int
) -> None:
    async with open_hall(temporal_client, database_url) as hall, hall.worker(cached):
        trade = await hall.start_held(Command("ann", "because"))
        await trade.execute_update(CopyTradeWorkflow.release, Command("ann", "go on"))
        assert (await trade.result()).state is SignalState.FILLED
        assert len(hall.desk.venue.posts) == 1
        await replayer(UnsandboxedWorkflowRunner(), *WORKFLOWS).replay_workflow(
            await trade.fetch_history()
        )


@pytest.mark.parametrize("path", COPIES, ids=lambda path: path.stem)
def test_a_trade_s_history_is_short_and_names_no_machine(path: Path) -> None:
    kept = json.loads(path.read_text())
    has_remainders = "partial" in path.stem
    assert len(kept["events"]) <= (EVENTS_WITH_REMAINDERS_MAX if has_remainders else EVENTS_MAX)
    assert "identity" not in path.read_text()
