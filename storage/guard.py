"""What every breaker of a wallet says, and a person's word about one."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import load_account
from storage.breakers import (
    CHANNEL,
    load_drawdown,
    load_failures,
    load_losses,
    load_standing,
    read_trip,
)
from storage.database import Database, ring, storable
from storage.events import insert_event
from storage.guard_port import BreakerFigures
from storage.kills import load_kills
from storage.port import Event, StorageError
from storage.statements import Statement, run, run_one
from trading.breakers import Override, Standing, Subject, override_end, pause_of
from trading.types import ZERO, Usd, Wallet

_KEYED = Statement(
    """
    SELECT breaker AS name, key, tripped_at AS at, until, reason AS why FROM breaker_trips
    WHERE wallet = :wallet AND until > :now AND key <> '' ORDER BY until, breaker, key LIMIT 200
    """
)
_WORD = Statement(
    """
    INSERT INTO breaker_overrides (wallet, breaker, key, who, why, overridden_at, until)
    VALUES (:wallet, :breaker, :key, :who, :why, :at, :until)
    ON CONFLICT (wallet, breaker, key) DO UPDATE SET who = excluded.who, why = excluded.why,
        overridden_at = excluded.overridden_at, until = excluded.until
    """
)
_LAST_WALLET = Statement(
    """
    SELECT coalesce(
        (SELECT wallet FROM leases ORDER BY expires_at DESC, wallet LIMIT 1),
        (SELECT wallet FROM ledger ORDER BY entry_id DESC LIMIT 1), '') AS wallet
    """
)


async def load_breakers(db: Database, now: datetime) -> BreakerFigures:
    """Return what every breaker says of one wallet's entries."""
    async with db.transaction() as connection:
        wallet = await _wallet(connection, db)
        standing = await load_all_standing(connection, wallet, now)
        ended, failed = await load_failures(connection, db.rules, wallet, now)
        account = await load_account(connection, wallet)
        today = now.astimezone(UTC).date()
        return BreakerFigures(
            standing=standing,
            losses=await load_losses(connection, wallet),
            drawdown=await load_drawdown(connection, wallet, account),
            ended=ended,
            failed=failed,
            pnl_today=standing.pnl_by_day.get(today, Usd(ZERO)),
            kills=await load_kills(connection),
        )


async def load_all_standing(connection: AsyncConnection, wallet: Wallet, now: datetime) -> Standing:
    """Return what stands for a wallet, with the cooldowns of all markets and whales."""
    standing = await load_standing(connection, Subject(wallet), now)
    keyed = await run(connection, _KEYED, wallet=wallet, now=now)
    return replace(standing, trips=[*standing.trips, *map(read_trip, keyed)])


async def override_breaker(db: Database, override: Override) -> Override | None:
    """Keep a person's word; return it as it counts, None when there is nothing to lift.

    `until` not after `at` means: for as long as what stands would hold. It counts for everything
    that has tripped by now, even if a clock was set back since.
    """
    async with db.transaction() as connection:
        wallet = await _wallet(connection, db)
        counts = await _as_it_counts(connection, wallet, override)
        if counts.until <= override.at:
            return None
        await run(
            connection,
            _WORD,
            wallet=wallet,
            breaker=counts.breaker,
            key=counts.key,
            who=storable(counts.who),
            why=storable(counts.why),
            at=counts.at,
            until=counts.until,
        )
        await _tell(connection, wallet, counts, override.at)
    return counts


async def _as_it_counts(
    connection: AsyncConnection, wallet: Wallet, override: Override
) -> Override:
    now, until = override.at, override.until
    pause = pause_of(await load_losses(connection, wallet))
    standing = await load_all_standing(connection, wallet, now)
    trips = [*standing.trips, *([pause] if pause is not None else [])]
    ours = [t for t in trips if t.breaker is override.breaker and override.key in ("", t.key)]
    if until <= now:
        until = override_end(override.breaker, ours, now)
    at = max([now, *(trip.tripped_at for trip in ours)])
    return replace(override, at=at, until=until)


async def _tell(
    connection: AsyncConnection, wallet: Wallet, override: Override, now: datetime
) -> None:
    words = f"{override.who} lifted {override.breaker} until {override.until.isoformat()}"
    event = Event(
        type="breaker_overridden",
        severity="WARNING",
        title=f"{words}: {override.why}",
        at=now,
        ids={"wallet": wallet, "breaker": override.breaker.value},
        metadata={"who": override.who, "why": override.why, "key": override.key},
    )
    await insert_event(connection, event)
    await ring(connection, CHANNEL, "")


async def _wallet(connection: AsyncConnection, db: Database) -> Wallet:
    """Return whose breakers are meant: a store of no wallet means that of the newest lease."""
    if db.wallet is not None:
        return db.wallet
    row = await run_one(connection, _LAST_WALLET)
    assert row is not None, "one row of one column"
    if not row["wallet"]:
        raise StorageError("expected records of a wallet, found none yet")
    return Wallet(row["wallet"])
