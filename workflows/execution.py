"""Trade until enough is filled: the steps that entries and exits share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.orders import OrderActivities
    from activities.pricing import PricingActivities
    from activities.records import Attempt, FillReport, Ticket
    from activities.risk import RiskActivities
    from trading.types import OrderHash, Reason, Shares, SignalState
    from workflows import options
    from workflows.control import Control

SETTLE_TOGETHER = "orders of one trade settle in one step"
BOOK_AT_ONCE = "fills are booked by the step that waits for them"
ATTEMPTS_MAX = 3
"""One order and two remainders."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of a trade: its orders, and why it stopped when it was refused."""

    order_hashes: tuple[OrderHash, ...]
    filled: Shares
    reason: Reason | None = None
    ended_as: SignalState | None = None


async def execute(
    first: Attempt,
    give_up_at: datetime | None,
    on_fills: Callable[[FillReport], Awaitable[None]],
    control: Control | None = None,
) -> Execution:
    """Trade `first` and at most two proven-dead remainders, each at a fresh price.

    `control` is asked before every attempt and before every order that leaves; what is held past
    its deadline is never sent.
    """
    control = control or Control()
    attempt, filled = first, Shares(Decimal(0))
    hashes: tuple[OrderHash, ...] = ()
    while True:
        if not await control.until_free(give_up_at):
            return Execution(hashes, filled, Reason.SIGNAL_TOO_OLD, SignalState.EXPIRED)
        if hashes and control.is_stopped:
            return Execution(hashes, filled)
        ticket = await _risk_checked(attempt)
        if ticket.order_hash is None:
            return Execution(hashes, filled, ticket.reason, ticket.ended_as)
        hashes = (*hashes, ticket.order_hash)
        fills = await _traded(ticket.order_hash, give_up_at, control)
        filled = Shares(filled + fills.matched)
        if fills.matched > 0:
            await on_fills(fills)
        control.heed()
        if not _is_worth_another(attempt, fills, give_up_at):
            return Execution(hashes, filled)
        attempt = attempt.next(fills.leaves)


async def settle(order_hashes: tuple[OrderHash, ...]) -> None:
    """Wait until the chain has spoken on every trade of every order, and book it."""
    if is_booked_at_once() or (len(order_hashes) > 1 and workflow.patched(SETTLE_TOGETHER)):
        await workflow.execute_activity_method(
            OrderActivities.settle_orders,
            list(order_hashes),
            summary=f"wait for the chain: {len(order_hashes)} orders",
            **options.AWAIT,
        )
        return
    for order_hash in order_hashes:
        await workflow.execute_activity_method(
            OrderActivities.await_settlement,
            order_hash,
            summary=f"wait for the chain: {order_hash[:10]}…",
            **options.AWAIT,
        )
        await workflow.execute_local_activity_method(
            OrderActivities.record_fills, order_hash, summary="book what settled", **options.RECORD
        )


async def follow(order_hash: OrderHash, cancel_by: datetime | None) -> FillReport:
    """Wait until the venue is through with the order and book its fills, provisionally."""
    fills = await workflow.execute_activity_method(
        OrderActivities.await_fill,
        args=[order_hash, cancel_by],
        summary=f"wait for fills of {order_hash[:10]}… and book them",
        **options.AWAIT,
    )
    if is_booked_at_once():
        return fills
    return await workflow.execute_local_activity_method(
        OrderActivities.record_fills, order_hash, summary="book the fills", **options.RECORD
    )


def is_booked_at_once() -> bool:
    """Tell whether this workflow's waiting steps book: one mark, for a short history."""
    return workflow.patched(BOOK_AT_ONCE)


async def _risk_checked(attempt: Attempt) -> Ticket:
    """Estimate the slippage and, within it, reserve the worst case and commit the intent."""
    estimate = await workflow.execute_local_activity_method(
        PricingActivities.estimate_slippage, attempt, summary="walk the book", **options.DECIDE
    )
    if estimate.reason is not None:
        return Ticket(
            None, attempt.size, estimate.limit_price, estimate.reason, SignalState.FILTERED
        )
    return await workflow.execute_local_activity_method(
        RiskActivities.check_risk,
        args=[attempt, estimate],
        summary="check every limit, reserve, commit",
        **options.DECIDE,
    )


async def _traded(
    order_hash: OrderHash, give_up_at: datetime | None, control: Control
) -> FillReport:
    """Send the committed order and follow it to its fills."""
    if await control.until_free(workflow.now() + options.HELD_ORDER_MAX):
        await _placed(order_hash)
        control.heed()
    return await follow(order_hash, give_up_at)


async def _placed(order_hash: OrderHash) -> None:
    try:
        await workflow.execute_activity_method(
            OrderActivities.place_order,
            order_hash,
            summary=f"send order {order_hash[:10]}…",
            **options.PLACE,
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        workflow.logger.warning("placing ended without an answer", extra={"order": order_hash})


def _is_worth_another(attempt: Attempt, fills: FillReport, give_up_at: datetime | None) -> bool:
    in_time = give_up_at is None or workflow.now() < give_up_at
    return fills.may_retry and attempt.number < ATTEMPTS_MAX and in_time
