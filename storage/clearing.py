"""Take a standing halt away because a person says so, with who and why on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.breakers import Halt, HaltScope, lock_halts, remove_halt
from storage.database import Database
from storage.events import insert_event
from storage.port import Event
from storage.reviews import ReviewKind
from storage.tables import halts, reviews

HALTS_MAX = 500


@dataclass(frozen=True, slots=True)
class Clearance:
    """Who lets entries go on, and why."""

    who: str
    why: str


async def list_halts(db: Database) -> Sequence[Halt]:
    """Return the standing halts, the oldest first."""
    query = select(halts).order_by(halts.c.halted_at, halts.c.key).limit(HALTS_MAX)
    async with db.transaction() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [
        Halt(HaltScope(row["scope"]), row["key"], row["reason"], row["halted_at"]) for row in rows
    ]


async def lift_halt(
    db: Database, scope: HaltScope, key: str, clearance: Clearance, now: datetime
) -> str | None:
    """Take a halt away; return why not, None when it is gone.

    A token that is halted by faults is cleared by resolving their reviews, so that nobody clears
    what nobody has looked at.
    """
    async with db.transaction() as connection:
        await lock_halts(connection, key)
        fault = await _open_fault(connection, scope, key)
        if fault is not None:
            return f"it stands for a fault: see `whalecopy review show {fault}`"
        if not await remove_halt(connection, scope, key):
            return "it does not stand any more"
        title = f"{clearance.who} cleared it: {clearance.why}"
        event = Event("halt_cleared", "WARNING", title, now, {scope.lower(): key})
        await insert_event(connection, event)
    return None


async def _open_fault(connection: AsyncConnection, scope: HaltScope, key: str) -> int | None:
    if scope is not HaltScope.TOKEN:
        return None
    query = select(func.min(reviews.c.review_id)).where(
        reviews.c.kind == ReviewKind.ORDER_FAULT,
        reviews.c.token_id == key,
        reviews.c.resolved_at.is_(None),
    )
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    return found
