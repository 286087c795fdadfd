"""Redemptions on their way: one open for a wallet, each sent as it was committed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from storage.database import Database, ring, storable
from storage.port import FencedError
from storage.positions import CHANNEL
from storage.redeem_port import Sending, SendingState
from storage.statements import Statement, run, run_one
from trading.types import ConditionId, PositionId, Wallet

_INSERT = Statement(
    """
    INSERT INTO redemption_sendings
        (redemption_id, wallet, condition_id, request, state, created_at)
    VALUES (:redemption_id, :wallet, :condition_id, :request, 'OPEN', :created_at)
    ON CONFLICT DO NOTHING
    """
)
_OPEN = Statement("SELECT * FROM redemption_sendings WHERE wallet = :wallet AND state = 'OPEN'")
_ONE = Statement("SELECT * FROM redemption_sendings WHERE redemption_id = :redemption_id")
_LAST = Statement(
    """
    SELECT * FROM redemption_sendings WHERE wallet = :wallet AND condition_id = :condition_id
    ORDER BY created_at DESC LIMIT 1
    """
)
_FENCE = Statement("SELECT epoch FROM leases WHERE wallet = :wallet FOR SHARE")
_SEND = Statement(
    """
    UPDATE redemption_sendings SET sends = sends + 1, sent_at = :now
    WHERE redemption_id = :redemption_id AND state = 'OPEN'
    AND (sent_at IS NULL OR sent_at <= :sent_before)
    RETURNING redemption_id
    """
)
_NOTE = Statement(
    """
    UPDATE redemption_sendings SET error = :error,
        handle = CASE WHEN handle = '' THEN :handle ELSE handle END
    WHERE redemption_id = :redemption_id
    """
)
_END = Statement(
    """
    UPDATE redemption_sendings SET state = :state, ended_at = :now,
        error = CASE WHEN CAST(:error AS text) = '' THEN error ELSE :error END
    WHERE redemption_id = :redemption_id AND state = 'OPEN'
    """
)
_REDEEMABLE = Statement(
    """
    UPDATE positions SET status = 'REDEEMABLE'
    WHERE position_id = :position_id AND status = 'RESOLVED' RETURNING position_id
    """
)


async def commit_sending(db: Database, sending: Sending) -> Sending:
    """Commit a redemption; return the wallet's open one instead where there is one."""
    async with db.transaction() as connection:
        await run(
            connection,
            _INSERT,
            redemption_id=sending.redemption_id,
            wallet=sending.wallet,
            condition_id=sending.condition_id,
            request=sending.request,
            created_at=sending.created_at,
        )
        row = await run_one(connection, _OPEN, wallet=sending.wallet)
        row = row or await run_one(connection, _ONE, redemption_id=sending.redemption_id)
        assert row is not None, f"expected {sending.redemption_id} or another to be there"
        return _read(row)


async def open_sending(db: Database, wallet: Wallet) -> Sending | None:
    """Return the wallet's open redemption."""
    async with db.transaction() as connection:
        return _read_first(await run(connection, _OPEN, wallet=wallet))


async def last_sending(db: Database, wallet: Wallet, condition_id: ConditionId) -> Sending | None:
    """Return the newest redemption of a condition."""
    async with db.transaction() as connection:
        rows = await run(connection, _LAST, wallet=wallet, condition_id=condition_id)
        return _read_first(rows)


async def begin_redeeming(
    db: Database, redemption_id: str, epoch: int, now: datetime, apart: timedelta
) -> bool:
    """Count a sending; False when it is over or was sent less than `apart` ago.

    Raises:
        FencedError: the epoch is not the wallet's newest.
    """
    async with db.transaction() as connection:
        row = await run_one(connection, _ONE, redemption_id=redemption_id)
        assert row is not None, f"expected redemption {redemption_id} to be committed"
        lease = await run_one(connection, _FENCE, wallet=row["wallet"])
        newest = None if lease is None else lease["epoch"]
        if newest != epoch:
            raise FencedError(
                f"expected epoch {newest} for wallet {row['wallet']}, received {epoch}"
            )
        sent = await run_one(
            connection, _SEND, redemption_id=redemption_id, now=now, sent_before=now - apart
        )
        return sent is not None


async def note_sending(db: Database, redemption_id: str, handle: str, error: str) -> None:
    """Keep what sending brought; a handle that is known stays."""
    async with db.transaction() as connection:
        await run(
            connection,
            _NOTE,
            redemption_id=redemption_id,
            handle=storable(handle),
            error=storable(error),
        )


async def end_sending(
    db: Database, redemption_id: str, state: SendingState, error: str, now: datetime
) -> None:
    """End a redemption; the first end stands."""
    assert state is not SendingState.OPEN, "an end is DONE or DEAD"
    async with db.transaction() as connection:
        await run(
            connection,
            _END,
            redemption_id=redemption_id,
            state=state.value,
            error=storable(error),
            now=now,
        )


async def mark_redeemable(db: Database, position_id: PositionId, now: datetime) -> None:
    """Move a resolved position to REDEEMABLE: the chain will pay for its shares."""
    del now  # a state has no time of its own; its events have
    async with db.transaction() as connection:
        if await run_one(connection, _REDEEMABLE, position_id=position_id) is not None:
            await ring(connection, CHANNEL, position_id)


def _read_first(rows: Sequence[asyncpg.Record]) -> Sending | None:
    return _read(rows[0]) if rows else None


def _read(row: asyncpg.Record) -> Sending:
    return Sending(
        redemption_id=row["redemption_id"],
        wallet=Wallet(row["wallet"]),
        condition_id=ConditionId(row["condition_id"]),
        request=row["request"],
        state=SendingState(row["state"]),
        created_at=row["created_at"],
        sends=row["sends"],
        handle=row["handle"],
        error=row["error"],
        sent_at=row["sent_at"],
        ended_at=row["ended_at"],
    )
