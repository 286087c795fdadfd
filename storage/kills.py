"""The kill switch: who holds it, and which entries must leave the book because of it."""

from collections.abc import Sequence

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.breakers import CHANNEL
from storage.database import Database, ring, storable
from storage.events import insert_event
from storage.guard_port import Kill, KillSource
from storage.lane import QuickDatabase
from storage.port import Event
from storage.statements import Statement, run, run_one
from trading.types import OrderHash

OPEN_ENTRIES_MAX = 1000

_PULL = Statement(
    """
    INSERT INTO kills AS k (source, place, who, why, pulled_at, closes_all)
    VALUES (:source, :place, :who, :why, :pulled_at, :closes_all)
    ON CONFLICT (source, place) DO UPDATE SET closes_all = true
    WHERE excluded.closes_all AND NOT k.closes_all
    RETURNING pulled_at
    """
)
_RELEASE = Statement(
    "DELETE FROM kills WHERE source = :source AND place = :place RETURNING who, why"
)
_ALL = Statement("SELECT * FROM kills ORDER BY pulled_at, source, place")
_OPEN_ENTRIES = Statement(
    """
    SELECT order_id FROM orders
    WHERE side = 'BUY' AND status IN ('SENDING', 'UNKNOWN', 'DELAYED', 'LIVE', 'PARTIAL')
    ORDER BY created_at LIMIT :most
    """
)


async def pull_switch(db: Database, kill: Kill) -> bool:
    """Stop all entries, and page; False when this source holds already.

    Who holds it first stands, but may be joined in wanting everything closed.
    """
    async with db.transaction() as connection:
        row = await run_one(
            connection,
            _PULL,
            source=kill.source,
            place=kill.place,
            who=storable(kill.who),
            why=storable(kill.why),
            pulled_at=kill.pulled_at,
            closes_all=kill.closes_all,
        )
        if row is not None:
            await _tell(connection, "kill_switch_pulled", "PAGE", kill, kill.describe())
    return row is not None


async def release_switch(db: Database, kill: Kill) -> bool:
    """Let go for one source and place; `kill` says by whom, why and when. False: it held not."""
    async with db.transaction() as connection:
        row = await run_one(connection, _RELEASE, source=kill.source, place=kill.place)
        if row is not None:
            words = f"kill switch let go at {kill.source} by {kill.who}: {kill.why}"
            await _tell(connection, "kill_switch_released", "WARNING", kill, words)
    return row is not None


async def list_kills(db: QuickDatabase) -> Sequence[Kill]:
    """Return who holds the switch, the first first."""
    return [_read(row) for row in await db.lane.rows(_ALL)]


async def list_open_entries(db: QuickDatabase) -> Sequence[OrderHash]:
    """Return entries that may rest at the venue, the oldest first."""
    rows = await db.lane.rows(_OPEN_ENTRIES, most=OPEN_ENTRIES_MAX)
    return [OrderHash(row["order_id"]) for row in rows]


async def load_kills(connection: AsyncConnection) -> Sequence[Kill]:
    """Read who holds the switch within a transaction."""
    return [_read(row) for row in await run(connection, _ALL)]


async def _tell(
    connection: AsyncConnection, kind: str, severity: str, kill: Kill, words: str
) -> None:
    ids = {"source": kill.source.value, "place": kill.place}
    told = {"who": kill.who, "why": kill.why, "closes_all": str(kill.closes_all)}
    await insert_event(connection, Event(kind, severity, words, kill.pulled_at, ids, told))
    await ring(connection, CHANNEL, "")


def _read(row: asyncpg.Record) -> Kill:
    return Kill(
        source=KillSource(row["source"]),
        who=row["who"],
        why=row["why"],
        pulled_at=row["pulled_at"],
        closes_all=row["closes_all"],
        place=row["place"],
    )
