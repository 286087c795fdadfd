"""Keeps one of Temporal's schedules alive, whatever becomes of it or of Temporal's database."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleAlreadyRunningError,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from ingest.attributes import register_attributes

LOOK_EVERY_S = 15.0
RPC_TIMEOUT = timedelta(seconds=5)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule by its id; `is_urgent` ones also run at once whenever a process comes up."""

    schedule_id: str
    schedule: Schedule
    is_urgent: bool = False


class ScheduleKeeper:
    """Sees to it that a schedule is there, and is the one that this version wants."""

    def __init__(self, client: Client, plan: Plan) -> None:
        self._client = client
        self._plan = plan

    async def run(self) -> None:
        """Make the schedule again whenever it is not there, until cancelled."""
        is_current = False
        while True:
            try:
                await self.ensure(update=not is_current)
                is_current = True
            except RPCError as error:
                log.warning("not_scheduled", schedule=self._plan.schedule_id, error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def ensure(self, *, update: bool = True) -> None:
        """Create the schedule, or renew it with `update`; an urgent one runs at once.

        A schedule that a person has paused stays paused.
        """
        plan = self._plan
        await register_attributes(self._client)
        try:
            await self._client.create_schedule(
                plan.schedule_id,
                plan.schedule,
                trigger_immediately=plan.is_urgent,
                rpc_timeout=RPC_TIMEOUT,
            )
        except ScheduleAlreadyRunningError:
            if update:
                handle = self._client.get_schedule_handle(plan.schedule_id)
                await handle.update(self._updated, rpc_timeout=RPC_TIMEOUT)
                if plan.is_urgent:
                    await handle.trigger(rpc_timeout=RPC_TIMEOUT)
        else:
            log.info("scheduled", schedule=plan.schedule_id)

    def _updated(self, there: ScheduleUpdateInput) -> ScheduleUpdate:
        state = there.description.schedule.state
        return ScheduleUpdate(replace(self._plan.schedule, state=state))
