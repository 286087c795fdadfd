"""Bring position, ledger, limits and breakers in line with an order's fills, in one transaction."""

from datetime import datetime

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import OVER, positions
from storage.database import Database
from storage.events import insert_event
from storage.intents import need_intent
from storage.limits import lock_wallet, shift_limits
from storage.orders import load_trades, lock_order
from storage.port import Event, PositionRecord
from storage.positions import lock_position
from storage.reserve import stake_of
from storage.restate import restate
from storage.rows import read_position
from storage.statements import Statement, run, run_one
from trading.orders import Intent
from trading.types import OrderHash, PositionState

_TRIPLE = ("user_address", "source_whale", "token_id")
_ASSIGN = Statement(
    """
    UPDATE fills SET position_id = :position_id
    WHERE order_id = :order_hash AND position_id IS NULL
    """
)
_GIVE_BACK = Statement(
    """
    UPDATE reservations SET released_at = :now
    WHERE intent_id = :intent_id AND released_at IS NULL RETURNING reserved
    """
)
_WITHDRAW = Statement(
    "UPDATE offers SET released_at = :now WHERE intent_id = :intent_id AND released_at IS NULL"
)
_FREE = Statement(
    "UPDATE orders SET released_at = :now WHERE order_id = :order_hash AND released_at IS NULL"
)
_MARK = Statement("UPDATE orders SET applied_version = :version WHERE order_id = :order_hash")


async def apply_order(db: Database, order_hash: OrderHash, now: datetime) -> PositionRecord:
    """Bring position, ledger and event in line with the order's fills, in one transaction.

    Recomputed from all fills of the position, so that it is idempotent and follows reversals.
    When the order is done, its reservation is released in the same transaction and its
    confirmed cost becomes exposure. A fill that comes after its position was closed opens it
    again, or joins the one that is open by now; the position that holds the fills is returned.
    """
    async with db.transaction() as connection:
        intent = await need_intent(connection, order_hash)
        await lock_wallet(connection, intent.order.unsigned.maker)
        position = await lock_position(connection, intent.position_id)
        order = await lock_order(connection, order_hash)
        home = await _assign_fills(connection, position, order_hash)
        if (await load_trades(connection, order)).is_done:
            await _release(connection, intent, now)
        await _mark_applied(connection, order)
        before, after = read_position(position), await restate(db, connection, position, now)
        if home is not None:
            before, after = read_position(home), await restate(db, connection, home, now)
        await _tell(connection, order_hash, before, after, now)
        return after


async def _assign_fills(
    connection: AsyncConnection, position: RowMapping, order_hash: OrderHash
) -> RowMapping | None:
    """Give new fills a position; return it when it is another one than the order's."""
    home = None
    if PositionState(position["status"]).is_over:
        home = await _successor(connection, position)
    position_id = (home or position)["position_id"]
    await run(connection, _ASSIGN, order_hash=order_hash, position_id=position_id)
    return home


async def _successor(connection: AsyncConnection, position: RowMapping) -> RowMapping | None:
    same = (positions.c[name] == position[name] for name in _TRIPLE)
    statement = select(positions).where(*same, OVER).with_for_update(key_share=True)
    return (await connection.execute(statement)).mappings().one_or_none()


async def _release(connection: AsyncConnection, intent: Intent, now: datetime) -> None:
    """Give back what a done order had reserved or offered, once."""
    given_back = await run_one(connection, _GIVE_BACK, intent_id=intent.intent_id, now=now)
    if given_back is not None:
        await shift_limits(connection, stake_of(intent), -given_back["reserved"])
    await run(connection, _WITHDRAW, intent_id=intent.intent_id, now=now)
    await run(connection, _FREE, order_hash=intent.order.order_hash, now=now)


async def _mark_applied(connection: AsyncConnection, order: RowMapping) -> None:
    await run(connection, _MARK, order_hash=order["order_id"], version=order["version"])


async def _tell(
    connection: AsyncConnection,
    order_hash: OrderHash,
    before: PositionRecord,
    after: PositionRecord,
    now: datetime,
) -> None:
    if after == before:
        return
    moved = after.state is not before.state
    event = Event(
        type=f"position_{after.state.lower()}" if moved else "position_changed",
        severity="INFO",
        title=f"{after.size} shares held, {after.settled_size} of them settled",
        at=now,
        ids={
            "position_id": after.position_id,
            "order_hash": order_hash,
            "whale": after.whale,
            "token_id": after.token_id,
        },
        metadata={"realised_pnl": str(after.realised_pnl), "exposure": str(after.exposure)},
    )
    await insert_event(connection, event)
