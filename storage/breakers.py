"""What halts entries: a halt row, a pause after losses in a row, the day's realised loss."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.events import insert_event
from storage.port import Event, StorageError
from storage.statements import Statement, run_one
from storage.tables import breakers, halts
from trading.rules import RiskRules
from trading.types import TokenId, Wallet

_BREAKERS = Statement(
    """
    SELECT
        (SELECT reason FROM halts
         WHERE (scope = 'WALLET' AND key = :wallet) OR (scope = 'TOKEN' AND key = :token_id)
         ORDER BY scope DESC LIMIT 1) AS halt,
        (SELECT paused_until FROM breakers WHERE wallet = :wallet) AS paused_until,
        (SELECT coalesce(sum(pnl), 0) FROM daily_pnl
         WHERE wallet = :wallet AND day = :today) AS pnl_today
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


async def find_halt(
    connection: AsyncConnection,
    rules: RiskRules,
    wallet: Wallet,
    token_id: TokenId | None,
    now: datetime,
) -> str:
    """Return why entries of a wallet (and token) are halted now, or nothing.

    A day is the UTC date of the confirmation that made the profit or loss.
    """
    today = now.astimezone(UTC).date()
    row = await run_one(connection, _BREAKERS, wallet=wallet, token_id=token_id or "", today=today)
    assert row is not None, "a sum is always one row"
    if row["halt"] is not None:
        return str(row["halt"])
    paused_until: datetime | None = row["paused_until"]
    if paused_until is not None and now < paused_until:
        return f"paused until {paused_until.isoformat()} after losses in a row"
    loss = -Decimal(row["pnl_today"])
    if loss > rules.daily_loss_max:
        return f"daily loss {loss} above {rules.daily_loss_max}"
    return ""


async def count_result(
    connection: AsyncConnection, rules: RiskRules, wallet: Wallet, pnl: Decimal, now: datetime
) -> None:
    """Count a closed position's result; enough losses in a row pause entries, and start again."""
    lost = 1 if pnl < 0 else 0
    row = insert(breakers).values(wallet=wallet, losses_in_row=lost, changed_at=now)
    losses = breakers.c.losses_in_row + 1 if lost else 0
    counted = row.on_conflict_do_update(
        index_elements=(breakers.c.wallet,), set_={"losses_in_row": losses, "changed_at": now}
    ).returning(breakers.c.losses_in_row)
    in_row: int = (await connection.execute(counted)).scalar_one()
    if in_row >= rules.losses_in_row_max:
        paused = breakers.update().where(breakers.c.wallet == wallet)
        until = func.greatest(breakers.c.paused_until, now + rules.pause)
        await connection.execute(paused.values(losses_in_row=0, paused_until=until))


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
