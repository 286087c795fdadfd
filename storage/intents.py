"""Intents: committed before anything leaves us, with the exact order and its hash."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import intents
from storage.database import ring
from storage.lane import QuickDatabase
from storage.port import StorageError
from storage.rows import read_intent
from storage.statements import Statement, insert_row, run_one
from trading.orders import Intent
from trading.rules import OrderRules
from trading.types import (
    ExitReason,
    IntentId,
    OrderHash,
    OrderState,
    PositionId,
    SignalId,
)

RETRY_FOR = OrderRules().retry_until
"""How long after the commit the same bytes may be sent again."""

INTENT = Statement("SELECT * FROM intents WHERE intent_id = :intent_id")
_IS_OURS = Statement("SELECT order_id FROM orders WHERE order_id = :order_hash")
_OF_SIGNAL = Statement(
    """
    SELECT order_hash FROM intents WHERE signal_id = :signal_id AND side = 'BUY'
    ORDER BY created_at, attempt
    """
)
_OF_EXIT = Statement(
    """
    SELECT order_hash FROM intents
    WHERE position_id = :position_id AND exit_epoch = :epoch AND side = 'SELL'
    ORDER BY created_at, attempt
    """
)
_OF_ORDER = Statement("SELECT * FROM intents WHERE order_hash = :order_hash")


async def find_intent(connection: AsyncConnection, where: ColumnElement[bool]) -> Intent | None:
    """Return the one intent that fits."""
    row = (await connection.execute(select(intents).where(where))).mappings().one_or_none()
    return read_intent(row) if row is not None else None


async def insert_intent(
    connection: AsyncConnection, intent: Intent, reason: ExitReason | None, now: datetime
) -> None:
    """Commit an intent with its PREPARED order."""
    order, unsigned = intent.order, intent.order.unsigned
    retry_until = max(intent.expires_at, intent.created_at + RETRY_FOR)
    await insert_row(
        connection,
        "intents",
        intent_id=intent.intent_id,
        signal_id=intent.signal_id,
        position_id=intent.position_id,
        attempt=intent.attempt,
        exit_epoch=intent.exit_epoch,
        exit_reason=reason,
        condition_id=intent.condition_id,
        whale=intent.whale,
        order_type=intent.order_type,
        size=order.size,
        price=order.price,
        cost_max=order.cost_max,
        reference_price=intent.reference_price,
        created_at=intent.created_at,
        expires_at=intent.expires_at,
        retry_until=retry_until,
        order_hash=order.order_hash,
        maker=unsigned.maker,
        signer=unsigned.signer,
        token_id=unsigned.token_id,
        side=unsigned.side,
        maker_amount=unsigned.maker_amount,
        taker_amount=unsigned.taker_amount,
        signature_type=int(unsigned.signature_type),
        salt=unsigned.salt,
        timestamp_ms=unsigned.timestamp_ms,
        protocol=unsigned.protocol,
        neg_risk=unsigned.neg_risk,
        expiration_s=unsigned.expiration_s,
    )
    await _insert_order(connection, intent, now)
    await ring(connection, "orders", order.order_hash)


async def load_intent(db: QuickDatabase, order_hash: OrderHash) -> Intent | None:
    """Return the intent of an order."""
    row = await db.lane.row(_OF_ORDER, order_hash=order_hash)
    return read_intent(row) if row is not None else None


async def load_attempt(db: QuickDatabase, intent_id: IntentId) -> Intent | None:
    """Return an intent by its id."""
    row = await db.lane.row(INTENT, intent_id=intent_id)
    return read_intent(row) if row is not None else None


async def need_intent(connection: AsyncConnection, order_hash: OrderHash) -> Intent:
    """Return the intent of an order that must be ours."""
    row = await run_one(connection, _OF_ORDER, order_hash=order_hash)
    if row is None:
        raise StorageError(f"expected an intent for order {order_hash}, found none")
    return read_intent(row)


async def is_ours(db: QuickDatabase, order_hash: OrderHash) -> bool:
    """Tell whether we committed this order."""
    return await db.lane.row(_IS_OURS, order_hash=order_hash) is not None


async def orders_of_signal(db: QuickDatabase, signal_id: SignalId) -> Sequence[OrderHash]:
    """Return the orders of all attempts of a signal's entry, oldest first."""
    rows = await db.lane.rows(_OF_SIGNAL, signal_id=signal_id)
    return [OrderHash(row["order_hash"]) for row in rows]


async def orders_of_exit(
    db: QuickDatabase, position_id: PositionId, epoch: int
) -> Sequence[OrderHash]:
    """Return the orders of all attempts of one exit of a position, oldest first."""
    rows = await db.lane.rows(_OF_EXIT, position_id=position_id, epoch=epoch)
    return [OrderHash(row["order_hash"]) for row in rows]


async def _insert_order(connection: AsyncConnection, intent: Intent, now: datetime) -> None:
    order, unsigned = intent.order, intent.order.unsigned
    await insert_row(
        connection,
        "orders",
        order_id=order.order_hash,
        intent_id=intent.intent_id,
        position_id=intent.position_id,
        user_address=unsigned.maker,
        attempt=intent.attempt,
        side=unsigned.side,
        type=intent.order_type,
        token_id=unsigned.token_id,
        price=order.price,
        size=order.size,
        status=OrderState.PREPARED,
        source_whale=intent.whale,
        created_at=intent.created_at,
        updated_at=now,
    )
