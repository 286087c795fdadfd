"""Find what somebody should be working on: running signals, loose orders, stranded stakes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select, text, true
from sqlalchemy.sql import ColumnElement

from storage.book_tables import UNRESOLVED, intents, offers, orders, reservations
from storage.database import Database
from storage.ownership import LooseOrder
from storage.port import StoredSignal
from storage.rows import read_signal
from storage.tables import signals
from trading.types import OrderHash, OrderState, PositionId, SignalId, SignalState

_LOOSE = text(f"({UNRESOLVED.text})")  # in brackets: among other conditions an OR binds less
_SETTLED = text(f"NOT ({UNRESOLVED.text})")


async def list_running_signals(
    db: Database, committed_before: datetime, limit: int
) -> Sequence[StoredSignal]:
    """Return signals that run since before a time, oldest first."""
    statement = (
        select(signals)
        .where(signals.c.state == SignalState.RUNNING, signals.c.committed_at < committed_before)
        .order_by(signals.c.committed_at)
        .limit(limit)
    )
    async with db.transaction() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return [read_signal(row) for row in rows]


async def list_loose_orders(db: Database, limit: int) -> Sequence[LooseOrder]:
    """Return orders that are not done or not booked as known, longest unchanged first."""
    statement = (
        select(
            orders.c.order_id,
            orders.c.status,
            intents.c.signal_id,
            orders.c.position_id,
            orders.c.updated_at,
            orders.c.adopted,
            (orders.c.applied_version >= orders.c.version).label("is_booked"),
        )
        .join(intents, intents.c.intent_id == orders.c.intent_id)
        .where(_LOOSE, _is_ours(db))
        .order_by(orders.c.updated_at)
        .limit(limit)
    )
    async with db.transaction() as connection:
        rows = (await connection.execute(statement)).all()
    return [
        LooseOrder(
            order_hash=OrderHash(row.order_id),
            state=OrderState(row.status),
            signal_id=None if row.signal_id is None else SignalId(row.signal_id),
            position_id=PositionId(row.position_id),
            changed_at=row.updated_at,
            is_adopted=row.adopted,
            is_booked=row.is_booked,
        )
        for row in rows
    ]


async def list_stranded(db: Database, limit: int) -> Sequence[OrderHash]:
    """Return orders that are done and booked and still reserve or offer something."""
    reserves = exists().where(
        reservations.c.intent_id == orders.c.intent_id, reservations.c.released_at.is_(None)
    )
    offered = exists().where(
        offers.c.intent_id == orders.c.intent_id, offers.c.released_at.is_(None)
    )
    statement = (
        select(orders.c.order_id)
        .where(orders.c.is_done, _SETTLED, reserves | offered, _is_ours(db))
        .order_by(orders.c.updated_at)
        .limit(limit)
    )
    async with db.transaction() as connection:
        found = (await connection.execute(statement)).scalars().all()
    return [OrderHash(order_hash) for order_hash in found]


def _is_ours(db: Database) -> ColumnElement[bool]:
    """Leave the orders of other wallets to their own stacks."""
    return true() if db.wallet is None else orders.c.user_address == db.wallet
