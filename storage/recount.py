"""Adds the books up again from their rows, and tells every figure that says otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text

from storage.database import Database

DRIFTS_MAX = 1000
_BALANCES = """
    SELECT 'cash' AS what, wallet AS key, coalesce(b.cash, 0) AS stored,
        coalesce(l.cash, 0) AS counted
    FROM balances AS b FULL JOIN (
        SELECT wallet, sum(cash) AS cash FROM ledger GROUP BY wallet
    ) AS l USING (wallet)
    UNION ALL
    SELECT 'deposits', wallet, coalesce(b.deposits, 0), coalesce(l.cash, 0)
    FROM balances AS b FULL JOIN (
        SELECT wallet, sum(cash) AS cash FROM ledger WHERE kind = 'DEPOSIT' GROUP BY wallet
    ) AS l USING (wallet)
    UNION ALL
    SELECT 'entries', wallet, coalesce(b.entries, 0), coalesce(l.n, 0)
    FROM balances AS b FULL JOIN (
        SELECT wallet, count(*) AS n FROM ledger GROUP BY wallet
    ) AS l USING (wallet)
"""
_ACTIVE = """
    SELECT 'active positions', w.address, w.active_positions, count(p.position_id)
    FROM whales AS w LEFT JOIN positions AS p
        ON p.source_whale = w.address
        AND p.status IN ('OPEN', 'EXITING', 'RESOLVED', 'REDEEMABLE')
    GROUP BY w.address, w.active_positions
"""
_IDENTITY = """
    SELECT 'realised P&L less what is held at cost', b.wallet,
        coalesce(sum(p.realised_pnl - p.settled_cost), 0), b.cash - b.deposits
    FROM balances AS b LEFT JOIN positions AS p ON p.user_address = b.wallet
    GROUP BY b.wallet, b.cash, b.deposits
"""
_DAYS = """
    SELECT 'P&L of all days', p.position_id, coalesce(sum(d.pnl), 0), p.realised_pnl
    FROM positions AS p LEFT JOIN daily_pnl AS d ON d.position_id = p.position_id
    GROUP BY p.position_id
"""
_TRAIL = """
    SELECT 'trail of ' || figure.name, c.position_id, figure.told, figure.stands
    FROM (
        SELECT DISTINCT ON (position_id) * FROM pnl_changes
        WHERE position_id IS NOT NULL ORDER BY position_id, change_id DESC
    ) AS c FULL JOIN positions AS p ON p.position_id = c.position_id
    CROSS JOIN LATERAL (VALUES
        ('size', coalesce(c.size_after, 0), p.size),
        ('settled size', coalesce(c.settled_size_after, 0), p.settled_size),
        ('settled cost', coalesce(c.settled_cost_after, 0), p.settled_cost),
        ('fees', coalesce(c.fees_after, 0), p.fees),
        ('realised P&L', coalesce(c.realised_pnl_after, 0), p.realised_pnl)
    ) AS figure (name, told, stands)
"""
_CHAIN = """
    SELECT 'trail between changes', 'change ' || change_id, figure.before, figure.was
    FROM (
        SELECT *, lag(size_after, 1, 0::numeric) OVER one AS size_was,
            lag(settled_size_after, 1, 0::numeric) OVER one AS settled_size_was,
            lag(realised_pnl_after, 1, 0::numeric) OVER one AS realised_pnl_was
        FROM pnl_changes WHERE position_id IS NOT NULL
        WINDOW one AS (PARTITION BY position_id ORDER BY change_id)
    ) AS c CROSS JOIN LATERAL (VALUES
        (size_before, size_was), (settled_size_before, settled_size_was),
        (realised_pnl_before, realised_pnl_was)
    ) AS figure (before, was)
"""
_CASH = """
    SELECT 'trail of cash', b.wallet, coalesce(sum(c.cash_after - c.cash_before), 0), b.cash
    FROM balances AS b LEFT JOIN pnl_changes AS c ON c.wallet = b.wallet
    GROUP BY b.wallet, b.cash
"""
_PARTS = (_BALANCES, _ACTIVE, _IDENTITY, _DAYS, _TRAIL, _CHAIN, _CASH)
_DRIFT = text(
    f"""
    SELECT * FROM ({" UNION ALL ".join(_PARTS)}) AS each
    WHERE stored IS DISTINCT FROM counted ORDER BY what, key LIMIT :most
    """  # noqa: S608 - put together from constants
)


@dataclass(frozen=True, slots=True)
class BookDrift:
    """A kept figure that is not what its rows add up to; `key` says whose it is."""

    what: str
    key: str
    stored: Decimal
    counted: Decimal


async def audit_books(db: Database) -> Sequence[BookDrift]:
    """Recount balances, whales' active positions, P&L and its trail; return what differs.

    Nothing must: each is kept in the transaction that changes what it counts.
    """
    async with db.transaction() as connection:
        rows = (await connection.execute(_DRIFT, {"most": DRIFTS_MAX})).mappings().all()
    return [
        BookDrift(row["what"], row["key"], Decimal(row["stored"]), Decimal(row["counted"]))
        for row in rows
    ]
