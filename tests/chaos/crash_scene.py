"""One market and one whale on a lane: what is told to the product, and what became of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from tests.chaos.audit import HARMLESS_CAUSES
from tests.chaos.crash_books import OVER, Books, faults, read_books, unfinished
from tests.chaos.crash_nursery import Child
from tests.chaos.crash_stage import Lane, Row
from trading.types import ZERO, PositionId, Side, SignalId, SignalState, TokenId, Wallet
from workflows import names

ACT_S = 60.0
SETTLED_S = 120.0
POLL_S = 0.1
NOT_ENDED_WELL = (
    WorkflowExecutionStatus.RUNNING,
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.TIMED_OUT,
)
TURNED_BACK = "RESET_WORKFLOW"  # by a person


class TooSlowError(Exception):
    """The signal was too old for the market before anything was sent."""


class Scene:
    """A market that nobody else trades, and the signals of its whale."""

    def __init__(self, lane: Lane, number: int) -> None:
        self.lane = lane
        self.token: TokenId = lane.venue.take_token()
        self.whale = Wallet(f"0x{number:040x}")
        self.signals: list[SignalId] = []
        self._gap = ZERO

    async def tell(self, side: Side) -> SignalId:
        """Let the whale trade; the first time it is made known."""
        if not self.signals:
            await self.lane.follow(self.whale)
            self._gap = (await read_books(self.lane, self.token)).cash_gap
        self.signals.append(await self.lane.tell(self.whale, self.token, side))
        return self.signals[-1]

    @property
    def trade_id(self) -> str:
        """Return the workflow id of the first signal's trade."""
        return names.copy_trade_id(self.signals[0])

    def trade(self) -> "WorkflowHandle[object, object]":
        """Return the first signal's trade."""
        return self.lane.temporal.get_workflow_handle(self.trade_id)

    async def is_held(self) -> bool:
        """Tell whether the first signal's entry is filled and settled."""
        stored = await self.lane.store.load_signal(self.signals[0])
        return stored is not None and stored.state is SignalState.FILLED

    async def is_resting(self) -> bool:
        """Tell whether an order of ours rests at the venue."""
        orders = await self.lane.venue.rows("orders")
        return any(o["token_id"] == self.token and o["status"] == "LIVE" for o in orders)

    async def until(
        self, look: Callable[[], Awaitable[bool]], worker: Child, what: str, within_s: float = ACT_S
    ) -> None:
        """Wait until something is so.

        Raises:
            TooSlowError: the signal expired meanwhile.
        """
        give_up_at = time.monotonic() + within_s
        while not await look():
            assert not worker.is_over, f"expected {what}, the worker died before"
            assert time.monotonic() < give_up_at, f"expected {what} within {within_s} s"
            first = await self.lane.store.load_signal(self.signals[0])
            if first is not None and first.state is SignalState.EXPIRED:
                raise TooSlowError(what)
            await asyncio.sleep(POLL_S)

    async def until_settled(self, within_s: float = SETTLED_S) -> Books:
        """Wait until nothing is on its way; what never ends is told by `problems`."""
        give_up_at = time.monotonic() + within_s
        while True:
            books = await read_books(self.lane, self.token)
            is_late = time.monotonic() > give_up_at
            if is_late or not (unfinished(books) or await self._is_at_work(books)):
                return books
            await asyncio.sleep(POLL_S * 3)

    async def problems(self, books: Books) -> list[str]:
        """Say what is wrong: in the books, with workflows that should or should not run."""
        found = faults(books, self._gap)
        for signal_id in self.signals:
            workflow_id = names.copy_trade_id(signal_id)
            status = await self.status(workflow_id)
            if status in NOT_ENDED_WELL:
                found.append(f"{workflow_id} is {status.name}")
            found += await self._failed_tasks(workflow_id)
        for position in books.positions:
            workflow_id = names.position_workflow_id(PositionId(position["position_id"]))
            if not await self._is_owned_rightly(position):
                found.append(f"{workflow_id} is {await self.status(workflow_id)}: {position}")
            found += await self._failed_tasks(workflow_id)
        return found

    async def status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        """Return how a workflow stands, None when there is none."""
        try:
            told = await self.lane.temporal.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        return told.status

    async def _is_at_work(self, books: Books) -> bool:
        """Tell whether a trade still runs, or a position's workflow is about to begin or end."""
        trades = [await self.status(names.copy_trade_id(s)) for s in self.signals]
        owned = [await self._is_owned_rightly(position) for position in books.positions]
        return WorkflowExecutionStatus.RUNNING in trades or not all(owned)

    async def _is_owned_rightly(self, position: Row) -> bool:
        workflow_id = names.position_workflow_id(PositionId(position["position_id"]))
        is_running = await self.status(workflow_id) is WorkflowExecutionStatus.RUNNING
        return is_running is (position["status"] not in OVER)

    async def _failed_tasks(self, workflow_id: str) -> list[str]:
        handle = self.lane.temporal.get_workflow_handle(workflow_id)
        found = []
        try:
            async for event in handle.fetch_history_events():
                failed = event.workflow_task_failed_event_attributes
                is_failure = event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
                cause = WorkflowTaskFailedCause.Name(failed.cause)
                if is_failure and not cause.endswith((*HARMLESS_CAUSES, TURNED_BACK)):
                    text = f"{workflow_id} has a failed task: {cause} {failed.failure.message}"
                    found.append(text)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return found
