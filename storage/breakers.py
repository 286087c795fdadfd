"""What halts entries, read in one statement and decided by `trading.breakers`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import asyncpg
from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import Account
from storage.database import Database, ring
from storage.events import insert_event
from storage.guard_port import Kill, KillSource
from storage.port import Event, StorageError
from storage.statements import Statement, run, run_one
from storage.tables import halts
from trading.breakers import (
    Breaker,
    Losses,
    Override,
    Result,
    Standing,
    Subject,
    Trip,
    cooldowns,
    count_result,
    entries_halt,
    failure_trip,
    pause_of,
)
from trading.portfolio import drawdown_of
from trading.rules import RiskRules
from trading.types import TokenId, Usd, Wallet

CHANNEL = "halts"

_STANDING = Statement(
    """
    SELECT 'KILL' AS kind, source AS name, place AS key, pulled_at AS at,
        CAST(NULL AS timestamptz) AS until, who, why, CAST(NULL AS date) AS day,
        CAST(NULL AS numeric) AS pnl
    FROM kills
    UNION ALL
    SELECT 'HALT', scope, key, halted_at, NULL, '', reason, NULL, NULL FROM halts
    WHERE (scope = 'WALLET' AND key = :wallet) OR (scope = 'TOKEN' AND key = :token_id)
    UNION ALL
    SELECT 'PAUSE', '', '', paused_at, paused_until, '', '', NULL, NULL FROM breakers
    WHERE wallet = :wallet AND paused_until > :now
    UNION ALL
    SELECT 'TRIP', breaker, key, tripped_at, until, '', reason, NULL, NULL FROM breaker_trips
    WHERE wallet = :wallet AND until > :now AND key IN ('', :condition_id, :whale)
    UNION ALL
    SELECT 'WORD', breaker, key, overridden_at, until, who, why, NULL, NULL
    FROM breaker_overrides WHERE wallet = :wallet AND until > :now
    UNION ALL
    SELECT 'DAY', '', '', NULL, NULL, '', '', day, sum(pnl) FROM daily_pnl
    WHERE wallet = :wallet AND day >= :today GROUP BY day
    """
)
_PEAK = Statement("SELECT coalesce(max(pnl_peak), 0) AS peak FROM equity WHERE wallet = :wallet")
_LOSSES = Statement("SELECT * FROM breakers WHERE wallet = :wallet")
_SAVE_LOSSES = Statement(
    """
    INSERT INTO breakers (wallet, losses_in_row, paused_at, paused_until, changed_at)
    VALUES (:wallet, :in_row, :paused_at, :paused_until, :now)
    ON CONFLICT (wallet) DO UPDATE SET losses_in_row = excluded.losses_in_row,
        paused_at = excluded.paused_at, paused_until = excluded.paused_until,
        changed_at = excluded.changed_at
    """
)
_TRIP = Statement(
    """
    INSERT INTO breaker_trips AS t (wallet, breaker, key, reason, tripped_at, until)
    VALUES (:wallet, :breaker, :key, :reason, :tripped_at, :until)
    ON CONFLICT (wallet, breaker, key) DO UPDATE SET reason = excluded.reason,
        tripped_at = excluded.tripped_at, until = excluded.until
    WHERE t.until < excluded.until
    """
)
_FAILURES = Statement(
    """
    SELECT count(*) AS ended, count(*) FILTER (
        WHERE status IN ('REJECTED', 'VOID') OR (is_done AND size_matched > 0 AND filled_size = 0)
    ) AS failed
    FROM orders
    WHERE user_address = :wallet AND created_at > :since AND posts > 0
    AND status IN ('MATCHED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'VOID')
    """
)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('halts/' || :key, 0))")


class HaltScope(StrEnum):
    """What is halted: all entries of a wallet, or those of one token."""

    WALLET = "WALLET"
    TOKEN = "TOKEN"  # noqa: S105 - a scope, not a secret


@dataclass(frozen=True, slots=True)
class Halt:
    """A standing halt of entries; only a person or the rule that set it takes it away."""

    scope: HaltScope
    key: str
    reason: str
    halted_at: datetime


async def load_standing(connection: AsyncConnection, subject: Subject, now: datetime) -> Standing:
    """Return what the records say that bears on a subject's entries.

    A day is the UTC date of the confirmation that made the profit or loss.
    """
    rows = await run(
        connection,
        _STANDING,
        wallet=subject.wallet,
        token_id=subject.token_id or "",
        condition_id=subject.condition_id or "",
        whale=subject.whale or "",
        today=now.astimezone(UTC).date(),
        now=now,
    )
    return read_standing(rows)


async def find_halt(
    connection: AsyncConnection, rules: RiskRules, subject: Subject, now: datetime
) -> str:
    """Return why entries of a subject are halted now, or nothing."""
    return entries_halt(await load_standing(connection, subject, now), now, rules)


async def count_closing(
    connection: AsyncConnection, rules: RiskRules, wallet: Wallet, result: Result
) -> None:
    """Count a closed position's result; the wallet's limit row must be held."""
    losses = count_result(await load_losses(connection, wallet), result, rules)
    await run(
        connection,
        _SAVE_LOSSES,
        wallet=wallet,
        in_row=losses.in_row,
        paused_at=losses.paused_at,
        paused_until=losses.paused_until,
        now=result.at,
    )
    for trip in cooldowns(result, rules):
        await save_trip(connection, wallet, trip)
    if result.pnl < 0:
        await ring(connection, CHANNEL, "")


async def count_failure(
    connection: AsyncConnection, rules: RiskRules, wallet: Wallet, now: datetime
) -> None:
    """Judge the orders of the window once more after one has failed."""
    ended, failed = await load_failures(connection, rules, wallet, now)
    trip = failure_trip(ended, failed, now, rules)
    if trip is not None:
        await save_trip(connection, wallet, trip)
        await ring(connection, CHANNEL, "")


async def load_losses(connection: AsyncConnection, wallet: Wallet) -> Losses:
    """Return the row of losses and the pause it has set."""
    row = await run_one(connection, _LOSSES, wallet=wallet)
    if row is None:
        return Losses()
    return Losses(row["losses_in_row"], row["paused_at"], row["paused_until"])


async def load_failures(
    connection: AsyncConnection, rules: RiskRules, wallet: Wallet, now: datetime
) -> tuple[int, int]:
    """Return how many orders of the window have ended, and how many of them failed."""
    row = await run_one(connection, _FAILURES, wallet=wallet, since=now - rules.failure_window)
    assert row is not None, "counts are always one row"
    return row["ended"], row["failed"]


async def load_drawdown(connection: AsyncConnection, wallet: Wallet, account: Account) -> Decimal:
    """Return the fall of cash plus bid value net of deposits from its peak, as a share of it."""
    row = await run_one(connection, _PEAK, wallet=wallet)
    assert row is not None, "a maximum is always one row"
    peak = Usd(max(row["peak"], account.pnl))
    return drawdown_of(account.pnl, peak, account.deposits)


async def save_trip(connection: AsyncConnection, wallet: Wallet, trip: Trip) -> None:
    """Keep a trip; one that ends later stands."""
    await run(
        connection,
        _TRIP,
        wallet=wallet,
        breaker=trip.breaker,
        key=trip.key,
        reason=trip.reason,
        tripped_at=trip.tripped_at,
        until=trip.until,
    )


def read_standing(rows: Iterable[asyncpg.Record]) -> Standing:
    """Read what stops entries from the rows that tell of it."""
    by_kind: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], []).append(row)
    kills = sorted((read_kill(row) for row in by_kind.get("KILL", ())), key=lambda k: k.pulled_at)
    wallets_first = sorted(by_kind.get("HALT", ()), key=lambda row: row["name"], reverse=True)
    days: dict[date, Usd] = {row["day"]: Usd(row["pnl"]) for row in by_kind.get("DAY", ())}
    return Standing(
        kill=kills[0].describe() if kills else "",
        halt=str(wallets_first[0]["why"]) if wallets_first else "",
        pnl_by_day=days,
        trips=[*_pauses(by_kind.get("PAUSE", ())), *map(read_trip, by_kind.get("TRIP", ()))],
        overrides=[_read_override(row) for row in by_kind.get("WORD", ())],
    )


def read_kill(row: asyncpg.Record) -> Kill:
    """Read one hand on the kill switch."""
    source = KillSource(row["name"])
    return Kill(source, row["who"], row["why"], row["at"], place=row["key"])


def read_trip(row: asyncpg.Record) -> Trip:
    """Read one trip."""
    return Trip(Breaker(row["name"]), row["key"], row["at"], row["until"], row["why"])


async def lock_halts(connection: AsyncConnection, key: str) -> None:
    """Let what halts a token and what clears it again come one after the other."""
    await connection.execute(_LOCK, {"key": key})


async def set_halt(connection: AsyncConnection, halt: Halt) -> bool:
    """Store a halt; the first reason stands until it is cleared. Return whether it is new."""
    row = insert(halts).values(
        scope=halt.scope, key=halt.key, reason=halt.reason, halted_at=halt.halted_at
    )
    return bool((await connection.execute(row.on_conflict_do_nothing())).rowcount)


async def halt_entries(db: Database, halt: Halt) -> bool:
    """Halt entries of a wallet or a token until somebody clears it, and page; False when halted."""
    async with db.transaction() as connection:
        is_new = await set_halt(connection, halt)
        if is_new:
            ids = {halt.scope.lower(): halt.key}
            event = Event("entries_halted", "PAGE", halt.reason, halt.halted_at, ids)
            await insert_event(connection, event)
    return is_new


async def halt_wallet(db: Database, reason: str, now: datetime) -> None:
    """Halt all entries until a person clears it, and page; the first reason stands."""
    if db.wallet is None:
        raise StorageError("expected records of one wallet to halt, received those of none")
    await halt_entries(db, Halt(HaltScope.WALLET, db.wallet, reason, now))


async def halt_token(db: Database, token_id: TokenId, reason: str, now: datetime) -> None:
    """Halt entries of one token until a person clears it, and page; the first reason stands."""
    await halt_entries(db, Halt(HaltScope.TOKEN, token_id, reason, now))


async def clear_halt(db: Database, scope: HaltScope, key: str) -> bool:
    """Take a halt away; return False when there was none."""
    async with db.transaction() as connection:
        return await remove_halt(connection, scope, key)


async def remove_halt(connection: AsyncConnection, scope: HaltScope, key: str) -> bool:
    """Take a halt away together with what else is done; return False when there was none."""
    statement = delete(halts).where(halts.c.scope == scope, halts.c.key == key)
    return bool((await connection.execute(statement)).rowcount)


def _pauses(rows: Sequence[asyncpg.Record]) -> Iterable[Trip]:
    for row in rows:
        pause = pause_of(Losses(0, row["at"], row["until"]))
        if pause is not None:
            yield pause


def _read_override(row: asyncpg.Record) -> Override:
    breaker = Breaker(row["name"])
    return Override(breaker, row["key"], row["at"], row["until"], row["who"], row["why"])
