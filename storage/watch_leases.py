"""What a watcher of prices reads: its shards, and the positions that are open, held, ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from storage.lane import QuickDatabase
from storage.port import PositionRecord, StorageError
from storage.rows import read_position
from storage.statements import Statement
from storage.watch_port import POSITIONS_PAGE, SHARDS, WATCH_LEASE
from trading.types import PositionId, Wallet

_RENEW = Statement(
    """
    INSERT INTO watch_leases AS held (wallet, shard, holder, epoch, renewed_at)
    SELECT :wallet, shard, :holder, 1, :now FROM generate_series(0, :last) AS shard
    ON CONFLICT (wallet, shard) DO UPDATE SET
        holder = excluded.holder,
        epoch = held.epoch + CASE WHEN held.holder = excluded.holder THEN 0 ELSE 1 END,
        renewed_at = greatest(held.renewed_at, excluded.renewed_at)
    WHERE held.holder IN (excluded.holder, '') OR held.renewed_at <= :expired
    RETURNING shard, epoch
    """
)
_RELEASE = Statement(
    "UPDATE watch_leases SET holder = '' WHERE wallet = :wallet AND holder = :holder"
)
_LAST = Statement(
    """
    SELECT min(renewed_at) AS renewed_at FROM watch_leases
    WHERE CAST(:wallet AS text) IS NULL OR wallet = :wallet
    """
)
_OPEN_AFTER = Statement(
    """
    SELECT * FROM positions WHERE status NOT IN ('CLOSED', 'REDEEMED')
    AND (CAST(:wallet AS text) IS NULL OR user_address = :wallet)
    AND position_id > :position_id ORDER BY position_id LIMIT :page
    """
)
_HELD = Statement(
    """
    SELECT h.position_id, h.held_at FROM position_holds AS h JOIN positions AS p USING (position_id)
    WHERE p.status NOT IN ('CLOSED', 'REDEEMED')
    AND (CAST(:wallet AS text) IS NULL OR p.user_address = :wallet)
    """
)
_ENDED = Statement(
    """
    SELECT p.position_id FROM positions AS p JOIN markets AS m USING (condition_id)
    WHERE p.status = 'OPEN' AND m.end_date <= :now
    AND (CAST(:wallet AS text) IS NULL OR p.user_address = :wallet)
    """
)


async def renew_watch(db: QuickDatabase, holder: str, now: datetime) -> Mapping[int, int]:
    """Renew our shards and take those that are free; return the epoch of each we hold."""
    assert holder, "an empty name means that nobody holds a shard"
    rows = await db.lane.rows(
        _RENEW,
        wallet=_wallet(db),
        holder=holder,
        now=now,
        last=SHARDS - 1,
        expired=now - WATCH_LEASE,
    )
    return {row["shard"]: row["epoch"] for row in rows}


async def release_watch(db: QuickDatabase, holder: str) -> None:
    """Give our shards back, so that another need not wait for them."""
    await db.lane.rows(_RELEASE, wallet=_wallet(db), holder=holder)


async def last_watched(db: QuickDatabase) -> datetime | None:
    """Return when the shard that waits longest was last renewed; None: never watched."""
    row = await db.lane.row(_LAST, wallet=db.wallet)
    assert row is not None, "a minimum is always one row"
    found: datetime | None = row["renewed_at"]
    return found


async def list_open_after(db: QuickDatabase, position_id: PositionId) -> Sequence[PositionRecord]:
    """Return the positions that are not over and follow this id, by id, a page at most."""
    rows = await db.lane.rows(
        _OPEN_AFTER, wallet=db.wallet, position_id=position_id, page=POSITIONS_PAGE
    )
    return [read_position(row) for row in rows]


async def list_held(db: QuickDatabase) -> Mapping[PositionId, datetime]:
    """Return which positions a person holds, and since when."""
    rows = await db.lane.rows(_HELD, wallet=db.wallet)
    return {PositionId(row["position_id"]): row["held_at"] for row in rows}


async def list_ended(db: QuickDatabase, now: datetime) -> frozenset[PositionId]:
    """Return the open positions whose market's end has passed."""
    rows = await db.lane.rows(_ENDED, now=now, wallet=db.wallet)
    return frozenset(PositionId(row["position_id"]) for row in rows)


def _wallet(db: QuickDatabase) -> Wallet:
    if db.wallet is None:
        raise StorageError("expected records of one wallet to watch, received those of none")
    return db.wallet
