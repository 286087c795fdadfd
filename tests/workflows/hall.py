"""A worker of ours, sandboxed, over real records and a fake venue."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.guard import GuardActivities
from activities.records import Command, PositionReview, PositionStart, Sweep, TradeEnd
from activities.scoring import ScoringActivities, ScoringPorts
from ingest.owners import TemporalOwners
from storage.names import name_position
from tests.activities.desk import Desk, open_desk
from tests.storage.builders import WALLET, WHALE, YES
from tests.whale_history import History
from trading.scoring import ScoreRequest, ScoreTally
from trading.types import PositionId, Side, SignalId
from workflows import names, options
from workflows.copy_trade import CopyTradeWorkflow
from workflows.guard import RiskGuardWorkflow
from workflows.position import PositionWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.score_whales import ScoreWhalesWorkflow

OURS = ("activities", "exchange", "storage", "trading", "workflows")
BREATH_S = 0.005
PATIENCE_S = 40.0

Trade = WorkflowHandle[CopyTradeWorkflow, TradeEnd]
Owner = WorkflowHandle[PositionWorkflow, PositionReview]
Reconciliation = WorkflowHandle[ReconcileWorkflow, Sweep]
Guard = WorkflowHandle[RiskGuardWorkflow, None]
Scoring = WorkflowHandle[ScoreWhalesWorkflow, ScoreTally]


@dataclass(slots=True)
class Hall:
    """A desk, a client of Temporal, and a queue that nobody else works on."""

    desk: Desk
    client: Client
    queue: str
    workflows: Sequence[type] = (
        CopyTradeWorkflow,
        PositionWorkflow,
        ReconcileWorkflow,
        RiskGuardWorkflow,
        ScoreWhalesWorkflow,
    )
    history: History = field(default_factory=History)

    @asynccontextmanager
    async def worker(self, cached: int = 100) -> AsyncIterator[Worker]:
        """Work on our queue; what takes too long fails instead of hanging."""
        async with self._worker(cached) as worker, asyncio.timeout(PATIENCE_S):
            yield worker

    def _worker(self, cached: int) -> Worker:
        desk = self.desk
        restrictions = SandboxRestrictions.default.with_passthrough_modules(*OURS)
        return Worker(
            self.client,
            task_queue=self.queue,
            workflows=list(self.workflows),
            activities=methods_of(
                desk.signals,
                desk.pricing,
                desk.risk,
                desk.orders,
                desk.positions,
                desk.redemption,
                desk.commands,
                GuardActivities(desk.store, desk.rules.risk, desk.clock),
                ScoringActivities(
                    ScoringPorts(self.history, desk.store, desk.store),
                    desk.rules.scores,
                    desk.clock,
                ),
                desk.sweeper(TemporalOwners(self.client, self.queue)),
            ),
            workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
            max_cached_workflows=cached,
            max_concurrent_workflow_task_polls=2 if cached else 1,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
            build_id="tests",
        )

    async def start(self, name: str = "s1", side: Side = Side.BUY) -> Trade:
        """Let a whale trade and start its copy."""
        signal_id = SignalId(f"{name}-{self.queue[-8:]}")
        await self.desk.tell(signal_id, side)
        return await self.client.start_workflow(
            CopyTradeWorkflow.run,
            signal_id,
            id=names.copy_trade_id(signal_id),
            task_queue=self.queue,
            task_timeout=options.TASK_TIMEOUT,
        )

    async def start_held(self, command: Command, side: Side = Side.BUY) -> Trade:
        """Let a whale trade and hold its copy before it can send anything."""
        signal_id = SignalId(f"held-{self.queue[-8:]}")
        await self.desk.tell(signal_id, side)
        start = WithStartWorkflowOperation(
            CopyTradeWorkflow.run,
            signal_id,
            id=names.copy_trade_id(signal_id),
            task_queue=self.queue,
            task_timeout=options.TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        await self.client.execute_update_with_start_workflow(
            CopyTradeWorkflow.hold, command, start_workflow_operation=start
        )
        return await start.workflow_handle()

    async def start_while_posting(self, update: str, command: Command) -> Trade:
        """Let a whale trade; its copy gets a command while its first order is sent."""
        trade: list[Trade] = []

        async def command_once() -> None:
            self.desk.venue.script.posting = None
            await trade[0].execute_update(update, command)

        self.desk.venue.script.posting = command_once
        trade.append(await self.start())
        return trade[0]

    async def copy(self, name: str = "s1", side: Side = Side.BUY) -> TradeEnd:
        """Let a whale trade and wait until its copy has ended."""
        return await (await self.start(name, side)).result()

    async def own(self, position_id: PositionId) -> Owner:
        """Start a position's owner where its trade did not."""
        return await self.client.start_workflow(
            PositionWorkflow.run,
            PositionStart(position_id),
            id=names.position_workflow_id(position_id),
            task_queue=self.queue,
            task_timeout=options.TASK_TIMEOUT,
        )

    async def reconcile(self) -> Reconciliation:
        """Start one run of looking for what nobody looks after."""
        return await self.client.start_workflow(
            ReconcileWorkflow.run, id=f"reconcile-{self.queue}", task_queue=self.queue
        )

    async def guard(self) -> Guard:
        """Start the wallet's guard."""
        return await self.client.start_workflow(
            RiskGuardWorkflow.run, WALLET, id=f"risk-guard-{self.queue}", task_queue=self.queue
        )

    async def score(self, request: ScoreRequest) -> Scoring:
        """Score wallets by the made-up record."""
        return await self.client.start_workflow(
            ScoreWhalesWorkflow.run, request, id=f"scores-{self.queue}", task_queue=self.queue
        )

    def signal_of(self, trade: Trade) -> SignalId:
        """Return the signal that a trade copies."""
        return SignalId(trade.id.removeprefix(names.copy_trade_id(SignalId(""))))

    def owner(self, position_id: PositionId) -> Owner:
        handle: Owner = self.client.get_workflow_handle_for(
            PositionWorkflow.run, names.position_workflow_id(position_id)
        )
        return handle


@asynccontextmanager
async def open_hall(client: Client, database_url: str) -> AsyncIterator[Hall]:
    """Seed a desk at the present time, since the server's clock is a real one."""
    async with open_desk(database_url, datetime.now(UTC), BREATH_S) as desk:
        hall = Hall(desk, client, f"queue-{uuid.uuid4().hex}")
        try:
            yield hall
        finally:  # every database's first position has the same id, and so has its owner
            with contextlib.suppress(RPCError):
                await hall.owner(name_position(WALLET, WHALE, YES, 1)).terminate()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Look until something holds, for a while."""
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - a server is looked at
            await asyncio.sleep(0.02)


def methods_of(*owners: object) -> list[Callable[..., object]]:
    """Return every activity method of some objects."""
    methods = [getattr(owner, name) for owner in owners for name in dir(type(owner))]
    return [m for m in methods if hasattr(m, "__temporal_activity_definition")]
