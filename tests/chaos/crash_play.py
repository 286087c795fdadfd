"""Plays one run: a worker dies at its point, another takes over, and the books are read."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from tests.chaos.crash_books import OVER, Books, faults, read_books, unfinished
from tests.chaos.crash_nursery import Child
from tests.chaos.crash_points import Kind, Rests, Run
from tests.chaos.crash_stage import Lane
from tests.chaos.crash_traps import CRASHED, Orders
from trading.types import PositionId, Side, SignalId, SignalState, TokenId, Wallet
from workflows import names

DEATH_S = 60.0
SETTLED_S = 120.0
POLL_S = 0.1

_RESTS = {Rests.NO: "", Rests.PARTLY: "0.511", Rests.WHOLLY: "0.45"}
_DEAR = "0.60"
HARMLESS = (  # news came while a task ended, its worker was gone, a person turned it back
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
)
_EARLY = ("CP-1", "CP-2", "CP-3", "CP-4", "CP-5", "CP-6")
TRIES = 3


class TooSlowError(Exception):
    """The signal was too old for the market before the worker came to the point."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run ended with; no faults means that it is as it must be."""

    run: Run
    faults: tuple[str, ...]
    states: tuple[str, ...]
    seconds: float
    told: str  # the ends of both workers' logs


async def play(lane: Lane, run: Run, number: int) -> Outcome:
    """Play a run, again on another market when this machine was too slow for a fresh signal."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(TooSlowError):
            return await Play(lane, run, number).go()
    return await Play(lane, run, number).go()


class Play:
    """One run on a lane and a market of its own."""

    def __init__(self, lane: Lane, run: Run, number: int) -> None:
        self._lane = lane
        self._run = run
        self._token: TokenId = lane.venue.take_token()
        self._whale = Wallet(f"0x{number:040x}")
        self._signals: list[SignalId] = []

    async def go(self) -> Outcome:
        """Play it; whatever goes wrong is told, not raised.

        Raises:
            TooSlowError: nothing was sent in time, so that there was nothing to die of.
        """
        begun = time.monotonic()
        workers: list[Child] = []
        books: Books | None = None
        try:
            books = await self._play(workers)
            self._check_in_time(books)
            found = [*faults(books), *self._unexpected(books), *await self._unowned(books)]
        except (AssertionError, TimeoutError) as error:
            books = await read_books(self._lane, self._token)
            found = [f"{type(error).__name__}: {error}", *unfinished(books)]
        finally:
            for worker in workers:
                await worker.kill()
        return Outcome(
            run=self._run,
            faults=tuple(found),
            states=() if books is None else tuple(str(s["state"]) for s in books.signals),
            seconds=time.monotonic() - begun,
            told="\n——\n".join([str(books), *(w.told() for w in workers)]) if found else "",
        )

    async def _play(self, workers: list[Child]) -> Books:
        await self._lane.follow(self._whale)
        name = self._run.name.replace(":", "-")
        dying = await self._lane.hire(f"{name}-dying", self._order_type, self._orders())
        workers.append(dying)
        await self._bring_to_point(dying)
        await self._until(self._is_over(dying), dying, "its death")
        code = await dying.code
        assert code == CRASHED, f"expected a death at {self._run.point}, exit status {code}"
        if self._run.is_late:
            await self._trade(self._signals[0]).cancel()
        workers.append(await self._lane.hire(f"{name}-next", self._order_type))
        return await self._until_settled()

    @property
    def _order_type(self) -> str:
        return "FAK" if self._run.rests is Rests.NO else "GTC"

    def _orders(self) -> Orders:
        run = self._run
        return Orders(
            point=f"{run.point}:{run.hit}",
            kind=run.kind,
            token_id=self._token,
            buy_price=_RESTS[run.rests],
            sell_price=_DEAR if run.is_dear else "",
            events_max=run.events_max or 0,
        )

    async def _bring_to_point(self, dying: Child) -> None:
        await self._tell(Side.BUY)
        if self._run.kind is Kind.EXIT:
            await self._until(self._is_held, dying, "a settled position")
            await self._tell(Side.SELL)
        elif self._run.kind is Kind.CANCEL and not self._run.is_late:
            await self._until(self._is_resting, dying, "a resting order")
            await self._trade(self._signals[0]).cancel()

    async def _tell(self, side: Side) -> None:
        self._signals.append(await self._lane.tell(self._whale, self._token, side))

    def _trade(self, signal_id: SignalId) -> "WorkflowHandle[object, object]":
        return self._lane.temporal.get_workflow_handle(names.copy_trade_id(signal_id))

    def _is_over(self, worker: Child) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            return worker.is_over

        return look

    async def _is_held(self) -> bool:
        stored = await self._lane.store.load_signal(self._signals[0])
        return stored is not None and stored.state is SignalState.FILLED

    async def _is_resting(self) -> bool:
        orders = await self._lane.venue.rows("orders")
        return any(o["token_id"] == self._token and o["status"] == "LIVE" for o in orders)

    async def _until(self, look: Callable[[], Awaitable[bool]], dying: Child, what: str) -> None:
        give_up_at = time.monotonic() + DEATH_S
        while not await look():
            assert not dying.is_over, f"expected {what}, the worker died before"
            assert time.monotonic() < give_up_at, f"expected {what} within {DEATH_S} s"
            await self._check_speed()
            await asyncio.sleep(POLL_S)

    def _check_in_time(self, books: Books) -> None:
        """Ask for another play when an order that had to be sent was too late for it."""
        may_expire = any("EXPIRED" in expected for _, expected in self._expected())
        is_expired = any(s["state"] == SignalState.EXPIRED for s in books.signals)
        if is_expired and not may_expire and not any(order["posts"] for order in books.orders):
            raise TooSlowError(self._run.name)

    async def _check_speed(self) -> None:
        first = await self._lane.store.load_signal(self._signals[0])
        if first is not None and first.state is SignalState.EXPIRED:
            raise TooSlowError(self._run.name)

    async def _until_settled(self) -> Books:
        """Wait until nothing is on its way; what never ends is told by the checks."""
        give_up_at = time.monotonic() + SETTLED_S
        while True:
            books = await read_books(self._lane, self._token)
            is_late = time.monotonic() > give_up_at
            if is_late or not (unfinished(books) or await self._are_trades_open()):
                return books
            await asyncio.sleep(POLL_S * 3)

    async def _are_trades_open(self) -> bool:
        statuses = [await self._status(names.copy_trade_id(s)) for s in self._signals]
        return WorkflowExecutionStatus.RUNNING in statuses

    def _unexpected(self, books: Books) -> list[str]:
        """Compare the ends with what this run must end as."""
        states = {str(s["signal_id"]): str(s["state"]) for s in books.signals}
        found = [
            f"signal {side} ended {states.get(signal_id)}, expected one of {sorted(expected)}"
            for signal_id, (side, expected) in zip(self._signals, self._expected(), strict=True)
            if states.get(signal_id) not in expected
        ]
        sold = self._run.kind is Kind.EXIT
        if sold and any(p["status"] not in OVER for p in books.positions):
            found.append("the position was not left")
        return found

    def _expected(self) -> list[tuple[str, set[str]]]:
        run = self._run
        if run.kind is Kind.EXIT:
            return [("BUY", {"FILLED"}), ("SELL", {"FILLED"})]
        if run.kind is Kind.CANCEL:
            return [("BUY", {"PARTIAL"} if run.rests is Rests.PARTLY else {"CANCELLED"})]
        if run.point in _EARLY:  # the time to send it may be over when the next worker comes
            return [("BUY", {"FILLED", "EXPIRED", "UNFILLED"})]
        return [("BUY", {"FILLED"})]

    async def _unowned(self, books: Books) -> list[str]:
        """Look for workflows that should or should not run, and for tasks that failed."""
        found = []
        for signal_id in self._signals:
            workflow_id = names.copy_trade_id(signal_id)
            status = await self._status(workflow_id)
            if status not in (WorkflowExecutionStatus.COMPLETED, None):
                found.append(f"{workflow_id} is {status and status.name}")
            found += await self._failed_tasks(workflow_id)
        for position in books.positions:
            workflow_id = names.position_workflow_id(PositionId(position["position_id"]))
            is_running = await self._status(workflow_id) is WorkflowExecutionStatus.RUNNING
            if is_running is not (position["status"] not in OVER):
                found.append(f"{workflow_id} {position['status']}, running: {is_running}")
            found += await self._failed_tasks(workflow_id)
        return found

    async def _status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        try:
            told = await self._lane.temporal.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        return told.status

    async def _failed_tasks(self, workflow_id: str) -> list[str]:
        handle = self._lane.temporal.get_workflow_handle(workflow_id)
        found = []
        try:
            async for event in handle.fetch_history_events():
                failed = event.workflow_task_failed_event_attributes
                is_failure = event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
                if is_failure and failed.cause not in HARMLESS:
                    found.append(f"{workflow_id} has a failed task: {failed.failure.message}")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return found
