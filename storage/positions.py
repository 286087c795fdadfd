"""Positions: found, marked in batches, given levels."""

from collections.abc import Sequence

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import positions
from storage.database import Database
from storage.lane import QuickDatabase
from storage.port import Mark, PositionRecord, StorageError
from storage.rows import read_position
from storage.statements import Statement, run_one
from trading.types import PositionId, PositionState, TokenId, Wallet

CHANNEL = "positions"

_ONE = Statement("SELECT * FROM positions WHERE position_id = :position_id")
_LOCK = Statement("SELECT * FROM positions WHERE position_id = :position_id FOR NO KEY UPDATE")
_OPEN = Statement(
    """
    SELECT * FROM positions WHERE status NOT IN ('CLOSED', 'REDEEMED')
    AND (CAST(:wallet AS text) IS NULL OR user_address = :wallet)
    ORDER BY opened_at, position_id
    """
)
_BEGINNING = Statement(
    """
    SELECT * FROM positions WHERE starts_with(position_id, :beginning)
    AND (CAST(:wallet AS text) IS NULL OR user_address = :wallet)
    ORDER BY opened_at DESC, position_id LIMIT :limit
    """
)
_OPEN_OF_WHALE = Statement(
    """
    SELECT * FROM positions WHERE status NOT IN ('CLOSED', 'REDEEMED')
    AND source_whale = :whale AND token_id = :token_id
    AND (CAST(:wallet AS text) IS NULL OR user_address = :wallet)
    LIMIT 1
    """
)
_MARK = Statement(
    """
    UPDATE positions SET current_price = news.price, last_pnl_update = news.at
    FROM (
        SELECT p.position_id, m.price, m.at
        FROM positions AS p
        JOIN unnest(
            CAST(:token_ids AS text[]), CAST(:prices AS numeric[]), CAST(:times AS timestamptz[])
        ) AS m (token_id, price, at) ON m.token_id = p.token_id
        WHERE p.status IN ('OPENING', 'OPEN', 'EXITING')
        AND (p.last_pnl_update IS NULL OR p.last_pnl_update < m.at)
        ORDER BY p.position_id
        FOR NO KEY UPDATE OF p
    ) AS news
    WHERE positions.position_id = news.position_id
    """
)


async def load_position(db: QuickDatabase, position_id: PositionId) -> PositionRecord | None:
    """Return a position."""
    row = await db.lane.row(_ONE, position_id=position_id)
    return read_position(row) if row is not None else None


async def find_open(db: QuickDatabase, whale: Wallet, token_id: TokenId) -> PositionRecord | None:
    """Return our open position of a token that came from a whale."""
    row = await db.lane.row(_OPEN_OF_WHALE, whale=whale, token_id=token_id, wallet=db.wallet)
    return read_position(row) if row is not None else None


async def find_positions(db: QuickDatabase, beginning: str, limit: int) -> Sequence[PositionRecord]:
    """Return the positions whose ids begin so, the newest first."""
    rows = await db.lane.rows(_BEGINNING, beginning=beginning, limit=limit, wallet=db.wallet)
    return [read_position(row) for row in rows]


async def list_open(db: QuickDatabase) -> Sequence[PositionRecord]:
    """Return all positions that are not over, oldest first."""
    return [read_position(row) for row in await db.lane.rows(_OPEN, wallet=db.wallet)]


async def list_dust(db: Database) -> Sequence[PositionRecord]:
    """Return closed positions that still hold dust, which a resolution redeems with the rest."""
    statement = select(positions).where(
        positions.c.status == PositionState.CLOSED, positions.c.settled_size > 0
    )
    if db.wallet is not None:
        statement = statement.where(positions.c.user_address == db.wallet)
    async with db.transaction() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return [read_position(row) for row in rows]


async def save_marks(db: QuickDatabase, marks: Sequence[Mark]) -> None:
    """Store marks for all open positions of the tokens in one batch; older ones are ignored.

    Rows are locked in one order, so that two batches never wait for each other in a ring.
    """
    newest = {mark.token_id: mark for mark in sorted(marks, key=lambda mark: mark.at)}
    if not newest:
        return
    await db.lane.rows(
        _MARK,
        token_ids=list(newest),
        prices=[mark.price for mark in newest.values()],
        times=[mark.at for mark in newest.values()],
    )


async def lock_position(connection: AsyncConnection, position_id: PositionId) -> RowMapping:
    """Read a position's row and keep it for this transaction."""
    row: RowMapping | None = await run_one(connection, _LOCK, position_id=position_id)
    if row is None:
        raise StorageError(f"expected position {position_id}, found none")
    return row
