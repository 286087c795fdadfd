"""Whales added, removed, paused, resumed and overridden: who, why, an event and a ring each."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database, ring, storable
from storage.events import insert_event
from storage.facts import whale_values
from storage.port import Event, WhaleRecord
from storage.tables import whales
from storage.whale_port import CHANNEL, WhaleChange, Word
from storage.whale_tables import whale_edges, whale_overrides
from trading.overrides import NO_OVERRIDES, Overrides
from trading.types import Wallet

_STATES = {
    WhaleChange.REMOVED: {"is_active": False},
    WhaleChange.PAUSED: {"is_paused": True},
    WhaleChange.RESUMED: {"is_paused": False},
}


async def follow_whale(db: Database, whale: WhaleRecord, word: Word) -> bool:
    """Follow a wallet, from the first signal by the overrides that come with it, if any do.

    False when it is followed already. One that was removed keeps its pause, and its overrides
    unless others come.
    """
    wallet, overrides = whale.standing.wallet, whale.standing.overrides
    row = insert(whales).values(
        address=wallet, first_seen=word.at, last_active=word.at, **whale_values(whale)
    )
    followed = row.on_conflict_do_update(
        index_elements=(whales.c.address,),
        set_={"is_active": True},
        where=~whales.c.is_active,
    ).returning(whales.c.address)
    async with db.transaction() as connection:
        if (await connection.execute(followed)).first() is None:
            return False
        await _tell(connection, WhaleChange.ADDED, wallet, word)
        if overrides != NO_OVERRIDES:
            await _override(connection, wallet, overrides, word)
    return True


async def change_whale(db: Database, wallet: Wallet, change: WhaleChange, word: Word) -> bool:
    """Remove, pause or resume; False when there is nothing to change. Resuming watches anew."""
    async with db.transaction() as connection:
        return await _change(connection, wallet, change, word)


async def lose_edge(db: Database, wallet: Wallet, since: datetime, word: Word) -> bool:
    """Pause a whale whose edge is gone by a watch that began at `since`.

    False when there is nothing to change, or its watch began anew meanwhile: a person resumed it.
    """
    whale = select(whales.c.address).where(whales.c.address == wallet).with_for_update()
    watched = select(whale_edges.c.since).where(whale_edges.c.wallet == wallet)
    async with db.transaction() as connection:
        await connection.execute(whale)
        if (await connection.execute(watched)).scalar() != since:
            return False
        return await _change(connection, wallet, WhaleChange.PAUSED, word)


async def set_overrides(db: Database, wallet: Wallet, overrides: Overrides, word: Word) -> bool:
    """Replace a whale's overrides as a whole; False for a wallet that is not on record."""
    known = select(whales.c.address).where(whales.c.address == wallet).with_for_update()
    async with db.transaction() as connection:
        if (await connection.execute(known)).first() is None:
            return False
        await _override(connection, wallet, overrides, word)
    return True


async def _change(
    connection: AsyncConnection, wallet: Wallet, change: WhaleChange, word: Word
) -> bool:
    state = _STATES[change]
    differs = [whales.c[name] != value for name, value in state.items()]
    changed = update(whales).where(whales.c.address == wallet, whales.c.is_active, *differs)
    done = await connection.execute(changed.values(**state).returning(whales.c.address))
    if done.first() is None:
        return False
    if change is WhaleChange.RESUMED:
        await _watch_anew(connection, wallet, word.at)
    await _tell(connection, change, wallet, word)
    return True


async def _override(
    connection: AsyncConnection, wallet: Wallet, overrides: Overrides, word: Word
) -> None:
    values = {
        "sizing_mode": overrides.sizing_mode,
        "fixed_notional": overrides.fixed_notional,
        "percent": overrides.percent,
        "proportional_share": overrides.proportional_share,
        "position_max": overrides.position_max,
        "market_max": overrides.market_max,
        "whale_max": overrides.whale_max,
        "price_min": overrides.price_min,
        "price_max": overrides.price_max,
        "whale_notional_min": overrides.whale_notional_min,
        "categories": [storable(category) for category in overrides.categories],
        "who": storable(word.who),
        "why": storable(word.why),
        "set_at": word.at,
    }
    row = insert(whale_overrides).values(wallet=wallet, **values)
    saved = row.on_conflict_do_update(index_elements=(whale_overrides.c.wallet,), set_=values)
    if overrides == NO_OVERRIDES:
        gone = delete(whale_overrides).where(whale_overrides.c.wallet == wallet)
        await connection.execute(gone)
    else:
        await connection.execute(saved)
    await _tell(connection, WhaleChange.OVERRIDDEN, wallet, word, overrides)


async def _watch_anew(connection: AsyncConnection, wallet: Wallet, now: datetime) -> None:
    fresh = {
        name: 0
        for owner in ("their", "our")
        for name in (f"{owner}_trades", f"{owner}_mean", f"{owner}_level")
    }
    anew = update(whale_edges).where(whale_edges.c.wallet == wallet)
    await connection.execute(anew.values(since=now, judged_at=None, **fresh))


async def _tell(
    connection: AsyncConnection,
    change: WhaleChange,
    wallet: Wallet,
    word: Word,
    overrides: Overrides = NO_OVERRIDES,
) -> None:
    severity = "WARNING" if change is WhaleChange.PAUSED else "INFO"
    what = change.removeprefix("whale_")
    title = storable(f"{what} {wallet} by {word.who}: {word.why}")
    said = {"who": storable(word.who), "why": storable(word.why), **overrides.as_numbers()}
    event = Event(change, severity, title, word.at, {"whale": wallet}, said)
    await insert_event(connection, event)
    await ring(connection, CHANNEL, wallet)
