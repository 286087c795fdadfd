"""Keeps the schedule alive by which Temporal reconciles one wallet, whatever becomes of either."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from ingest.attributes import register_attributes
from trading.types import Wallet
from workflows import names, options
from workflows.reconcile import ReconcileWorkflow

EVERY = timedelta(seconds=10)
CATCH_UP = timedelta(seconds=30)
LOOK_EVERY_S = 15.0
RPC_TIMEOUT = timedelta(seconds=5)

log = structlog.get_logger()


class ReconcileKeeper:
    """Sees to it that one reconciling workflow per wallet runs, one after the other."""

    def __init__(self, client: Client, wallet: Wallet, task_queue: str = names.TASK_QUEUE) -> None:
        self._client = client
        self._wallet = wallet
        self._task_queue = task_queue

    async def run(self) -> None:
        """Make the schedule again whenever it is not there, until cancelled.

        It is lost when Temporal's database is: then what must be reconciled is most.
        """
        is_current = False
        while True:
            try:
                await self.ensure(update=not is_current)
                is_current = True
            except RPCError as error:
                log.warning("reconcile_not_scheduled", error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def ensure(self, *, update: bool = True) -> None:
        """Create the schedule and trigger a run; `update` renews one that is there already.

        A schedule that a person has paused stays paused.
        """
        schedule_id = names.reconcile_id(self._wallet)
        await register_attributes(self._client)
        try:
            await self._client.create_schedule(
                schedule_id, self._schedule(), trigger_immediately=True, rpc_timeout=RPC_TIMEOUT
            )
        except ScheduleAlreadyRunningError:
            if update:
                handle = self._client.get_schedule_handle(schedule_id)
                await handle.update(self._updated, rpc_timeout=RPC_TIMEOUT)
                await handle.trigger(rpc_timeout=RPC_TIMEOUT)
        else:
            log.info("reconcile_scheduled", wallet=self._wallet)

    def _schedule(self) -> Schedule:
        action = ScheduleActionStartWorkflow(
            ReconcileWorkflow.run,
            id=names.reconcile_id(self._wallet),
            task_queue=self._task_queue,
            task_timeout=options.TASK_TIMEOUT,
            static_summary="looks after what nobody looks after",
        )
        return Schedule(
            action,
            ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
            SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        )

    def _updated(self, there: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(replace(self._schedule(), state=there.description.schedule.state))
