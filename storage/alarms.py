"""What news of an order a person must look at: halted tokens and the review queue."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.breakers import Halt, HaltScope, lock_halts, set_halt
from storage.events import insert_event
from storage.reviews import Review, ReviewKind, event_of, open_review
from trading.orders import OrderProgress
from trading.types import ZERO, OrderState


async def raise_alarms(
    connection: AsyncConnection,
    order: RowMapping,
    before: OrderProgress,
    progress: OrderProgress,
    now: datetime,
) -> None:
    """Tell a person of what is new and needs one; a fault halts entries of the order's token."""
    faults = _faults(before, progress, now)
    if faults:
        await lock_halts(connection, order["token_id"])
    for fault in faults:
        if not await open_review(connection, fault):
            await insert_event(connection, event_of(fault))  # one more of an order under review
        await set_halt(connection, Halt(HaltScope.TOKEN, order["token_id"], fault.reason, now))
    was_sent = order["posts"] > 0
    for review in _changes(before, progress, now):
        if was_sent or review.kind is not ReviewKind.ORDER_GIVEN_UP:
            await open_review(connection, review)


def has_failed(progress: OrderProgress) -> bool:
    """Tell whether an order came to nothing by a fault: refused, lost, or reverted by the chain."""
    return progress.state in (OrderState.REJECTED, OrderState.VOID) or _got_nothing(progress)


def _faults(before: OrderProgress, progress: OrderProgress, now: datetime) -> Sequence[Review]:
    new = [fault for fault in progress.faults if fault not in before.faults]
    return [Review(ReviewKind.ORDER_FAULT, fault, now, progress.order_hash) for fault in new]


def _changes(before: OrderProgress, progress: OrderProgress, now: datetime) -> Sequence[Review]:
    found = []
    if progress.adopted and not before.adopted:
        reason = f"booked after it was given up: {progress.state}"
        found.append(Review(ReviewKind.ORDER_ADOPTED, reason, now, progress.order_hash))
    if progress.state is OrderState.VOID and before.state is not OrderState.VOID:
        reason = f"given up: {progress.text}"
        found.append(Review(ReviewKind.ORDER_GIVEN_UP, reason, now, progress.order_hash))
    if _got_nothing(progress) and not _got_nothing(before):
        reason = f"the chain refused all {progress.size_failed.normalize():f} shares"
        found.append(Review(ReviewKind.SETTLEMENT_FAILED, reason, now, progress.order_hash))
    return found


def _got_nothing(progress: OrderProgress) -> bool:
    """Tell whether all that was matched has been refused by the chain."""
    return progress.is_done and progress.size_failed > ZERO and progress.matched == ZERO
