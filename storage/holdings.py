"""Whales' stakes: moves and snapshots, and how much of our lots follows them out, decided once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.lane import QuickDatabase
from storage.statements import Statement, insert_row, run, run_one
from trading.holdings import (
    HeldToken,
    LotFill,
    Mirror,
    Move,
    MoveKind,
    WhaleHolding,
    WhaleMove,
    fold_moves,
    mirror,
)
from trading.types import (
    ONE,
    ZERO,
    ExitReason,
    PositionId,
    Shares,
    Side,
    SignalId,
    Source,
    TokenId,
    Wallet,
    WhaleFill,
    WhaleSignal,
)

SHARE_STEP = Decimal("0.00000001")

_RECORD_MOVE = Statement(
    """
    INSERT INTO whale_moves (wallet, kind, condition_id, token_id, size, transaction_hash, ordinal,
        timestamp, seen_at)
    VALUES (:wallet, :kind, :condition_id, :token_id, :size, :transaction_hash, :ordinal,
        :timestamp, :seen_at)
    ON CONFLICT DO NOTHING RETURNING move_id
    """
)
_RECORD_HELD = Statement(
    """
    INSERT INTO whale_held (wallet, token_id, timestamp, size, seen_at)
    VALUES (:wallet, :token_id, :timestamp, :size, :seen_at)
    ON CONFLICT DO NOTHING
    """
)
_ELSEWHERE = Statement(
    """
    SELECT EXISTS (
        SELECT 1 FROM trades
        WHERE transaction_hash = :transaction_hash AND trader_address = :wallet
        AND token_id = :token_id AND side = :side AND source <> :source AND NOT removed
    ) AS is_known
    """
)
_MOVES = """
    SELECT side AS kind, sum(size) AS size, max(timestamp) AS at, transaction_hash, source,
        bool_and(followed) AS is_copied
    FROM trades
    WHERE trader_address = :whale AND token_id = :token_id AND NOT removed
    GROUP BY transaction_hash, source, side
    UNION ALL
    SELECT a.kind, sum(a.size), max(a.timestamp), a.transaction_hash, 'DATA_API', true
    FROM whale_moves AS a JOIN markets AS m ON m.condition_id = a.condition_id
    WHERE a.wallet = :whale
    AND a.condition_id = (SELECT condition_id FROM tokens WHERE token_id = :token_id)
    AND (a.token_id = :token_id OR (
        a.token_id = '' AND (a.kind <> 'CONVERSION' OR m.token_ids[2] = :token_id)
    ))
    GROUP BY a.kind, a.transaction_hash
    UNION ALL
    SELECT 'SNAPSHOT', size, timestamp, '', 'DATA_API', true
    FROM whale_held WHERE wallet = :whale AND token_id = :token_id
"""
"""Per transaction, kind and source what was told; a conversion gives up NO, the second token."""
_LIST_MOVES = Statement(f"{_MOVES} ORDER BY at DESC LIMIT 20000")
_HOLDING = Statement(
    f"""
    WITH moves AS ({_MOVES}), base AS (
        SELECT size, at FROM moves WHERE kind = 'SNAPSHOT' AND at < :before
        ORDER BY at DESC LIMIT 1
    )
    SELECT coalesce((SELECT size FROM base), 0) + coalesce(sum(
        CASE WHEN kind IN ('BUY', 'SPLIT') THEN size ELSE -size END
    ), 0) AS held
    FROM (
        SELECT kind, max(size) AS size FROM moves WHERE kind <> 'SNAPSHOT'
        GROUP BY transaction_hash, kind
        HAVING max(at) < :before AND max(at) > coalesce((SELECT at FROM base), '-infinity')
    ) AS per_transaction
    """  # noqa: S608 - made of our own words
)
_LOTS = Statement(
    """
    SELECT f.side, f.size, f.matched_at, i.exit_reason, s.traded_at, e.began_at,
        e.share AS exit_share,
        (SELECT array_agg(q.share) FROM mirrors AS q WHERE q.signal_id = ANY(e.signal_ids)) AS given
    FROM fills AS f
    JOIN orders AS o ON o.order_id = f.order_id
    JOIN intents AS i ON i.intent_id = o.intent_id
    LEFT JOIN signals AS s ON s.signal_id = i.signal_id
    LEFT JOIN exits AS e ON f.side = 'SELL'
        AND e.position_id = i.position_id AND e.exit_epoch = i.exit_epoch
    WHERE f.position_id = :position_id AND f.settlement <> 'FAILED'
    """
)
_ASKED = Statement(
    """
    SELECT m.share FROM mirrors AS m JOIN signals AS s ON s.signal_id = m.signal_id
    WHERE m.position_id = :position_id AND s.state IN ('WAITING', 'RUNNING')
    """
)
_LOCK_OPEN = Statement(
    """
    SELECT position_id FROM positions WHERE status NOT IN ('CLOSED', 'REDEEMED')
    AND source_whale = :whale AND token_id = :token_id
    AND (CAST(:wallet AS text) IS NULL OR user_address = :wallet)
    LIMIT 1 FOR NO KEY UPDATE
    """
)
_CLAIMED = Statement("SELECT share, held, target FROM mirrors WHERE signal_id = :signal_id")


async def record_move(db: QuickDatabase, move: WhaleMove, now: datetime) -> bool:
    """Store a move; return False when it is already there."""
    row = await db.lane.row(
        _RECORD_MOVE,
        wallet=move.wallet,
        kind=move.kind,
        condition_id=move.condition_id,
        token_id=move.token_id or "",
        size=move.size,
        transaction_hash=move.transaction_hash,
        ordinal=move.ordinal,
        timestamp=move.at,
        seen_at=now,
    )
    return row is not None


async def record_held(db: Database, held: Sequence[HeldToken], now: datetime) -> None:
    """Store what the venue says that wallets hold; what it has said before changes nothing."""
    async with db.transaction() as connection:
        for token in held:
            await run(
                connection,
                _RECORD_HELD,
                wallet=token.wallet,
                token_id=token.token_id,
                timestamp=token.at,
                size=token.size,
                seen_at=now,
            )


async def is_known_elsewhere(db: QuickDatabase, fill: WhaleFill) -> bool:
    """Tell whether another source than the fill's own has told of its transaction."""
    row = await db.lane.row(
        _ELSEWHERE,
        transaction_hash=fill.transaction_hash,
        wallet=fill.wallet,
        token_id=fill.token_id,
        side=fill.side,
        source=fill.source,
    )
    return row is not None and bool(row["is_known"])


async def whale_holding(
    db: QuickDatabase, whale: Wallet, token_id: TokenId, before: datetime
) -> Shares:
    """Return what a whale held of a token before a time, from the last snapshot on.

    Per transaction and kind the largest total that any one source reports counts, never their
    sum. A transaction counts once every source that saw it dates it before the time.
    """
    row = await db.lane.row(_HOLDING, whale=whale, token_id=token_id, before=before)
    assert row is not None, "a sum is always one row"
    return Shares(max(row["held"], ZERO))


async def claim_exit_share(db: Database, signal: WhaleSignal, now: datetime) -> Mirror | None:
    """Decide once which share of our position a whale's reduction takes; None without one.

    The position's row is locked: signals that are decided at the same time wait for each other,
    and each sees what the ones before it were given.
    """
    async with db.transaction() as connection:
        position = await run_one(
            connection,
            _LOCK_OPEN,
            whale=signal.wallet,
            token_id=signal.token_id,
            wallet=db.wallet,
        )
        known = await run_one(connection, _CLAIMED, signal_id=signal.signal_id)
        if known is not None:
            return Mirror(known["share"], Shares(known["held"]), Shares(known["target"]))
        if position is None:
            return None
        position_id = PositionId(position["position_id"])
        stake = await load_stake(connection, signal.wallet, signal.token_id, signal)
        claim = _storable(await load_mirror(connection, position_id, stake))
        await _keep(connection, signal.signal_id, position_id, claim, now)
        return claim


async def load_stake(
    connection: AsyncConnection,
    whale: Wallet,
    token_id: TokenId,
    signal: WhaleSignal | None = None,
) -> WhaleHolding:
    """Return what a whale holds of a token, and its reductions.

    A signal is a reduction by itself where nothing is stored of its transaction.
    """
    rows = await run(connection, _LIST_MOVES, whale=whale, token_id=token_id)
    moves = [_move(row) for row in rows]
    if signal is not None and signal.transaction_hash not in {m.transaction_hash for m in moves}:
        moves.append(_told(signal))
    return fold_moves(moves)


async def load_mirror(
    connection: AsyncConnection, position_id: PositionId, stake: WhaleHolding
) -> Mirror:
    """Compare a position's lots with what its whale kept, less what is asked for already."""
    rows = await run(connection, _LOTS, position_id=position_id)
    lots = [lot for row in rows for lot in _lots(row)]
    asked = [row["share"] for row in await run(connection, _ASKED, position_id=position_id)]
    return mirror(lots, stake.reductions, asked)


async def _keep(
    connection: AsyncConnection,
    signal_id: SignalId,
    position_id: PositionId,
    claim: Mirror,
    now: datetime,
) -> None:
    await insert_row(
        connection,
        "mirrors",
        signal_id=signal_id,
        position_id=position_id,
        share=claim.share,
        held=claim.held,
        target=claim.target,
        asked_at=now,
    )


def _storable(claim: Mirror) -> Mirror:
    """Round as the records do, the share down: a repeat reads what was answered first."""
    return Mirror(
        claim.share.quantize(SHARE_STEP, ROUND_FLOOR),
        Shares(round(claim.held, 6)),
        Shares(round(claim.target, 6)),
    )


def _move(row: asyncpg.Record) -> Move:
    return Move(
        kind=MoveKind(row["kind"]),
        size=Shares(row["size"]),
        at=row["at"],
        transaction_hash=row["transaction_hash"],
        source=Source(row["source"]),
        is_copied=row["is_copied"],
    )


def _told(signal: WhaleSignal) -> Move:
    return Move(
        kind=MoveKind(signal.side),
        size=signal.size,
        at=signal.traded_at,
        transaction_hash=signal.transaction_hash,
        source=signal.source,
    )


def _lots(row: asyncpg.Record) -> list[LotFill]:
    """Return a fill; a sale of an exit that others asked for too is split between them."""
    side, at = Side(row["side"]), row["began_at"] or row["matched_at"]
    whole = LotFill(side, Shares(row["size"]), at, row["traded_at"] or at)
    if side is Side.BUY:
        return [whole]
    part = _mirrored_part(row)
    parts = ((part, True), (ONE - part, False))
    return [
        replace(whole, size=Shares(whole.size * part), is_mirrored=is_mirrored)
        for part, is_mirrored in parts
        if part > 0
    ]


def _mirrored_part(row: asyncpg.Record) -> Decimal:
    """Return which part of an exit's sale answered the whale.

    The whale's signals come first and sell the shares that they were given, all others sell of
    what is left: as one exit adds up what it was asked for.
    """
    if not row["exit_share"] or not row["given"]:
        return ONE if row["exit_reason"] == ExitReason.WHALE_EXIT else ZERO
    left = ONE
    for share in row["given"]:
        left *= ONE - share
    part: Decimal = (ONE - left) / row["exit_share"]
    return min(part, ONE)
