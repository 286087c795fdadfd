"""Carry out a position's one exit, however long it takes, and call a person when it takes long."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.orders import OrderActivities
    from activities.positions import PositionActivities
    from activities.records import ExitStep, FillReport
    from activities.signals import SignalActivities
    from trading.types import OrderHash, PositionId, SignalId
    from workflows import options
    from workflows.control import Control
    from workflows.execution import Execution, execute, settle


class Leaving:
    """One exit of one position; `show` is told of each of its steps."""

    def __init__(
        self, position_id: PositionId, control: Control, show: Callable[[ExitStep], None]
    ) -> None:
        self._position_id = position_id
        self._control = control
        self._show = show
        self._step: ExitStep | None = None

    async def carry_out(self, step: ExitStep) -> ExitStep:
        """Sell until the exit is finished or the history is long, and wait for the chain.

        Pages after 1, 5 and 15 minutes, and at once while no order can be made.
        """
        self._note(step)
        paging = asyncio.ensure_future(self._page_by_and_by(step.began_at or workflow.now()))
        try:
            if step.left:
                await self.finish(step.left)
                step = await self.next_step(step)
            return await self._sell_for_good(step)
        finally:
            paging.cancel()

    async def _sell_for_good(self, step: ExitStep) -> ExitStep:
        """Sell, and sell again what the chain has refused; nothing is sold before it has spoken."""
        while True:
            step = await self.sell(step, pages=True)
            if step.unresolved:
                await settle(step.unresolved)
            if not step.is_finished or not step.unresolved:
                return step
            step = await self.next_step(step)

    async def sell(self, step: ExitStep, *, pages: bool) -> ExitStep:
        """Try until the exit is finished or the history is long; slower while nothing is sold."""
        pause, idle = options.EXIT_RETRY_FIRST, 0
        while not step.is_finished and not is_history_long():
            done = await self._try(step)
            sold = done is not None and done.filled > 0
            idle = idle + 1 if done is not None and not done.order_hashes else 0
            if idle == options.IDLE_ROUNDS and done is not None and pages:
                words = f"no order can be made: {done.reason}"
                await self._page(replace(step, summary=words), "no order")
            if not sold:
                await workflow.sleep(pause, summary="before the next exit attempt")
            pause = options.EXIT_RETRY_FIRST if sold else min(pause * 2, options.EXIT_RETRY_MAX)
            step = await self.next_step(step)
        return step

    async def finish(self, order_hashes: tuple[OrderHash, ...]) -> None:
        """Follow to their ends the orders of an owner that was lost during this exit."""
        for order_hash in order_hashes:
            await workflow.execute_activity_method(
                OrderActivities.await_fill,
                order_hash,
                summary=f"an earlier owner's order: {order_hash[:10]}…",
                **options.AWAIT,
            )
        await settle(order_hashes)

    async def next_step(self, step: ExitStep) -> ExitStep:
        """Ask what is left to sell."""
        step = await workflow.execute_local_activity_method(
            PositionActivities.next_exit_step,
            args=[self._position_id, step],
            summary="what is left to sell",
            **options.DECIDE,
        )
        self._note(step)
        return step

    async def _try(self, step: ExitStep) -> Execution | None:
        if step.attempt is None:
            return None
        return await execute(step.attempt, None, self._note_fills, self._control)

    async def _page_by_and_by(self, began_at: datetime) -> None:
        for minutes in options.EXIT_PAGES_MIN:
            wait = began_at + timedelta(minutes=minutes) - workflow.now()
            if wait <= -options.PAGE_LATE_MAX:
                continue  # an earlier run has paged
            await workflow.sleep(max(wait, timedelta(0)), summary="before a person is called")
            assert self._step is not None, "an exit is paged about after its first step"
            await self._page(self._step, f"{minutes} min")

    async def _page(self, step: ExitStep, name: str) -> None:
        """Page; a full activity, since it may come beside any other step."""
        await workflow.execute_activity_method(
            PositionActivities.page_exit,
            args=[self._position_id, step, name],
            summary=f"call a person: {name}",
            **options.NOTE,
        )

    async def _note_fills(self, fills: FillReport) -> None:
        assert fills.position_id == self._position_id, "an exit's fills belong to its own position"

    def _note(self, step: ExitStep) -> None:
        self._step = step
        self._show(step)


async def answer(signal_ids: tuple[SignalId, ...], hashes: tuple[OrderHash, ...]) -> None:
    """End the whale signals that asked for an exit."""
    for signal_id in signal_ids:
        await workflow.execute_local_activity_method(
            SignalActivities.conclude_exit_signal,
            args=[signal_id, list(hashes)],
            summary="write the end of the whale's exit",
            **options.RECORD,
        )


def is_history_long() -> bool:
    """Tell whether it is time to go on in a new run."""
    return workflow.info().get_current_history_length() > options.POSITION_EVENTS_MAX
