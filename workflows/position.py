"""One position from its first fill until nothing is held; the only owner of its exits."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.commands import CommandActivities
    from activities.positions import PositionActivities
    from activities.records import (
        Command,
        ExitStep,
        PositionCommand,
        PositionNote,
        PositionReview,
        PositionStart,
        ShareCommand,
    )
    from activities.redemption import RedemptionActivities
    from trading.types import (
        ONE,
        ExitReason,
        ExitRequest,
        LevelChange,
        PositionId,
        PositionState,
        Price,
    )
    from workflows import names, options
    from workflows.control import Control
    from workflows.execution import settle
    from workflows.leaving import Leaving, answer, is_history_long
    from workflows.position_checks import (
        check_close,
        check_levels,
        check_release,
        check_share,
        check_words,
    )
    from workflows.requests import Requests, sale_of, words_of

LEFT_ORDERS = "a new owner ends the orders of a lost one"
REDEEMS = "a resolved position is redeemed by us"
PLANNED = "an exit sells what was fixed when it began, and pages"
AT_ONCE = "an exit that is asked for begins before the next look"
WHOLE_AT_ONCE = "an exit of everything begins before the next look"
CLEAN_UP = "exit"  # stands for an exit that an older run began


@workflow.defn
class PositionWorkflow:
    """Remembers one position: reviews it, takes its one exit at a time, sees it resolved."""

    @workflow.init
    def __init__(self, start: PositionStart) -> None:
        self._position_id = start.position_id
        self._requests = Requests(start.pending)
        self._control = Control()
        self._held_by = start.held_by
        self._knows_hold = bool(start.held_by)
        self._exit: ExitStep | None = None
        self._last: PositionReview | None = None
        self._has_news = False
        self._has_late_fills = False

    @workflow.run
    async def run(self, start: PositionStart) -> PositionReview:
        """Own the position until it is over.

        A cancellation is kept as an event and otherwise ignored: nobody would watch the levels or
        redeem the position of a cancelled owner. Who wants it sold closes it.
        """
        del start  # it was taken before any message could come
        owning = asyncio.ensure_future(self._own())
        while True:
            try:
                return await asyncio.shield(owning)
            except asyncio.CancelledError:
                if owning.done():
                    raise
                self._note_refused_cancel()

    @workflow.signal(name=names.REQUEST_EXIT)
    def request_exit(self, request: ExitRequest) -> None:
        """Ask for (a share of) the position to be sold; joins or follows the exit that runs."""
        self._requests.add(request, is_held=bool(self._held_by))
        self._loosen()

    @workflow.signal(name=names.FILLS_CHANGED)
    def fills_changed(self) -> None:
        """Tell that the position's fills or its market have changed."""
        self._has_news = True

    @workflow.update
    async def close(self, command: Command) -> None:
        """Sell everything, held or not; accepted, it is not yet sold."""
        self.request_exit(ExitRequest(ExitReason.OPERATOR, ONE, None, command.who, command.why))
        await self._obey(PositionCommand.CLOSE, command, "close it")

    @workflow.update
    async def close_share(self, command: ShareCommand) -> None:
        """Sell a share of what is held when the exit begins."""
        self.request_exit(sale_of(command))
        asked = Command(command.who, command.why)
        await self._obey(PositionCommand.CLOSE_SHARE, asked, words_of(command), command.lowest)

    @workflow.update
    async def set_levels(self, change: LevelChange) -> PositionReview:
        """Move or drop exit levels; needs who and why."""
        await workflow.execute_local_activity_method(
            PositionActivities.set_levels,
            args=[self._position_id, change, self._update_key()],
            summary=f"levels set by {change.who}",
            **options.RECORD,
        )
        self._has_news = True  # a level may have been set beyond the price
        return await self._review()

    @workflow.update
    async def hold(self, command: Command) -> None:
        """Let no automatic exit begin or go on, not even a stop-loss; a person's close goes."""
        self._knows_hold, self._held_by = True, f"{command.who}: {command.why}"
        self._loosen()
        await self._obey(PositionCommand.HOLD, command, "hold it")
        await self._review()

    @workflow.update
    async def release(self, command: Command) -> None:
        """Let automatic exits begin and go on again; what is due goes at once."""
        self._knows_hold, self._held_by = True, ""
        self._loosen()
        await self._obey(PositionCommand.RELEASE, command, "release it")
        self._has_news = True

    @workflow.update
    async def adopt_fills(self, command: Command) -> None:
        """Tell that late fills were booked; a position that is about to end looks again."""
        self._has_news = self._has_late_fills = True
        await self._obey(PositionCommand.ADOPT_FILLS, command, "look at late fills")

    @close.validator
    def _check_close(self, command: Command) -> None:
        check_words(command, is_over=self._is_over)
        check_close(self._last)

    @close_share.validator
    def _check_close_share(self, command: ShareCommand) -> None:
        check_words(command, is_over=self._is_over)
        check_close(self._last)
        check_share(command)

    @set_levels.validator
    def _check_levels(self, change: LevelChange) -> None:
        check_words(change, is_over=self._is_over)
        check_levels(change)

    @hold.validator
    def _check_hold(self, command: Command) -> None:
        check_words(command, is_over=self._is_over)

    @release.validator
    def _check_release(self, command: Command) -> None:
        check_words(command, is_over=self._is_over)
        check_release(self._held_by)

    @adopt_fills.validator
    def _check_adopt(self, command: Command) -> None:
        check_words(command, is_over=False)  # they may be what makes it go on

    @property
    def _is_over(self) -> bool:
        return self._last is not None and self._last.is_over

    async def _own(self) -> PositionReview:
        review = await self._look()
        while True:
            is_asked = False
            if not review.is_over:
                is_asked = await self._live(review)
            elif await self._is_left_alone():
                return review
            if is_history_long():
                await workflow.wait_condition(workflow.all_handlers_finished)
                waiting = self._requests.waiting
                workflow.continue_as_new(PositionStart(self._position_id, waiting, self._held_by))
            if not is_asked:
                review = await self._look()

    async def _live(self, review: PositionReview) -> bool:
        """Do the next thing; True when what was asked for at rest is to begin at once."""
        is_held = bool(self._held_by)
        is_due = review.exit_reason is not None and not is_held
        is_leaving = review.state is PositionState.EXITING
        if review.is_resolved:
            await self._redeem()
        elif is_leaving or is_due or self._requests.may_begin(is_held=is_held):
            await self._leave(review)
        else:
            return await self._rest(review) and self._begins_at_once()
        return False

    def _begins_at_once(self) -> bool:
        """Tell whether an exit begins before the next look.

        One of everything does: nobody who comes later could want more. Who wants a share is taken
        after a look, together with those who come meanwhile, so that all have one exit.
        """
        if workflow.patched(WHOLE_AT_ONCE):
            return self._requests.wants_all(is_held=bool(self._held_by))
        return workflow.patched(AT_ONCE)

    async def _look(self) -> PositionReview:
        """Review for the main loop: what is told from now on is news."""
        self._has_news = self._has_late_fills = False
        review = await self._review()
        if not self._knows_hold:  # an earlier owner may have been told
            self._knows_hold, self._held_by = True, review.held_by
        return review

    async def _review(self) -> PositionReview:
        review = await workflow.execute_activity_method(
            PositionActivities.review_position,
            self._position_id,
            summary="mark it, look at its levels and its market",
            **options.REVIEW,
        )
        self._last = review
        self._show()
        workflow.upsert_search_attributes([names.TRADE_STATE.value_set(review.state.value)])
        return review

    async def _rest(self, review: PositionReview) -> bool:
        """Wait for news until the next durable, jittered P&L timer; True when asked to leave."""
        jitter = timedelta(seconds=workflow.random().randint(0, review.mark_every_s))
        timeout = timedelta(seconds=review.mark_every_s) + jitter
        try:
            await workflow.wait_condition(
                lambda: self._requests.may_begin(is_held=bool(self._held_by)) or self._has_news,
                timeout=timeout,
                timeout_summary="P&L timer",
            )
        except TimeoutError:
            return False
        return self._requests.may_begin(is_held=bool(self._held_by))

    async def _leave(self, review: PositionReview) -> None:
        """Take the one exit; those who ask while it runs follow it, or are served by a whole one.

        What a run leaves unfinished the next one goes on with: its plan is on record.
        """
        if not workflow.patched(PLANNED):
            await self._leave_as_before(review)
            return
        asked = self._asked(review)
        step = await self._begin_exit(asked)
        if not step.is_served:
            self._requests.put_back(asked)
        leaving = Leaving(self._position_id, self._control, self._show_exit)
        step = await leaving.carry_out(step)
        if not step.is_finished:
            return
        served = {r.signal_id for r in asked if step.is_served}
        if step.is_whole:
            served.update(r.signal_id for r in self._requests.take())
        await self._end_exit(step)
        wanted = dict.fromkeys([*step.signal_ids, *sorted(s for s in served if s is not None)])
        await answer(tuple(wanted), step.order_hashes)

    def _asked(self, review: PositionReview) -> tuple[ExitRequest, ...]:
        """Return who is to be served by a new exit; nobody when one runs already."""
        if review.state is PositionState.EXITING:
            return ()
        is_held = bool(self._held_by)
        asked = self._requests.take(is_held=is_held)
        if review.exit_reason is not None and not is_held:
            asked = (*asked, ExitRequest(review.exit_reason, ONE, who="levels"))
        return asked

    async def _leave_as_before(self, review: PositionReview) -> None:
        """Exit as runs did that began before exits were planned."""
        asked = self._requests.take()
        is_whole = review.exit_reason is not None or not asked
        reason = review.exit_reason or (asked[0].reason if asked else ExitReason.OPERATOR)
        share = ONE if is_whole else max(request.share for request in asked)
        step = await self._begin_exit((ExitRequest(reason, share),))
        leaving = Leaving(self._position_id, self._control, self._show_exit)
        if step.left and workflow.patched(LEFT_ORDERS):
            await leaving.finish(step.left)
            step = await leaving.next_step(step)
        step = await leaving.sell(step, pages=False)
        await settle(step.order_hashes)
        if not step.is_finished:
            waiting = (r for r in asked if r.signal_id is not None)
            self._requests.put_back([ExitRequest(reason, share, who=CLEAN_UP), *waiting])
            return
        if share == ONE:
            asked = asked + self._requests.take()
        await self._end_exit(step)
        signal_ids = tuple(r.signal_id for r in asked if r.signal_id is not None)
        await answer(signal_ids, step.order_hashes)

    async def _begin_exit(self, asked: tuple[ExitRequest, ...]) -> ExitStep:
        reason = asked[0].reason if asked else ExitReason.OPERATOR
        step = await workflow.execute_local_activity_method(
            PositionActivities.begin_exit,
            args=[self._position_id, reason, Decimal(1), asked],
            summary=f"exit begins: {reason}",
            **options.RECORD,
        )
        self._show_exit(step)
        self._loosen()
        return step

    async def _end_exit(self, step: ExitStep) -> None:
        await workflow.execute_local_activity_method(
            PositionActivities.end_exit,
            args=[self._position_id, step.exit_epoch],
            summary="exit ends",
            **options.RECORD,
        )
        self._exit = None
        self._loosen()

    def _loosen(self) -> None:
        """Hold the exit that runs; a person's own goes on, and so does what stands in its way."""
        is_persons = self._exit is not None and self._exit.reason is ExitReason.OPERATOR
        by_person = is_persons or self._requests.has_a_persons
        self._control.is_held = bool(self._held_by) and not by_person

    async def _redeem(self) -> None:
        """Redeem the resolved position, or see it redeemed, and book it."""
        if workflow.patched(REDEEMS):
            await workflow.execute_activity_method(
                RedemptionActivities.redeem_position,
                self._position_id,
                summary="market resolved: redeem the shares",
                **options.AWAIT,
            )
            return
        await workflow.execute_activity_method(
            PositionActivities.await_redemption,
            self._position_id,
            summary="market resolved: wait for the payout",
            **options.AWAIT,
        )

    async def _is_left_alone(self) -> bool:
        """Answer those who asked while the position ended; False when it may go on after all."""
        while True:
            asked = self._requests.take()
            signal_ids = tuple(r.signal_id for r in asked if r.signal_id is not None)
            await answer(signal_ids, ())
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not self._requests.may_begin():
                return not self._has_late_fills

    async def _obey(
        self, kind: PositionCommand, command: Command, words: str, lowest: Price | None = None
    ) -> None:
        note = PositionNote(self._update_key(), kind, command, self._position_id, words, lowest)
        await workflow.execute_activity_method(
            PositionActivities.obey,
            note,
            summary=f"{kind} by {command.who}",
            **options.NOTE,
        )

    def _update_key(self) -> str:
        update = workflow.current_update_info()
        assert update is not None, "expected to be in an update"
        return f"{workflow.info().workflow_id}/{update.id}"

    def _note_refused_cancel(self) -> None:
        key = f"{workflow.info().workflow_id}/{workflow.info().run_id}/cancel"
        workflow.start_activity_method(
            CommandActivities.note_refused_cancel,
            args=[key, self._position_id],
            summary="a position is never without an owner",
            **options.NOTE,
        )

    def _show_exit(self, step: ExitStep) -> None:
        self._exit = step
        self._show()

    def _show(self) -> None:
        assert self._last is not None, "a position is reviewed before anything else"
        lines = [self._last.summary]
        if self._exit is not None:
            lines.append(f"exit {self._exit.exit_epoch} {self._exit.reason}: {self._exit.summary}")
        workflow.set_current_details("\n\n".join(lines))


def start_of(position_id: PositionId) -> PositionStart:
    """Return what a position's first run starts with."""
    return PositionStart(position_id)
