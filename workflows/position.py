"""One position from its first fill until nothing is held; the only owner of its exits."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.commands import CommandActivities
    from activities.orders import OrderActivities
    from activities.positions import PositionActivities
    from activities.records import (
        ExitStep,
        PositionReview,
        PositionStart,
    )
    from activities.signals import SignalActivities
    from trading.types import ExitReason, ExitRequest, LevelChange, OrderHash, PositionId
    from workflows import names, options
    from workflows.execution import execute, settle

LEFT_ORDERS = "a new owner ends the orders of a lost one"


@workflow.defn
class PositionWorkflow:
    """Remembers one position: reviews it, takes its one exit at a time, sees it resolved."""

    @workflow.init
    def __init__(self, start: PositionStart) -> None:
        self._position_id = start.position_id
        self._requests: list[ExitRequest] = list(start.pending)
        self._has_news = False

    @workflow.run
    async def run(self, start: PositionStart) -> PositionReview:
        """Own the position until it is over.

        A cancellation is kept as an event and otherwise ignored: nobody would watch the levels or
        redeem the position of a cancelled owner. Who wants it sold requests an exit.
        """
        owning = asyncio.ensure_future(self._own(start))
        while True:
            try:
                return await asyncio.shield(owning)
            except asyncio.CancelledError:
                if owning.done():
                    raise
                self._note_refused_cancel()

    async def _own(self, start: PositionStart) -> PositionReview:
        review = await self._look()
        while not review.is_over:
            if review.is_resolved:
                await self._redeem()
            elif self._requests or review.wants_exit:
                await self._exit(review)
            else:
                await self._rest(review)
            if _is_history_long():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(PositionStart(start.position_id, tuple(self._requests)))
            review = await self._look()
        await self._turn_away()
        return review

    @workflow.signal(name=names.REQUEST_EXIT)
    def request_exit(self, request: ExitRequest) -> None:
        """Ask for (a share of) the position to be sold; joins the exit that runs."""
        self._requests.append(request)

    @workflow.signal(name=names.FILLS_CHANGED)
    def fills_changed(self) -> None:
        """Tell that the position's fills or its market have changed."""
        self._has_news = True

    @workflow.update
    async def set_levels(self, change: LevelChange) -> PositionReview:
        """Move or drop exit levels; needs who and why."""
        await workflow.execute_local_activity_method(
            PositionActivities.set_levels,
            args=[self._position_id, change],
            summary=f"levels set by {change.who}",
            **options.RECORD,
        )
        self._has_news = True  # a level may have been set beyond the price
        return await self._review()

    @set_levels.validator
    def _check_levels(self, change: LevelChange) -> None:
        if not change.who or not change.why:
            raise ValueError("expected who and why, received an empty one")

    def _note_refused_cancel(self) -> None:
        key = f"{workflow.info().workflow_id}/{workflow.info().run_id}/cancel"
        workflow.start_activity_method(
            CommandActivities.note_refused_cancel,
            args=[key, self._position_id],
            summary="a position is never without an owner",
            **options.NOTE,
        )

    async def _look(self) -> PositionReview:
        """Review for the main loop: what is told from now on is news."""
        self._has_news = False
        return await self._review()

    async def _review(self) -> PositionReview:
        review = await workflow.execute_activity_method(
            PositionActivities.review_position,
            self._position_id,
            summary="mark it, look at its levels and its market",
            **options.REVIEW,
        )
        workflow.set_current_details(review.summary)
        workflow.upsert_search_attributes([names.TRADE_STATE.value_set(review.state.value)])
        return review

    async def _rest(self, review: PositionReview) -> None:
        """Wait for a request or news, at most until the next durable, jittered P&L timer."""
        jitter = timedelta(seconds=workflow.random().randint(0, review.mark_every_s))
        timeout = timedelta(seconds=review.mark_every_s) + jitter
        try:
            await workflow.wait_condition(
                lambda: bool(self._requests) or self._has_news,
                timeout=timeout,
                timeout_summary="P&L timer",
            )
        except TimeoutError:
            return

    async def _exit(self, review: PositionReview) -> None:
        """Sell what was asked for, however long it takes; requests that come meanwhile join."""
        asked, self._requests = self._requests, []
        is_whole = review.exit_reason is not None or not asked
        reason = review.exit_reason or (asked[0].reason if asked else ExitReason.OPERATOR)
        share = Decimal(1) if is_whole else max(request.share for request in asked)
        step = await self._begin_exit(reason, share)
        if step.left and workflow.patched(LEFT_ORDERS):
            await self._finish(step.left)
            step = await self._next_step(step)
        step = await self._sell(step)
        await settle(step.order_hashes)
        if not step.is_finished:  # it goes on in the next run of this workflow
            waiting = [request for request in asked if request.signal_id is not None]
            self._requests = [ExitRequest(reason, share, who="exit"), *waiting, *self._requests]
            return
        if share == 1:  # whoever asked meanwhile has been served too
            asked, self._requests = asked + self._requests, []
        await workflow.execute_local_activity_method(
            PositionActivities.end_exit, self._position_id, summary="exit ends", **options.RECORD
        )
        await self._answer(tuple(asked), step.order_hashes)

    async def _sell(self, step: ExitStep) -> ExitStep:
        """Try until the exit is finished or the history is long; slower while nothing is sold."""
        pause = options.EXIT_RETRY_FIRST
        while not step.is_finished and not _is_history_long():
            sold = False
            if step.attempt is not None:
                sold = (await execute(step.attempt, None, self._note_fills)).filled > 0
            pause = options.EXIT_RETRY_FIRST if sold else min(pause * 2, options.EXIT_RETRY_MAX)
            if not sold:
                await workflow.sleep(pause, summary="before the next exit attempt")
            step = await self._next_step(step)
        return step

    async def _finish(self, order_hashes: tuple[OrderHash, ...]) -> None:
        """Follow to their ends the orders of an owner that was lost during this exit."""
        for order_hash in order_hashes:
            await workflow.execute_activity_method(
                OrderActivities.await_fill,
                order_hash,
                summary=f"an earlier owner's order: {order_hash[:10]}…",
                **options.AWAIT,
            )
        await settle(order_hashes)

    async def _begin_exit(self, reason: ExitReason, share: Decimal) -> ExitStep:
        return await workflow.execute_local_activity_method(
            PositionActivities.begin_exit,
            args=[self._position_id, reason, share],
            summary=f"exit begins: {reason}",
            **options.RECORD,
        )

    async def _next_step(self, step: ExitStep) -> ExitStep:
        return await workflow.execute_local_activity_method(
            PositionActivities.next_exit_step,
            args=[self._position_id, step],
            summary="what is left to sell",
            **options.DECIDE,
        )

    async def _note_fills(self, position_id: PositionId) -> None:
        assert position_id == self._position_id, "an exit's fills belong to its own position"

    async def _redeem(self) -> None:
        """Wait until the venue has paid the resolved position out, and book it."""
        await workflow.execute_activity_method(
            PositionActivities.await_redemption,
            self._position_id,
            summary="market resolved: wait for the payout",
            **options.AWAIT,
        )

    async def _turn_away(self) -> None:
        """Answer those who asked while the position ended."""
        while self._requests:
            asked, self._requests = self._requests, []
            await self._answer(tuple(asked), ())
            await workflow.wait_condition(workflow.all_handlers_finished)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _answer(
        self, requests: tuple[ExitRequest, ...], hashes: tuple[OrderHash, ...]
    ) -> None:
        """End the whale signals that asked for this exit."""
        for request in requests:
            if request.signal_id is not None:
                await workflow.execute_local_activity_method(
                    SignalActivities.conclude_exit_signal,
                    args=[request.signal_id, list(hashes)],
                    summary="write the end of the whale's exit",
                    **options.RECORD,
                )


def start_of(position_id: PositionId) -> PositionStart:
    """Return what a position's first run starts with."""
    return PositionStart(position_id)


def _is_history_long() -> bool:
    return workflow.info().get_current_history_length() > options.POSITION_EVENTS_MAX
