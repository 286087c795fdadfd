"""Events, refused payloads and feeds' cursors: what a person or a restart may ask for later."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database, storable
from storage.port import Event
from storage.tables import cursors, events, quarantine

PAYLOAD_MAX = 20_000


async def insert_event(connection: AsyncConnection, event: Event) -> None:
    """Store an event together with what it tells of."""
    row = insert(events).values(
        type=event.type,
        severity=event.severity,
        title=storable(event.title),
        ids=dict(event.ids),
        metadata=dict(event.metadata),
        timestamp=event.at,
    )
    await connection.execute(row)


async def record_event(db: Database, event: Event) -> None:
    """Store an event."""
    async with db.transaction() as connection:
        await insert_event(connection, event)


async def record_event_once(db: Database, key: str, event: Event) -> bool:
    """Store an event under a key; return False when that key was there before."""
    async with db.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
        known = select(func.count()).where(events.c.ids.contains({"key": key}))
        if (await connection.execute(known)).scalar_one():
            return False
        await insert_event(connection, replace(event, ids={**event.ids, "key": key}))
        return True


async def quarantine_payload(
    db: Database, feed: str, why: str, payload: str, now: datetime
) -> None:
    """Keep a refused payload, its first 20,000 characters; NUL cannot be stored and is spelled."""
    row = insert(quarantine).values(
        feed=feed,
        why=storable(why),
        payload=storable(payload, PAYLOAD_MAX),
        timestamp=now,
    )
    async with db.transaction() as connection:
        await connection.execute(row)


async def load_cursor(db: Database, name: str) -> str | None:
    """Return a feed's stored position."""
    statement = select(cursors.c.position).where(cursors.c.name == name)
    async with db.transaction() as connection:
        position: str | None = (await connection.execute(statement)).scalar_one_or_none()
    return position


async def save_cursor(db: Database, name: str, position: str, now: datetime) -> None:
    """Store a feed's position."""
    row = upsert(cursors).values(name=name, position=position, saved_at=now)
    saved = row.on_conflict_do_update(
        index_elements=(cursors.c.name,), set_={"position": position, "saved_at": now}
    )
    async with db.transaction() as connection:
        await connection.execute(saved)
