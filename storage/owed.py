"""Positions that are larger than their whales' stakes say, though nobody is asked to sell them."""

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.holding_port import Owed, OwedPage
from storage.holdings import load_mirror, load_stake
from storage.statements import Statement, run
from trading.holdings import Reduction
from trading.types import (
    ONE,
    ZERO,
    PositionId,
    Price,
    Side,
    SignalId,
    Source,
    TokenId,
    Wallet,
    WhaleSignal,
)

GRACE = timedelta(seconds=5)
"""A sale that was heard becomes a signal of its own within this time."""
ASK_EVERY = timedelta(seconds=30)
"""The same position is asked for again no sooner, whatever became of the last request."""
PAGE = 100  # positions
PRICE_UNKNOWN = Price(Decimal("0.5"))

_REDUCED = Statement(
    """
    SELECT p.position_id, p.source_whale, p.token_id, p.current_price, m.min_size,
        (SELECT count(*) FROM mirrors AS q WHERE q.position_id = p.position_id) AS asked
    FROM positions AS p JOIN markets AS m ON m.condition_id = p.condition_id
    WHERE p.position_id > :after AND p.status = 'OPEN' AND p.settled_size >= m.min_size
    AND m.payouts IS NULL AND NOT m.closed
    AND (CAST(:wallet AS text) IS NULL OR p.user_address = :wallet)
    AND (
        EXISTS (
            SELECT 1 FROM trades AS t
            WHERE t.trader_address = p.source_whale AND t.token_id = p.token_id
            AND t.side = 'SELL' AND t.timestamp > p.opened_at - interval '1 minute'
            AND t.seen_at > :since
        ) OR EXISTS (
            SELECT 1 FROM whale_moves AS a
            WHERE a.wallet = p.source_whale AND a.condition_id = p.condition_id
            AND a.kind IN ('MERGE', 'CONVERSION')
            AND a.timestamp > p.opened_at - interval '1 minute' AND a.seen_at > :since
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM trades AS t
        WHERE t.trader_address = p.source_whale AND t.token_id = p.token_id
        AND t.side = 'SELL' AND t.seen_at > :heard_before
        AND t.timestamp > p.opened_at - interval '1 minute'
    )
    AND NOT EXISTS (
        SELECT 1 FROM signals AS s
        WHERE s.wallet = p.source_whale AND s.token_id = p.token_id AND s.side = 'SELL'
        AND s.state IN ('WAITING', 'RUNNING')
    )
    AND NOT EXISTS (
        SELECT 1 FROM mirrors AS q JOIN signals AS s ON s.signal_id = q.signal_id
        WHERE q.position_id = p.position_id
        AND q.asked_at > :asked_before
    )
    ORDER BY p.position_id LIMIT :at_most
    """
)


_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
"""A sale that comes between the two looks belongs to its own signal."""


async def list_owed(db: Database, since: datetime, now: datetime, after: str = "") -> OwedPage:
    """Return positions that no request to leave brings down to what their whales kept.

    Looked at is what a whale has reduced in a way that was heard of since a time, from the
    position after a given one. What is owed is the market's smallest order at least; a resolved
    market's shares are redeemed and not sold.
    """
    async with db.transaction() as connection:
        await connection.execute(_ONE_MOMENT)
        rows = await run(
            connection,
            _REDUCED,
            wallet=db.wallet,
            since=since,
            heard_before=now - GRACE,
            asked_before=now - ASK_EVERY,
            after=after,
            at_most=PAGE,
        )
        found = [await _owed(connection, row, now) for row in rows]
    last = PositionId(rows[-1]["position_id"]) if len(rows) == PAGE else None
    return OwedPage(tuple(owed for owed in found if owed is not None), last)


async def _owed(connection: AsyncConnection, row: asyncpg.Record, now: datetime) -> Owed | None:
    whale, token_id = Wallet(row["source_whale"]), TokenId(row["token_id"])
    position_id = PositionId(row["position_id"])
    stake = await load_stake(connection, whale, token_id)
    mirror = await load_mirror(connection, position_id, stake)
    if mirror.owed < row["min_size"]:
        return None
    return Owed(position_id, _signal(row, max(stake.reductions, key=_when), now), mirror)


def _when(reduction: Reduction) -> tuple[datetime, str]:
    return reduction.at, reduction.transaction_hash


def _signal(row: asyncpg.Record, last: Reduction, now: datetime) -> WhaleSignal:
    """Return the whale's order that this amounts to; its id changes once it was answered."""
    name = f"mirror|{row['position_id']}|{row['asked']}"
    mark = row["current_price"]
    return WhaleSignal(
        signal_id=SignalId(sha256(name.encode()).hexdigest()),
        wallet=Wallet(row["source_whale"]),
        token_id=TokenId(row["token_id"]),
        side=Side.SELL,
        size=last.size,
        price=Price(mark) if mark is not None and ZERO < mark < ONE else PRICE_UNKNOWN,
        fill_count=1,
        traded_at=last.at,
        detected_at=now,
        source=Source.DATA_API,
        transaction_hash=last.transaction_hash,
    )
