"""Exposure against caps: what is used per wallet, whale, market and position, kept exact.

Used is the sum of open reservations and of positions' exposure. It changes only in the
transactions that change those, under the wallet's own row, which is locked before anything else;
so reservations of one wallet stand in line and no two transactions wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.statements import Statement, run, run_one
from trading.types import MICRO, ConditionId, PositionId, Usd, Wallet


class Scope(StrEnum):
    """What a cap is put on; listed in the order in which the rows are taken."""

    WALLET = "WALLET"
    WHALE = "WHALE"
    MARKET = "MARKET"
    POSITION = "POSITION"


@dataclass(frozen=True, slots=True)
class Stake:
    """Where exposure counts: the four keys of one position."""

    wallet: Wallet
    whale: Wallet
    condition_id: ConditionId
    position_id: PositionId

    def key(self, scope: Scope) -> str:
        """Return the key that names this stake in a scope."""
        match scope:
            case Scope.WALLET:
                return self.wallet
            case Scope.WHALE:
                return self.whale
            case Scope.MARKET:
                return self.condition_id
            case Scope.POSITION:
                return self.position_id


@dataclass(frozen=True, slots=True)
class LimitDrift:
    """A limit whose stored use is not what reservations and positions add up to."""

    wallet: Wallet
    scope: Scope
    key: str
    used: Usd
    expected: Usd


_LOCK = Statement(
    """
    INSERT INTO limits AS l (wallet, scope, key, used) VALUES (:wallet, 'WALLET', :wallet, 0)
    ON CONFLICT (wallet, scope, key) DO UPDATE SET used = l.used
    """
)
_USED = Statement(
    "SELECT used FROM limits WHERE wallet = :wallet AND scope = :scope AND key = :key"
)
_SHIFT = Statement(
    """
    UPDATE limits SET used = used + :by
    WHERE wallet = :wallet AND (
        (scope = 'WALLET' AND key = :wallet) OR (scope = 'WHALE' AND key = :whale)
        OR (scope = 'MARKET' AND key = :condition_id)
        OR (scope = 'POSITION' AND key = :position_id)
    )
    """
)
_TAKE = Statement(
    """
    INSERT INTO limits AS l (wallet, scope, key, used)
    SELECT CAST(:wallet AS text), CAST(:scope AS text), CAST(:key AS text), CAST(:more AS numeric)
    WHERE CAST(:more AS numeric) <= CAST(:cap AS numeric)
    ON CONFLICT (wallet, scope, key) DO UPDATE SET used = l.used + excluded.used
    WHERE l.used + excluded.used <= CAST(:cap AS numeric)
    RETURNING used
    """
)
_EXPECTED = """
    SELECT wallet, 'WALLET' AS scope, wallet AS key, money FROM stakes
    UNION ALL SELECT wallet, 'WHALE', whale, money FROM stakes
    UNION ALL SELECT wallet, 'MARKET', condition_id, money FROM stakes
    UNION ALL SELECT wallet, 'POSITION', position_id, money FROM stakes
"""
_DRIFT = text(
    f"""
    WITH stakes AS (
        SELECT wallet, whale, condition_id, position_id, reserved AS money
        FROM reservations WHERE released_at IS NULL
        UNION ALL
        SELECT user_address, source_whale, condition_id, position_id, exposure FROM positions
    ), expected AS (
        SELECT wallet, scope, key, sum(money) AS money FROM ({_EXPECTED}) AS each
        GROUP BY wallet, scope, key
    )
    SELECT wallet, scope, key, coalesce(l.used, 0) AS used, coalesce(e.money, 0) AS expected
    FROM limits AS l FULL JOIN expected AS e USING (wallet, scope, key)
    WHERE coalesce(l.used, 0) <> coalesce(e.money, 0)
    """  # noqa: S608 - put together from constants
)


def up(money: Decimal) -> Usd:
    """Round to the micro-unit, up: what may be lost is never understated."""
    return Usd(money.quantize(MICRO, ROUND_CEILING))


def down(money: Decimal) -> Usd:
    """Round to the micro-unit, down: what we may use is never overstated."""
    return Usd(money.quantize(MICRO, ROUND_FLOOR))


async def lock_wallet(connection: AsyncConnection, wallet: Wallet) -> None:
    """Take the wallet's row, made if it is new; everything that moves limits does this first."""
    await run(connection, _LOCK, wallet=wallet)


async def take_limit(
    connection: AsyncConnection, stake: Stake, scope: Scope, more: Usd, cap: Usd
) -> Usd | None:
    """Use more of a limit unless that passes the cap, in one statement; return the use after."""
    key = stake.key(scope)
    row = await run_one(
        connection, _TAKE, wallet=stake.wallet, scope=scope, key=key, more=more, cap=cap
    )
    return None if row is None else Usd(row["used"])


async def load_used(connection: AsyncConnection, stake: Stake, scope: Scope) -> Usd:
    """Return what is used of a limit."""
    key = stake.key(scope)
    row = await run_one(connection, _USED, wallet=stake.wallet, scope=scope, key=key)
    return Usd(row["used"] if row is not None else Decimal(0))


async def shift_limits(connection: AsyncConnection, stake: Stake, by: Decimal) -> None:
    """Change the use of all four limits; facts are booked whatever the caps say."""
    if by == 0:
        return
    await run(
        connection,
        _SHIFT,
        by=by,
        wallet=stake.wallet,
        whale=stake.whale,
        condition_id=stake.condition_id,
        position_id=stake.position_id,
    )


async def audit_limits(db: Database) -> Sequence[LimitDrift]:
    """Add reservations and exposure up again and return every limit that says otherwise."""
    async with db.transaction() as connection:
        rows = (await connection.execute(_DRIFT)).mappings().all()
    return [
        LimitDrift(
            Wallet(row["wallet"]),
            Scope(row["scope"]),
            row["key"],
            Usd(row["used"]),
            Usd(row["expected"]),
        )
        for row in rows
    ]
