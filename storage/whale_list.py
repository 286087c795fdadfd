"""Looks whales up: by name, by address, with what people did to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from storage.database import Database, storable
from storage.port import Event, WhaleRecord
from storage.rows import read_whale
from storage.tables import events
from storage.view_trades import read_event
from trading.types import Wallet

_FIND = text(
    """
    SELECT w.*, o.* FROM whales AS w LEFT JOIN whale_overrides AS o ON o.wallet = w.address
    WHERE starts_with(w.address, lower(:words)) OR lower(w.pseudonym) = lower(:words)
    ORDER BY w.address = lower(:words) DESC, w.is_active DESC, w.address LIMIT :most
    """
)
_WORD = text("SELECT who, why, set_at FROM whale_overrides WHERE wallet = :wallet")
_EVENTS = events.select().where(events.c.type.like("whale\\_%")).order_by(events.c.event_id.desc())


@dataclass(frozen=True, slots=True)
class OverrideWord:
    """Who set a whale's overrides, and why."""

    who: str
    why: str
    at: datetime


async def find_whales(db: Database, words: str, limit: int) -> Sequence[WhaleRecord]:
    """Return the whales of a name or of the beginning of an address, an exact address first."""
    asked = {"words": storable(words), "most": limit}
    async with db.transaction() as connection:
        rows = (await connection.execute(_FIND, asked)).mappings().all()
    return [read_whale(row) for row in rows]


async def load_override_word(db: Database, wallet: Wallet) -> OverrideWord | None:
    """Return who set a whale's overrides; None when there are none."""
    async with db.transaction() as connection:
        row = (await connection.execute(_WORD, {"wallet": wallet})).mappings().one_or_none()
    return None if row is None else OverrideWord(row["who"], row["why"], row["set_at"])


async def list_whale_events(db: Database, wallet: Wallet, limit: int) -> Sequence[Event]:
    """Return what was done to a whale, the newest first."""
    wanted = _EVENTS.where(events.c.ids.contains({"whale": wallet})).limit(limit)
    async with db.transaction() as connection:
        rows = (await connection.execute(wanted)).mappings().all()
    return [read_event(row) for row in rows]
