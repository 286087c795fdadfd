"""Reads whole books row by row, from one snapshot, whatever their length."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import RowMapping, text

from storage.database import Database
from trading.types import ZERO

BATCH = 1000
"""Rows held at a time."""

Cell = str | int | bool | Decimal | datetime | None

_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_PATIENCE = (
    text("SET LOCAL statement_timeout = '10min'"),
    text("SET LOCAL idle_in_transaction_session_timeout = '10min'"),
)
_LEDGER = """
    SELECT entry_id, timestamp AS at_utc, wallet, kind,
        CASE WHEN order_id IS NOT NULL THEN split_part(ref, '/', 1) END AS trade_id,
        order_id AS order_hash, position_id, ref, cash AS cash_usd
    FROM ledger ORDER BY entry_id
"""
_TRADES = """
    SELECT f.matched_at AS matched_at_utc, f.settled_at AS settled_at_utc, f.trade_id,
        f.order_id AS order_hash, i.attempt, i.signal_id, f.position_id,
        o.user_address AS wallet, i.whale, i.condition_id, m.question, t.outcome, f.token_id,
        f.side, f.size AS size_shares, round(f.cost / f.size, 6) AS price_usd,
        o.price AS limit_price_usd, f.cost AS notional_usd, f.fee AS fee_usd, f.settlement,
        f.is_taker, i.exit_reason, f.transaction_hash
    FROM fills AS f
    JOIN orders AS o ON o.order_id = f.order_id
    JOIN intents AS i ON i.intent_id = o.intent_id
    LEFT JOIN tokens AS t ON t.token_id = f.token_id
    LEFT JOIN markets AS m ON m.condition_id = i.condition_id
    WHERE f.matched_at >= :since AND f.matched_at < :until
    ORDER BY f.matched_at, f.trade_id, f.order_id
"""
_POSITIONS = """
    SELECT p.opened_at AS opened_at_utc, p.closed_at AS closed_at_utc, p.position_id,
        p.user_address AS wallet, p.source_whale AS whale, p.condition_id, m.question, t.outcome,
        p.token_id, p.status AS state, p.size AS size_shares,
        p.settled_size AS settled_size_shares, p.avg_entry_price AS entry_price_usd,
        p.settled_cost AS settled_cost_usd, p.current_price AS mark_price_usd,
        p.last_pnl_update AS marked_at_utc, p.payout AS payout_usd,
        coalesce(p.settled_size * coalesce(p.payout, p.current_price), p.settled_cost)
            AS worth_usd,
        p.fees AS fees_usd, p.realised_pnl AS realised_pnl_usd,
        coalesce(p.settled_size * coalesce(p.payout, p.current_price) - p.settled_cost, 0)
            AS unrealised_pnl_usd,
        p.exposure AS exposure_usd, p.exit_reason
    FROM positions AS p
    LEFT JOIN tokens AS t ON t.token_id = p.token_id
    LEFT JOIN markets AS m ON m.condition_id = p.condition_id
    WHERE p.opened_at >= :since AND p.opened_at < :until
    ORDER BY p.opened_at, p.position_id
"""
_PNL = """
    SELECT c.change_id, c.timestamp AS at_utc, c.wallet, c.cause, c.trade_id,
        nullif(c.order_id, '') AS order_hash, c.ref, c.position_id, p.source_whale AS whale,
        p.condition_id, p.token_id,
        c.cash_before AS cash_before_usd, c.cash_after AS cash_after_usd,
        c.size_before AS size_before_shares, c.size_after AS size_after_shares,
        c.settled_size_before AS settled_size_before_shares,
        c.settled_size_after AS settled_size_after_shares,
        c.entry_price_before AS entry_price_before_usd,
        c.entry_price_after AS entry_price_after_usd,
        c.settled_cost_before AS settled_cost_before_usd,
        c.settled_cost_after AS settled_cost_after_usd,
        c.fees_before AS fees_before_usd, c.fees_after AS fees_after_usd,
        c.realised_pnl_before AS realised_pnl_before_usd,
        c.realised_pnl_after AS realised_pnl_after_usd,
        c.mark_price AS mark_price_usd,
        coalesce(c.settled_size_before * c.mark_price - c.settled_cost_before, 0)
            AS unrealised_pnl_before_usd,
        coalesce(c.settled_size_after * c.mark_price - c.settled_cost_after, 0)
            AS unrealised_pnl_after_usd
    FROM pnl_changes AS c LEFT JOIN positions AS p ON p.position_id = c.position_id
    WHERE c.timestamp >= :since AND c.timestamp < :until
    ORDER BY c.change_id
"""


class Books(StrEnum):
    """What can be read."""

    TRADES = "trades"
    POSITIONS = "positions"
    PNL = "pnl"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Period:
    """From a time on, until before another."""

    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Tell whether a time lies in it."""
        return self.since <= at < self.until


_QUERIES: Mapping[Books, str] = {
    Books.TRADES: _TRADES,
    Books.POSITIONS: _POSITIONS,
    Books.PNL: _PNL,
    Books.LEDGER: _LEDGER,
}


async def stream_books(
    db: Database, books: Books, period: Period
) -> AsyncGenerator[list[Cell], None]:
    """Yield the names of the columns, then each row, oldest first.

    One transaction reads everything, so that rows fit together; few are held at a time.
    """
    asked = {} if books is Books.LEDGER else {"since": period.since, "until": period.until}
    async with db.transaction() as connection:
        await connection.execute(_SNAPSHOT)
        for patience in _PATIENCE:
            await connection.execute(patience)
        query = text(_QUERIES[books]).execution_options(yield_per=BATCH)
        result = await connection.stream(query, asked)
        if books is Books.LEDGER:
            async for row in _with_balances(result.mappings(), list(result.keys()), period):
                yield row
            return
        yield list(result.keys())
        async for found in result:
            yield list(found)


async def _with_balances(
    entries: AsyncIterator[RowMapping], names: list[str], period: Period
) -> AsyncIterator[list[Cell]]:
    """Add what each wallet's cash was before and after; all entries count, those asked show."""
    cash: dict[str, Decimal] = {}
    yield [*names, "cash_before_usd", "cash_after_usd"]
    async for entry in entries:
        before = cash.get(entry["wallet"], ZERO)
        after = cash[entry["wallet"]] = before + entry["cash_usd"]
        if period.holds(entry["at_utc"]):
            yield [*entry.values(), before, after]
