"""Write a position's row again from its fills, and everything that hangs on its figures."""

from datetime import datetime

from sqlalchemy import RowMapping, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import positions
from storage.breakers import count_closing
from storage.database import Database, ring
from storage.figures import Figures, compute_figures, load_booked
from storage.limits import Stake, shift_limits
from storage.port import PositionRecord
from storage.rows import read_position
from storage.statements import Statement, insert_row, run, run_one
from storage.trail import Booked, tell_changes
from trading.breakers import Result
from trading.rules import ExitRules
from trading.types import ZERO, PositionId, PositionState, Usd

CHANNEL = "positions"
DUST = ExitRules().dust
_BOOK = Statement(
    """
    INSERT INTO ledger (wallet, kind, ref, order_id, position_id, cash, timestamp)
    SELECT o.user_address, entry.kind, f.trade_id || '/' || f.order_id, f.order_id, f.position_id,
           entry.cash, f.settled_at
    FROM fills AS f
    JOIN orders AS o ON o.order_id = f.order_id
    CROSS JOIN LATERAL (VALUES
        ('FILL', CASE f.side WHEN 'BUY' THEN -f.cost ELSE f.cost END),
        ('FEE', -f.fee)
    ) AS entry (kind, cash)
    WHERE f.position_id = :position_id AND f.settlement = 'CONFIRMED'
    AND (entry.kind = 'FILL' OR entry.cash <> 0)
    ON CONFLICT (wallet, kind, ref) DO NOTHING
    """
)
_SELL_OFFERS = Statement(
    """
    UPDATE offers SET sold = sums.sold
    FROM (
        SELECT o.intent_id, coalesce(sum(f.size), 0) AS sold
        FROM orders AS o LEFT JOIN fills AS f
            ON f.order_id = o.order_id AND f.settlement = 'CONFIRMED'
            AND f.position_id = o.position_id
        WHERE o.position_id = :position_id AND o.side = 'SELL'
        GROUP BY o.intent_id
    ) AS sums
    WHERE offers.intent_id = sums.intent_id AND offers.sold <> sums.sold
    """
)

_RESTATE = Statement(
    """
    UPDATE positions SET status = :status, size = :size, settled_size = :settled_size,
        settled_cost = :settled_cost,
        avg_entry_price = :avg_entry_price, exposure = :exposure, fees = :fees,
        realised_pnl = :realised_pnl, closed_at = :closed_at
    WHERE position_id = :position_id RETURNING *
    """
)
_OPEN_ORDERS = Statement(
    """
    SELECT count(*) AS n FROM orders
    WHERE position_id = :position_id AND (released_at IS NULL OR NOT is_done)
    """
)
_FORGET_DAYS = Statement("DELETE FROM daily_pnl WHERE position_id = :position_id")


async def restate(
    db: Database,
    connection: AsyncConnection,
    position: RowMapping,
    now: datetime,
    state: PositionState | None = None,
) -> PositionRecord:
    """Compute a locked position again from all its fills; `state` None lets the figures say it.

    The wallet's limit row must be held. Every confirmed fill goes into the ledger, once. Exposure
    moves the limits by its difference; a position that is over holds none, whatever dust is left.
    A repeat changes nothing and rings nobody.
    """
    before = read_position(position)
    await run(connection, _BOOK, position_id=before.position_id)
    booked = await load_booked(connection, before.position_id)
    figures = compute_figures(booked)
    if state is None:
        is_waiting = await has_open_orders(connection, before.position_id)
        state = next_state(before.state, figures, is_waiting=is_waiting)
    exposure = Usd(ZERO) if state.is_over else figures.exposure
    closed_at = (before.closed_at or now) if state.is_over else None
    row = await run_one(
        connection,
        _RESTATE,
        position_id=before.position_id,
        status=state,
        size=figures.size,
        settled_size=figures.settled_size,
        settled_cost=figures.settled_cost,
        avg_entry_price=figures.avg_entry_price,
        exposure=exposure,
        fees=figures.fees,
        realised_pnl=figures.realised_pnl,
        closed_at=closed_at,
    )
    assert row is not None, "the position's row is locked"
    after = read_position(row)
    if after == before:
        return after
    await tell_changes(connection, Booked(position, figures), booked, now)
    await run(connection, _SELL_OFFERS, position_id=before.position_id)
    await shift_limits(connection, stake_of_position(before), exposure - before.exposure)
    await _save_days(connection, before, figures)
    await _follow_state(db, connection, position, after, now)
    await ring(connection, CHANNEL, before.position_id)
    return after


def next_state(state: PositionState, figures: Figures, *, is_waiting: bool) -> PositionState:
    """Return the state that follows from what is held; `is_waiting`: some order is not done.

    Leaving EXITING and RESOLVED is decided by those who began it.
    """
    holds = figures.size > DUST
    match state:
        case PositionState.OPENING | PositionState.OPEN:
            if holds or (is_waiting and figures.was_bought):
                return PositionState.OPEN
            return PositionState.OPENING if is_waiting else PositionState.CLOSED
        case PositionState.CLOSED:
            return PositionState.OPEN if holds else state
        case PositionState.REDEEMED:
            return PositionState.RESOLVED if holds else state
        case PositionState.EXITING | PositionState.RESOLVED | PositionState.REDEEMABLE:
            return state


async def has_open_orders(connection: AsyncConnection, position_id: PositionId) -> bool:
    """Tell whether an order of the position may still fill, settle or wait to be booked."""
    row = await run_one(connection, _OPEN_ORDERS, position_id=position_id)
    assert row is not None, "a count is always one row"
    return bool(row["n"])


def stake_of_position(position: PositionRecord) -> Stake:
    """Return where a position's exposure counts."""
    return Stake(position.wallet, position.whale, position.condition_id, position.position_id)


async def _save_days(
    connection: AsyncConnection, position: PositionRecord, figures: Figures
) -> None:
    await run(connection, _FORGET_DAYS, position_id=position.position_id)
    for day, pnl in figures.pnl_by_day.items():
        if pnl != 0:
            same = {"position_id": position.position_id, "wallet": position.wallet}
            await insert_row(connection, "daily_pnl", **same, day=day, pnl=pnl)


async def _follow_state(
    db: Database,
    connection: AsyncConnection,
    position: RowMapping,
    after: PositionRecord,
    now: datetime,
) -> None:
    """Count a closed position's result once; the database counts the whale's active positions."""
    if after.state == position["status"]:
        return
    if after.state.is_over and not position["is_counted"] and after.realised_pnl != 0:
        counted = update(positions).where(positions.c.position_id == after.position_id)
        await connection.execute(counted.values(is_counted=True))
        result = Result(after.realised_pnl, now, after.condition_id, after.whale)
        await count_closing(connection, db.rules, after.wallet, result)
