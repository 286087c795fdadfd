"""Recorded workflows replay on today's code; a changed order of steps is found out."""

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.orders import OrderActivities
from activities.records import TradeEnd
from activities.signals import SignalActivities
from tests.workflows.hall import OURS
from trading.types import SignalId
from workflows import options
from workflows.copy_trade import CopyTradeWorkflow
from workflows.position import PositionWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
COPIES = [path for path in HISTORIES if path.stem.startswith("copy-trade")]
EVENTS_MAX = 60
EVENTS_WITH_REMAINDERS_MAX = 100


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
        "copy-trade-partial",
        "copy-trade-filtered",
        "copy-trade-rejected",
        "copy-trade-cancelled",
        "copy-trade-mirrored",
        "position-closed",
        "position-redeemed",
        "position-tried-again",
    }


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_workflow_replays(path: Path) -> None:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*OURS)
    for runner in (UnsandboxedWorkflowRunner(), SandboxedWorkflowRunner(restrictions=restrictions)):
        both = replayer(runner, CopyTradeWorkflow, PositionWorkflow)
        await both.replay_workflow(history(path))


@pytest.mark.parametrize("path", COPIES, ids=lambda path: path.stem)
async def test_a_changed_order_of_steps_is_found_out(path: Path) -> None:
    hasty = replayer(UnsandboxedWorkflowRunner(), HastyCopyTradeWorkflow)
    with pytest.raises(workflow.NondeterminismError):
        await hasty.replay_workflow(history(path))


@pytest.mark.parametrize("path", COPIES, ids=lambda path: path.stem)
def test_a_trade_s_history_is_short_and_names_no_machine(path: Path) -> None:
    kept = json.loads(path.read_text())
    has_remainders = "partial" in path.stem
    assert len(kept["events"]) <= (EVENTS_WITH_REMAINDERS_MAX if has_remainders else EVENTS_MAX)
    assert "identity" not in path.read_text()
