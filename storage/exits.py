"""Ways out of a position: one exit at a time, never more offered than held, payouts booked once."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import RowMapping, case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import fills, intents, ledger, offers, orders, positions, redemptions
from storage.database import Database, ring
from storage.exit_plans import end_plan
from storage.figures import redemption_cash
from storage.intents import find_intent, insert_intent
from storage.limits import lock_wallet
from storage.port import ExitOrder, PositionRecord
from storage.positions import CHANNEL, lock_position
from storage.restate import DUST, has_open_orders, restate
from storage.rows import read_position
from trading.orders import Intent
from trading.types import (
    ZERO,
    ExitReason,
    OrderState,
    PositionId,
    PositionState,
    Price,
    Reason,
    Refusal,
    Settlement,
    Shares,
    Side,
    Wallet,
)

_ENDED = tuple(state for state in OrderState if state.is_terminal)


async def commit_exit(db: Database, exit_order: ExitOrder, now: datetime) -> Intent | Refusal:
    """Commit an exit's intent; refuse when it would offer more than is held and not offered.

    Held counts confirmed shares. The position's row is locked, and the offer is kept with what
    was held under a CHECK. Idempotent by intent id and by (position, exit epoch, attempt).
    """
    intent = exit_order.intent
    assert intent.side is Side.SELL, f"expected an exit, received {intent.side}"
    async with db.transaction() as connection:
        position = await lock_position(connection, intent.position_id)
        stored = await _find_exit(connection, intent)
        if stored is not None:
            return stored
        offered = await _offered(connection, intent.position_id)
        refusal = _refuse_exit(intent, position, offered)
        if refusal is not None:
            return refusal
        await insert_intent(connection, intent, exit_order.reason, now)
        row = insert(offers).values(
            intent_id=intent.intent_id,
            position_id=intent.position_id,
            offered=intent.order.size,
            offered_after=offered + intent.order.size,
            settled_then=position["settled_size"],
            offered_at=now,
        )
        await connection.execute(row)
    return intent


async def begin_exit(
    db: Database, position_id: PositionId, reason: ExitReason, now: datetime
) -> int:
    """Move OPEN to EXITING with a new exit epoch, or return the epoch already running.

    Returns 0 when nothing can be sold: the position is opening, resolved or over.
    """
    del now  # an exit's times are those of its intents
    async with db.transaction() as connection:
        position = await lock_position(connection, position_id)
        state = PositionState(position["status"])
        if state is PositionState.EXITING:
            return int(position["exit_epoch"])
        if state is not PositionState.OPEN:
            return 0
        row = update(positions).where(positions.c.position_id == position_id)
        row = row.values(
            status=PositionState.EXITING,
            exit_epoch=positions.c.exit_epoch + 1,
            exit_reason=reason,
        )
        await connection.execute(row)
        await ring(connection, CHANNEL, position_id)
        return int(position["exit_epoch"]) + 1


async def end_exit(
    db: Database, position_id: PositionId, now: datetime, epoch: int | None = None
) -> PositionRecord:
    """Leave EXITING: CLOSED when only dust is held and nothing is pending, else OPEN.

    With an `epoch` only that exit ends: a worker that stood still may tell of an earlier one, or
    of one that never began (0).
    """
    async with db.transaction() as connection:
        position = await _lock_with_limits(connection, position_id)
        await end_plan(connection, position_id, now)
        is_another = epoch is not None and epoch != position["exit_epoch"]
        if position["status"] != PositionState.EXITING or is_another:
            return read_position(position)
        is_waiting = await has_open_orders(connection, position_id)
        is_dust = position["size"] <= DUST and position["settled_size"] <= DUST
        ended = PositionState.CLOSED if is_dust and not is_waiting else PositionState.OPEN
        return await restate(db, connection, position, now, ended)


async def settle_resolution(
    db: Database, position_id: PositionId, payout: Price, *, redeemed: bool, now: datetime
) -> PositionRecord:
    """Book a resolved position's payout; cash moves when redeemed, once.

    Exposure and limits stay until then: capital is free when it is redeemed. While an order of
    the position is not settled, it stays RESOLVED, and a repeat books what came in since. The
    dust of a CLOSED position is redeemed too; it stays CLOSED.
    """
    async with db.transaction() as connection:
        position = await _lock_with_limits(connection, position_id)
        before = read_position(position)
        if before.state is PositionState.REDEEMED and before.settled_size == ZERO:
            return before
        if redeemed:
            await _redeem(connection, before, payout, now)
        if before.state is PositionState.CLOSED:
            return await restate(db, connection, position, now, before.state)
        await _mark_at_payout(connection, position_id, payout, now)
        is_waiting = await has_open_orders(connection, position_id)
        is_over = redeemed and not is_waiting
        state = PositionState.REDEEMED if is_over else PositionState.RESOLVED
        position = await lock_position(connection, position_id)
        return await restate(db, connection, position, now, state)


def _refuse_exit(intent: Intent, position: RowMapping, offered: Decimal) -> Refusal | None:
    wanted, settled = intent.order.size, position["settled_size"]
    is_current = position["exit_epoch"] == intent.exit_epoch
    if position["status"] == PositionState.EXITING and is_current and offered + wanted <= settled:
        return None
    numbers = {
        "state": str(position["status"]),
        "exit_epoch": str(position["exit_epoch"]),
        "settled": str(settled),
        "offered": str(offered),
        "asked": str(wanted),
    }
    return Refusal(Reason.NO_POSITION_TO_REDUCE, numbers)


async def _find_exit(connection: AsyncConnection, intent: Intent) -> Intent | None:
    same_attempt = (
        (intents.c.position_id == intent.position_id)
        & (intents.c.exit_epoch == intent.exit_epoch)
        & (intents.c.attempt == intent.attempt)
        & (intents.c.side == Side.SELL)
    )
    return await find_intent(connection, (intents.c.intent_id == intent.intent_id) | same_attempt)


async def _offered(connection: AsyncConnection, position_id: PositionId) -> Decimal:
    """Return shares that exits have sold and the position still holds, or may still sell.

    An order that ended at the venue sells no more: of it only matches count, but for those that
    failed. What is confirmed counts until the position is restated, which raises `offers.sold`
    and lowers the settled size at once: till then the shares are in both.
    """
    ended = orders.c.status.in_(_ENDED)
    failed = (
        select(func.coalesce(func.sum(fills.c.size), 0))
        .where(fills.c.order_id == orders.c.order_id, fills.c.settlement == Settlement.FAILED)
        .scalar_subquery()
    )
    sellable = case((ended, orders.c.size_matched - failed), else_=offers.c.offered)
    leaves = func.greatest(sellable - offers.c.sold, 0)
    statement = (
        select(func.coalesce(func.sum(leaves), 0))
        .join(orders, orders.c.intent_id == offers.c.intent_id)
        .where(offers.c.position_id == position_id, offers.c.released_at.is_(None))
    )
    return Decimal((await connection.execute(statement)).scalar_one())


async def _lock_with_limits(connection: AsyncConnection, position_id: PositionId) -> RowMapping:
    """Lock the wallet's limits before the position, as everything does that changes exposure."""
    owner = select(positions.c.user_address).where(positions.c.position_id == position_id)
    wallet = (await connection.execute(owner)).scalar_one_or_none()
    if wallet is not None:
        await lock_wallet(connection, Wallet(wallet))
    return await lock_position(connection, position_id)


async def _redeem(
    connection: AsyncConnection, position: PositionRecord, payout: Price, now: datetime
) -> None:
    """Book the redemption of all confirmed shares that are not redeemed yet."""
    if position.settled_size == ZERO:
        return
    count = select(func.count()).where(redemptions.c.position_id == position.position_id)
    n = int((await connection.execute(count)).scalar_one()) + 1
    size = Shares(position.settled_size)
    row = insert(redemptions).values(
        position_id=position.position_id, n=n, size=size, payout=payout, timestamp=now
    )
    await connection.execute(row)
    booked = insert(ledger).values(
        wallet=position.wallet,
        kind="REDEMPTION",
        ref=f"{position.position_id}/{n}",
        position_id=position.position_id,
        cash=redemption_cash(size, payout),
        timestamp=now,
    )
    await connection.execute(booked)


async def _mark_at_payout(
    connection: AsyncConnection, position_id: PositionId, payout: Price, now: datetime
) -> None:
    row = update(positions).where(positions.c.position_id == position_id)
    resolved = row.values(payout=payout, current_price=payout, last_pnl_update=now)
    await connection.execute(resolved)
