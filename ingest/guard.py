"""Keeps a wallet's guard running in Temporal, and tells it when something stops entries."""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from storage.port import Bell
from trading.types import Wallet
from workflows import names, options
from workflows.guard import RiskGuardWorkflow

CHANNEL = "halts"
LOOK_EVERY = timedelta(seconds=15)
RETRY_S = 1.0
RPC_TIMEOUT = timedelta(seconds=5)

log = structlog.get_logger()


class GuardKeeper:
    """Sees to it that one guard per wallet runs; without one the breakers hold all the same."""

    def __init__(
        self, client: Client, wallet: Wallet, bell: Bell, task_queue: str = names.TASK_QUEUE
    ) -> None:
        self._client = client
        self._wallet = wallet
        self._bell = bell
        self._task_queue = task_queue

    async def run(self) -> None:
        """Start the guard whenever it is not there, and tell it what is heard, until cancelled."""
        while True:
            try:
                await self.ensure()
            except RPCError as error:
                log.warning("guard_not_running", error=str(error))
                await asyncio.sleep(RETRY_S)
            if await self._bell.wait(CHANNEL, "", LOOK_EVERY):
                await self.tell()

    async def ensure(self) -> None:
        """Start the guard unless it runs."""
        await self._client.start_workflow(
            RiskGuardWorkflow.run,
            self._wallet,
            id=names.risk_guard_id(self._wallet),
            task_queue=self._task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=options.TASK_TIMEOUT,
            rpc_timeout=RPC_TIMEOUT,
            static_summary=f"guards wallet {self._wallet}",
        )

    async def tell(self) -> None:
        """Tell the guard that something changed; it would notice by itself within minutes."""
        guard = self._client.get_workflow_handle(names.risk_guard_id(self._wallet))
        try:
            await guard.signal(names.BREAKERS_CHANGED, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            log.warning("guard_not_told", error=str(error))
