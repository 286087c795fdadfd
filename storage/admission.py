"""Trips that hold while somebody confirms them, and end when somebody finds that they may."""

from datetime import datetime

from storage.breakers import CHANNEL
from storage.database import Database, ring, storable
from storage.events import insert_event
from storage.port import Event, StorageError
from storage.statements import Statement, run_one
from trading.breakers import Breaker, Trip
from trading.types import Wallet

_HOLD = Statement(
    """
    INSERT INTO breaker_trips AS t (wallet, breaker, key, reason, tripped_at, until)
    VALUES (:wallet, :breaker, :key, :reason, :tripped_at, :until)
    ON CONFLICT (wallet, breaker, key) DO UPDATE SET
        reason = excluded.reason,
        tripped_at = CASE WHEN t.until > excluded.tripped_at THEN t.tripped_at
            ELSE excluded.tripped_at END,
        until = greatest(t.until, excluded.until)
    RETURNING t.tripped_at
    """
)
_END = Statement(
    """
    UPDATE breaker_trips SET until = :now
    WHERE wallet = :wallet AND breaker = :breaker AND key = '' AND until > :now
    RETURNING reason
    """
)


async def hold_trip(db: Database, trip: Trip) -> bool:
    """Stop entries until the trip runs out, or longer; True and a page when they were not stopped.

    Confirmed while it stands, it stays the same trip: a person's word about it goes on counting.
    """
    async with db.transaction() as connection:
        row = await run_one(
            connection,
            _HOLD,
            wallet=_wallet(db),
            breaker=trip.breaker,
            key=trip.key,
            reason=storable(trip.reason),
            tripped_at=trip.tripped_at,
            until=trip.until,
        )
        assert row is not None, "an insert that returns is one row"
        is_new = bool(row["tripped_at"] == trip.tripped_at)
        if is_new:
            ids = {"wallet": _wallet(db), "breaker": trip.breaker.value}
            event = Event("entries_halted", "PAGE", trip.reason, trip.tripped_at, ids)
            await insert_event(connection, event)
            await ring(connection, CHANNEL, "")
    return is_new


async def end_trip(db: Database, breaker: Breaker, why: str, now: datetime) -> bool:
    """Let entries go on that a breaker stops; return False when it did not hold."""
    async with db.transaction() as connection:
        row = await run_one(connection, _END, wallet=_wallet(db), breaker=breaker, now=now)
        if row is not None:
            ids = {"wallet": _wallet(db), "breaker": breaker.value}
            title = f"{why}; no longer: {row['reason']}"
            await insert_event(connection, Event("entries_resumed", "WARNING", title, now, ids))
            await ring(connection, CHANNEL, "")
    return row is not None


def _wallet(db: Database) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected records of one wallet to stop, received those of none")
    return db.wallet
