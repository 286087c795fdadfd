"""Every whale fill that any source reported."""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.lane import QuickDatabase
from storage.port import KeptFill
from storage.rows import read_whale_fill
from storage.statements import Statement
from storage.tables import trades
from trading.types import MICRO, Reason, WhaleFill

_RECORD = Statement(
    """
    INSERT INTO trades (condition_id, trader_address, token_id, side, size, price,
        transaction_hash, log_index, block_number, order_hash, is_taker, source, ordinal,
        timestamp, seen_at, removed)
    VALUES ((SELECT condition_id FROM tokens WHERE token_id = :token_id), :wallet, :token_id,
        :side, :size, :price, :transaction_hash, :log_index, :block_number, :order_hash,
        :is_taker, :source, :ordinal, :timestamp, :seen_at, :removed)
    ON CONFLICT DO NOTHING RETURNING trade_id
    """
)


async def record_fill(db: QuickDatabase, fill: WhaleFill, ordinal: int = 0) -> bool:
    """Store a fill; return False when an earlier report of it by this source is already there.

    A report with a log index is known by (source, transaction, log index, wallet). One without is
    known by its terms and `ordinal`, its number among identical fills of one answer of that
    source: a source that repeats itself is counted once, a source that reports two like fills,
    twice. A `removed` report takes the stored one back; only a report from another block brings
    it again, so that a late copy of what the chain dropped changes nothing.
    """
    stored = await db.lane.row(
        _RECORD,
        wallet=fill.wallet,
        token_id=fill.token_id,
        side=fill.side,
        size=fill.size,
        price=fill.price,
        transaction_hash=fill.transaction_hash,
        log_index=fill.log_index,
        block_number=fill.block_number,
        order_hash=fill.order_hash,
        is_taker=fill.is_taker,
        source=fill.source,
        ordinal=ordinal,
        timestamp=fill.traded_at,
        seen_at=fill.seen_at,
        removed=fill.removed,
    )
    if stored is not None:
        return True
    async with db.transaction() as connection:
        return await _is_news(connection, fill, ordinal)


async def skip_fills(db: Database, fills: Sequence[WhaleFill], reason: Reason) -> None:
    """Mark fills as not followed, with the reason, in every source's report of them."""
    async with db.transaction() as connection:
        for fill in fills:
            same = and_(
                trades.c.transaction_hash == fill.transaction_hash,
                trades.c.trader_address == fill.wallet,
                trades.c.token_id == fill.token_id,
                trades.c.side == fill.side,
            )
            skipped = update(trades).where(same).values(followed=False, skip_reason=reason)
            await connection.execute(skipped)


async def list_recent_fills(db: Database, since: datetime, limit: int) -> Sequence[KeptFill]:
    """Return the newest fills seen since a time, in the order in which they were stored."""
    newest = (
        select(trades)
        .where(trades.c.seen_at > since)
        .order_by(trades.c.seen_at.desc(), trades.c.trade_id.desc())
        .limit(limit)
        .subquery()
    )
    async with db.transaction() as connection:
        rows = await connection.execute(select(newest).order_by(newest.c.trade_id))
        return [read_whale_fill(row) for row in rows.mappings()]


async def _is_news(connection: AsyncConnection, fill: WhaleFill, ordinal: int) -> bool:
    """Tell whether a report that is there is this one, or is turned by it.

    The same report is one heard at the same instant: it was committed, and the answer to that was
    lost. One of an earlier time is a repetition.
    """
    same = _is_report(fill, ordinal)
    found = (await connection.execute(select(trades).where(same))).mappings().one_or_none()
    if found is None:
        return False
    is_other_block = found["block_number"] != fill.block_number
    if found["removed"] != fill.removed and (fill.removed or is_other_block):
        turned = {"removed": fill.removed, "block_number": fill.block_number}
        await connection.execute(update(trades).where(same).values(turned))
        return True
    return fill.log_index is None and bool(found["seen_at"] == fill.seen_at)


def _is_report(fill: WhaleFill, ordinal: int) -> ColumnElement[bool]:
    same = [
        trades.c.transaction_hash == fill.transaction_hash,
        trades.c.trader_address == fill.wallet,
        trades.c.source == fill.source,
    ]
    if fill.log_index is not None:
        return and_(*same, trades.c.log_index == fill.log_index)
    return and_(
        *same,
        trades.c.log_index.is_(None),
        trades.c.token_id == fill.token_id,
        trades.c.side == fill.side,
        trades.c.size == fill.size.quantize(MICRO, ROUND_HALF_UP),
        trades.c.price == fill.price.quantize(MICRO, ROUND_HALF_UP),
        trades.c.ordinal == ordinal,
    )
