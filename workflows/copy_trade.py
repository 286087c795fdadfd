"""One whale signal from assessment to its one terminal state."""

import asyncio
import contextlib

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import (
    ApplicationError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    from activities.commands import CommandActivities
    from activities.orders import OrderActivities
    from activities.records import (
        Assessment,
        Attempt,
        Command,
        FillReport,
        Note,
        PositionStart,
        TradeEnd,
    )
    from activities.signals import SignalActivities
    from trading.types import (
        ExitReason,
        ExitRequest,
        OrderHash,
        PositionId,
        Reason,
        Side,
        SignalId,
        SignalState,
    )
    from workflows import names, options
    from workflows.control import Control, Stage
    from workflows.execution import execute, follow, is_booked_at_once, settle
    from workflows.position import PositionWorkflow

TELL_OWNER = "the owner that was started is told"
OWNER_TRIES = 10
OWNER_WAIT = timedelta(seconds=1)


@workflow.defn
class CopyTradeWorkflow:
    """Copies one whale order: risk check, slippage estimate, order placement, fill wait."""

    @workflow.init
    def __init__(self, signal_id: SignalId) -> None:
        self._signal_id = signal_id
        self._control = Control()
        self._started: set[PositionId] = set()

    @workflow.run
    async def run(self, signal_id: SignalId) -> TradeEnd:
        """Trade the signal; however it goes, it ends once and leaves no reservation.

        A cancellation stops the trading only: the clean-up that follows is shielded, so that a
        second one, or one that comes while it is at work, does not leave it half done.
        """
        trading = asyncio.ensure_future(self._live(signal_id))
        while True:
            try:
                return await asyncio.shield(trading)
            except asyncio.CancelledError:
                if trading.done():
                    raise
                self._control.cancel()

    @workflow.update
    async def cancel(self, command: Command) -> None:
        """Cancel the trade as cancelling its workflow does; accepted, it is not yet done."""
        self._control.cancel()
        await self._note(names.CANCEL, command)

    @workflow.update
    async def stop_retrying(self, command: Command) -> None:
        """Make no further attempt after the one that is under way."""
        self._control.is_stopped = True
        await self._note(names.STOP_RETRYING, command)

    @workflow.update
    async def hold(self, command: Command) -> None:
        """Let no new order leave until `release`; deadlines go on meanwhile."""
        self._control.is_held = True
        await self._note(names.HOLD, command)

    @workflow.update
    async def release(self, command: Command) -> None:
        """Let orders leave again, those that are not too late by now."""
        self._control.is_held = False
        await self._note(names.RELEASE, command)

    @cancel.validator
    @stop_retrying.validator
    @hold.validator
    def _check(self, command: Command) -> None:
        self._control.check(command)

    @release.validator
    def _check_release(self, command: Command) -> None:
        self._control.check_release(command)

    async def _note(self, kind: str, command: Command) -> None:
        update = workflow.current_update_info()
        assert update is not None, "expected to be in an update"
        key = f"{workflow.info().workflow_id}/{update.id}"
        await workflow.execute_activity_method(
            CommandActivities.note_command,
            Note(key, kind, command, self._signal_id),
            summary=f"{kind} by {command.who}",
            **options.NOTE,
        )

    async def _live(self, signal_id: SignalId) -> TradeEnd:
        try:
            self._control.begin()
            end = await self._trade(signal_id)
        except BaseException as error:
            if not is_cancelled_exception(error):
                raise
            self._control.stage = Stage.CANCELLING
            end = await self._clean_up(signal_id)
        self._control.end()
        self._show(end.summary, end.state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return end

    async def _trade(self, signal_id: SignalId) -> TradeEnd:
        assessment = await workflow.execute_local_activity_method(
            SignalActivities.assess_signal, signal_id, summary="worth copying?", **options.DECIDE
        )
        self._show(assessment.summary, SignalState.RUNNING)
        if assessment.reason is not None:
            return await self._refuse(signal_id, assessment.ended_as, assessment.reason)
        if assessment.side is Side.SELL:
            return await self._mirror_exit(assessment)
        return await self._enter(assessment)

    async def _enter(self, assessment: Assessment) -> TradeEnd:
        assert assessment.size is not None, "a copied entry has a size"
        first = Attempt(
            number=1,
            side=Side.BUY,
            size=assessment.size,
            limit_price=assessment.limit_price,
            signal_id=assessment.signal_id,
        )
        execution = await execute(first, assessment.give_up_at, self._own_position, self._control)
        if not execution.order_hashes:
            assert execution.reason is not None, "an execution without orders was refused"
            ended_as = execution.ended_as or SignalState.RISK_REJECTED
            return await self._refuse(assessment.signal_id, ended_as, execution.reason)
        self._control.stage = Stage.SETTLING
        await settle(execution.order_hashes)
        return await self._conclude(assessment.signal_id, list(execution.order_hashes))

    async def _mirror_exit(self, assessment: Assessment) -> TradeEnd:
        """Ask the position's owner to sell our share; the owner ends the signal."""
        assert assessment.position_id is not None, "a mirrored exit has a position"
        assert assessment.exit_share is not None, "a mirrored exit has a share"
        request = ExitRequest(
            ExitReason.WHALE_EXIT, assessment.exit_share, assessment.signal_id, who="whale"
        )
        owner = workflow.get_external_workflow_handle(
            names.position_workflow_id(assessment.position_id)
        )
        for _ in range(OWNER_TRIES):
            if not await self._control.until_free(assessment.give_up_at):
                return await self._refuse(
                    assessment.signal_id, SignalState.EXPIRED, Reason.SIGNAL_TOO_OLD
                )
            try:
                await owner.signal(names.REQUEST_EXIT, request)
            except ApplicationError:
                await workflow.sleep(OWNER_WAIT)  # the position is not owned yet
            else:
                self._control.heed()
                self._control.stage = Stage.HANDED_OVER
                return await workflow.execute_activity_method(
                    SignalActivities.await_end,
                    assessment.signal_id,
                    summary="wait for the position's exit",
                    **options.AWAIT,
                )
        return await self._refuse(
            assessment.signal_id, SignalState.FILTERED, Reason.NO_POSITION_TO_REDUCE
        )

    async def _own_position(self, fills: FillReport) -> None:
        """Start the position's owner, or tell the one that runs of its new fills.

        One that has looked at the position is told without asking whether it runs: a shorter way.
        """
        position_id = fills.position_id
        workflow_id = names.position_workflow_id(position_id)
        owner = workflow.get_external_workflow_handle(workflow_id)
        is_ours = position_id in self._started
        if fills.has_owner or (is_ours and (is_booked_at_once() or workflow.patched(TELL_OWNER))):
            with contextlib.suppress(ApplicationError):
                return await owner.signal(names.FILLS_CHANGED)
        for _ in range(OWNER_TRIES):
            try:
                await workflow.start_child_workflow(
                    PositionWorkflow.run,
                    PositionStart(position_id),
                    id=workflow_id,
                    parent_close_policy=ParentClosePolicy.ABANDON,
                    task_timeout=options.TASK_TIMEOUT,
                    static_summary=f"position {position_id}",
                )
            except WorkflowAlreadyStartedError:
                with contextlib.suppress(ApplicationError):
                    return await owner.signal(names.FILLS_CHANGED)
                await workflow.sleep(OWNER_WAIT)  # it ended meanwhile, so it can be started again
            else:
                self._started.add(position_id)
                return None
        raise ApplicationError(f"expected position {position_id} to be owned, but nobody is")

    async def _conclude(self, signal_id: SignalId, order_hashes: list[OrderHash]) -> TradeEnd:
        return await workflow.execute_local_activity_method(
            SignalActivities.conclude_signal,
            args=[signal_id, order_hashes],
            summary="write the end",
            **options.RECORD,
        )

    async def _refuse(self, signal_id: SignalId, state: SignalState, reason: Reason) -> TradeEnd:
        self._control.stage = Stage.ENDING
        return await workflow.execute_local_activity_method(
            SignalActivities.refuse_signal,
            args=[signal_id, state, reason],
            summary=f"no: {reason}",
            **options.RECORD,
        )

    async def _clean_up(self, signal_id: SignalId) -> TradeEnd:
        """Cancelled by a person: cancel at the venue, wait for proof, book what was filled."""
        hashes = await workflow.execute_activity_method(
            OrderActivities.stop_orders,
            signal_id,
            summary="cancel at the venue",
            **options.CANCEL,
        )
        for order_hash in hashes:
            fills = await follow(order_hash, workflow.now())
            if fills.matched > 0:
                await self._own_position(fills)
        await settle(tuple(hashes))
        return await workflow.execute_local_activity_method(
            SignalActivities.cancel_signal, args=[signal_id, hashes], **options.RECORD
        )

    def _show(self, summary: str, state: SignalState) -> None:
        workflow.set_current_details(summary)
        workflow.upsert_search_attributes([_trade_state(state)])


def _trade_state(state: SignalState) -> SearchAttributeUpdate[str]:
    return names.TRADE_STATE.value_set(state.value)
