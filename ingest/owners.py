"""Asks Temporal which workflows run, and gives positions an owner."""

from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from trading.types import ExitRequest, PositionId, SignalId
from workflows import names, options
from workflows.copy_trade import CopyTradeWorkflow
from workflows.position import PositionWorkflow, start_of

FEW = 5
"""So many workflows are asked for by name at once; more are listed first."""
RPC_TIMEOUT = timedelta(seconds=5)

log = structlog.get_logger()


class TemporalOwners:
    """The owners of trades and positions as Temporal knows them; raises while it is away."""

    def __init__(self, client: Client, task_queue: str = names.TASK_QUEUE) -> None:
        self._client = client
        self._task_queue = task_queue

    async def running_trades(self, signal_ids: Collection[SignalId]) -> frozenset[SignalId]:
        """Return the signals among these whose copy-trade workflow runs."""
        running = await self._running(CopyTradeWorkflow, map(names.copy_trade_id, signal_ids))
        return frozenset(s for s in signal_ids if names.copy_trade_id(s) in running)

    async def running_positions(
        self, position_ids: Collection[PositionId]
    ) -> frozenset[PositionId]:
        """Return the positions among these whose workflow runs."""
        wanted = map(names.position_workflow_id, position_ids)
        running = await self._running(PositionWorkflow, wanted)
        return frozenset(p for p in position_ids if names.position_workflow_id(p) in running)

    async def own_position(self, position_id: PositionId) -> None:
        """Start a position's workflow unless it runs."""
        await self._client.start_workflow(
            PositionWorkflow.run,
            start_of(position_id),
            id=names.position_workflow_id(position_id),
            task_queue=self._task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=options.TASK_TIMEOUT,
            rpc_timeout=RPC_TIMEOUT,
            static_summary=f"position {position_id}",
        )

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        """Ask a position's owner to sell; return False when it cannot be reached now."""
        handle = self._client.get_workflow_handle(names.position_workflow_id(position_id))
        try:
            await handle.signal(names.REQUEST_EXIT, request, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            log.warning("owner_not_reached", position_id=position_id, error=str(error))
            return False
        return True

    async def _running(self, kind: type, workflow_ids: Iterable[str]) -> frozenset[str]:
        """List what runs, and ask for the rest by name: the list lags behind by a moment."""
        wanted = frozenset(workflow_ids)
        listed = await self._listed(kind) if len(wanted) > FEW else frozenset[str]()
        others = [i for i in sorted(wanted - listed) if await self._runs(i)]
        return (wanted & listed).union(others)

    async def _listed(self, kind: type) -> frozenset[str]:
        query = f"ExecutionStatus = 'Running' AND WorkflowType = '{kind.__name__}'"
        found = self._client.list_workflows(query, page_size=1000, rpc_timeout=RPC_TIMEOUT)
        return frozenset([execution.id async for execution in found])

    async def _runs(self, workflow_id: str) -> bool:
        """Tell whether a workflow runs; one that Temporal does not know was lost with its data."""
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            execution = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return execution.status is WorkflowExecutionStatus.RUNNING
