"""Shows what was earned per position, whale, market and day, and whether it adds up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import Account, load_account
from storage.database import Database
from storage.view_money import find_wallet
from trading.portfolio import Pnl, PositionPnl, identity_gap
from trading.types import ConditionId, PositionId, Shares, Usd, Wallet

LINES_MAX = 500
DAYS_MAX = 400

_SUMS = """
    count(*) AS positions,
    count(*) FILTER (WHERE settled_size > 0) AS held,
    coalesce(sum(settled_cost), 0) AS cost,
    coalesce(sum(coalesce(settled_size * coalesce(payout, current_price), settled_cost)), 0)
        AS worth,
    coalesce(sum(fees), 0) AS fees,
    coalesce(sum(realised_pnl), 0) AS realised
"""
_TOTAL = text(f"SELECT {_SUMS} FROM positions WHERE user_address = :wallet")  # noqa: S608 - ours
_GROUPED = """
    WITH sums AS (
        SELECT {key} AS key, {sums} FROM positions AS p WHERE user_address = :wallet GROUP BY {key}
    )
    SELECT sums.*, {label} AS label FROM sums {joined}
    ORDER BY realised + worth - cost DESC, key LIMIT :most
"""
_ACTIVE = text("SELECT address, active_positions FROM whales WHERE active_positions > 0")
_POSITIONS = text(
    """
    SELECT p.*, coalesce(t.outcome || ', ', '') || coalesce(m.question, p.token_id) AS label
    FROM positions AS p
    LEFT JOIN tokens AS t ON t.token_id = p.token_id
    LEFT JOIN markets AS m ON m.condition_id = p.condition_id
    WHERE p.user_address = :wallet ORDER BY p.opened_at DESC, p.position_id LIMIT :most
    """
)
_DAYS = text(
    """
    SELECT d.day, count(*) AS positions, sum(d.pnl) AS realised,
        (SELECT e.cash + e.bid_value FROM equity AS e
         WHERE e.wallet = :wallet AND e.minute >= d.day AND e.minute < d.day + 1
         ORDER BY e.minute DESC LIMIT 1) AS equity
    FROM daily_pnl AS d WHERE d.wallet = :wallet
    GROUP BY d.day ORDER BY d.day DESC LIMIT :most
    """
)


class PnlBy(StrEnum):
    """What P&L is split by."""

    POSITION = "position"
    WHALE = "whale"
    MARKET = "market"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class PnlLine:
    """The P&L of one whale or market."""

    key: str
    label: str
    pnl: Pnl


@dataclass(frozen=True, slots=True)
class PositionLine:
    """The P&L of one position, over or not; its size is that of confirmed shares."""

    label: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    pnl: PositionPnl


@dataclass(frozen=True, slots=True)
class DayLine:
    """What was realised on one UTC day of confirmation, and the equity at its last sample."""

    day: date
    positions: int
    realised: Usd
    equity: Usd | None


@dataclass(frozen=True, slots=True)
class PnlTotal:
    """All P&L of a wallet beside its money, read at one instant."""

    wallet: Wallet | None
    pnl: Pnl
    account: Account

    @property
    def gap(self) -> Usd:
        """Return realised + unrealised - (cash + worth - deposits); anything but 0 is wrong."""
        return identity_gap(self.pnl, self.account.cash, self.account.deposits)

    @property
    def gain(self) -> Decimal | None:
        """Return P&L as a share of net deposits, None without any."""
        deposits = self.account.deposits
        return self.pnl.total / deposits if deposits > 0 else None


_KEYS: Mapping[PnlBy, tuple[str, str, str]] = {
    PnlBy.WHALE: (
        "p.source_whale",
        "coalesce(nullif(w.pseudonym, ''), sums.key)",
        "LEFT JOIN whales AS w ON w.address = sums.key",
    ),
    PnlBy.MARKET: (
        "p.condition_id",
        "coalesce(nullif(m.question, ''), sums.key)",
        "LEFT JOIN markets AS m ON m.condition_id = sums.key",
    ),
}


async def load_total(db: Database) -> PnlTotal:
    """Return the whole P&L and the money that it must equal."""
    async with db.transaction() as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        wallet = await find_wallet(connection, db)
        sums = (await connection.execute(_TOTAL, {"wallet": wallet})).mappings().one()
        return PnlTotal(wallet or None, _pnl(sums), await load_account(connection, wallet))


async def list_pnl(db: Database, by: PnlBy, limit: int = LINES_MAX) -> Sequence[PnlLine]:
    """Return P&L by whale or market, the best first."""
    key, label, joined = _KEYS[by]
    query = text(_GROUPED.format(key=key, sums=_SUMS, label=label, joined=joined))
    async with db.transaction() as connection:
        rows = await _rows(connection, db, query, limit)
    return [PnlLine(row["key"], row["label"], _pnl(row)) for row in rows]


async def count_active(db: Database) -> Mapping[Wallet, int]:
    """Return how many positions each whale has that hold something; those with none are left out.

    All wallets' count: it is kept on the whale, in the transaction of each fill.
    """
    async with db.transaction() as connection:
        rows = (await connection.execute(_ACTIVE)).mappings().all()
    return {Wallet(row["address"]): row["active_positions"] for row in rows}


async def list_position_pnl(db: Database, limit: int = LINES_MAX) -> Sequence[PositionLine]:
    """Return P&L by position, the newest first, those that are over too."""
    async with db.transaction() as connection:
        rows = await _rows(connection, db, _POSITIONS, limit)
    return [_position(row) for row in rows]


async def list_days(db: Database, limit: int = DAYS_MAX) -> Sequence[DayLine]:
    """Return what each UTC day realised, the newest first; days without any are left out."""
    async with db.transaction() as connection:
        rows = await _rows(connection, db, _DAYS, limit)
    return [DayLine(row["day"], row["positions"], row["realised"], row["equity"]) for row in rows]


async def _rows(
    connection: AsyncConnection, db: Database, query: TextClause, limit: int
) -> Sequence[RowMapping]:
    wallet = await find_wallet(connection, db)
    return (await connection.execute(query, {"wallet": wallet, "most": limit})).mappings().all()


def _pnl(row: RowMapping) -> Pnl:
    return Pnl(
        positions=row["positions"],
        held=row["held"],
        cost=Usd(row["cost"]),
        worth=Usd(row["worth"]),
        fees=Usd(row["fees"]),
        realised=Usd(row["realised"]),
    )


def _position(row: RowMapping) -> PositionLine:
    pnl = PositionPnl(
        position_id=PositionId(row["position_id"]),
        whale=Wallet(row["source_whale"]),
        condition_id=ConditionId(row["condition_id"]),
        size=Shares(row["settled_size"]),
        cost=Usd(row["settled_cost"]),
        fees=Usd(row["fees"]),
        realised=Usd(row["realised_pnl"]),
        mark=row["current_price"] if row["payout"] is None else row["payout"],
    )
    return PositionLine(
        label=row["label"],
        state=row["status"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        pnl=pnl,
    )
