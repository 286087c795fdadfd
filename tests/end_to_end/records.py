"""Reads what Temporal keeps of the trades, through its client, as its web page does."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.records import Command
from workflows import names

TRADES = "WorkflowType='CopyTradeWorkflow'"
OWNERS = "WorkflowType='PositionWorkflow' AND ExecutionStatus='Running'"
STEP_KINDS = (
    EventType.EVENT_TYPE_MARKER_RECORDED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
)


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade as a person finds it: its attributes, its summary, its steps in their order."""

    workflow_id: str
    whale: str | None
    market_slug: str | None
    side: str | None
    state: str | None
    summary: str | None
    steps: tuple[str, ...]
    started_at: datetime


class Records:
    """The trades that Temporal knows."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def of(cls, address: str) -> "Records":
        """Connect to a running stack."""
        return cls(await Client.connect(address, data_converter=pydantic_data_converter))

    async def find(self, query: str = TRADES) -> set[str]:
        """Return the ids of the trades that a search finds."""
        return {found.id async for found in self._client.list_workflows(query)}

    async def trades(self) -> Sequence[Trade]:
        """Return every trade with its steps."""
        return [await self._trade(workflow_id) for workflow_id in sorted(await self.find())]

    async def hold(self, workflow_id: str, command: Command) -> None:
        """Let the owner of a position begin no exit by itself."""
        await self._client.get_workflow_handle(workflow_id).execute_update(names.HOLD, command)

    async def _trade(self, workflow_id: str) -> Trade:
        handle = self._client.get_workflow_handle(workflow_id)
        told: WorkflowExecutionDescription = await handle.describe()
        history = await handle.fetch_history()
        steps = (_step(event) for event in history.events if event.event_type in STEP_KINDS)
        attributes = told.typed_search_attributes
        return Trade(
            workflow_id=workflow_id,
            whale=attributes.get(names.WHALE),
            market_slug=attributes.get(names.MARKET_SLUG),
            side=attributes.get(names.SIDE),
            state=attributes.get(names.TRADE_STATE),
            summary=await told.static_summary(),
            steps=tuple(step for step in steps if step),
            started_at=told.start_time,
        )


def _step(event: HistoryEvent) -> str:
    """Return the step's name; a local activity leaves a marker, one that is none has no name."""
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        return event.activity_task_scheduled_event_attributes.activity_type.name
    marker = event.marker_recorded_event_attributes
    if marker.marker_name != "core_local_activity":
        return ""
    kept = json.loads(marker.details["data"].payloads[0].data)
    return str(kept["activity_type"])
