"""Guards one wallet: shows its breakers, waits for their ends, takes people's words."""

import contextlib
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.guard import GuardActivities, GuardReview, KillOrder, OverrideOrder
    from trading.types import Wallet
    from workflows import names, options


@workflow.defn
class RiskGuardWorkflow:
    """One per wallet, for ever. It decides nothing: breakers hold in the records without it.

    It tells of every trip once, keeps a durable timer to the next end, and is where a person
    pulls the kill switch or lifts a breaker from Temporal's side.
    """

    @workflow.init
    def __init__(self, wallet: Wallet) -> None:
        del wallet  # the worker's records are that wallet's
        self._has_news = False

    @workflow.run
    async def run(self, wallet: Wallet) -> None:
        """Guard until continued as new."""
        while not _is_history_long():
            await self._rest(await self._review())
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(wallet)

    @workflow.signal(name=names.BREAKERS_CHANGED)
    def breakers_changed(self) -> None:
        """Tell that something tripped, was lifted or was pulled."""
        self._has_news = True

    @workflow.signal(name=names.HALT)
    async def halt(self, order: KillOrder) -> None:
        """Pull the kill switch, whatever else is going on here."""
        self._show(await self._pull(order))

    @workflow.update(name=names.PULL_SWITCH)
    async def pull_switch(self, order: KillOrder) -> GuardReview:
        """Pull the kill switch; return what stands then."""
        return self._show(await self._pull(order))

    @workflow.update(name=names.RELEASE_SWITCH)
    async def release_switch(self, order: KillOrder) -> GuardReview:
        """Let go of the kill switch here; return who holds it still."""
        return self._show(
            await workflow.execute_activity_method(
                GuardActivities.release_switch,
                order,
                summary=f"kill switch let go by {order.who}",
                **options.GUARD,
            )
        )

    @workflow.update(name=names.OVERRIDE_BREAKER)
    async def override_breaker(self, order: OverrideOrder) -> str:
        """Lift a breaker; return what has come of it."""
        done = await workflow.execute_activity_method(
            GuardActivities.override_breaker,
            order,
            summary=f"{order.breaker} overridden by {order.who}",
            **options.GUARD,
        )
        self._has_news = True
        return done

    @pull_switch.validator
    @release_switch.validator
    def _check_kill(self, order: KillOrder) -> None:
        if not order.who or not order.why:
            raise ValueError("expected who and why, received an empty one")

    @override_breaker.validator
    def _check_override(self, order: OverrideOrder) -> None:
        if not order.who or not order.why:
            raise ValueError("expected who and why, received an empty one")
        if order.until is not None and order.until <= workflow.now():
            raise ValueError(f"expected a time to come, received {order.until.isoformat()}")

    async def _pull(self, order: KillOrder) -> GuardReview:
        return await workflow.execute_activity_method(
            GuardActivities.pull_switch,
            order,
            summary=f"kill switch pulled by {order.who}",
            **options.GUARD,
        )

    async def _review(self) -> GuardReview:
        self._has_news = False
        review = await workflow.execute_activity_method(
            GuardActivities.review_breakers, summary="look at every breaker", **options.GUARD
        )
        return self._show(review)

    async def _rest(self, review: GuardReview) -> None:
        """Wait for news, the end of what stands, or the next regular look."""
        timeout = options.GUARD_LOOK_EVERY
        if review.next_at is not None:
            left = review.next_at - workflow.now()
            timeout = max(min(timeout, left), timedelta(seconds=1))
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._has_news,
                timeout=timeout,
                timeout_summary="until a breaker ends",
            )

    def _show(self, review: GuardReview) -> GuardReview:
        workflow.set_current_details("\n".join((review.summary, *review.holders)))
        return review


def _is_history_long() -> bool:
    return workflow.info().get_current_history_length() > options.GUARD_EVENTS_MAX
