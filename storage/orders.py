"""Orders: sent once per row lock, and known by evidence folded under it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.alarms import has_failed, raise_alarms
from storage.book_tables import UNRESOLVED, orders
from storage.breakers import count_failure, find_halt
from storage.database import Database, ring, storable
from storage.events import insert_event
from storage.lane import QuickDatabase
from storage.port import Event, FencedError, StorageError
from storage.rows import read_progress, read_trade
from storage.statements import Statement, insert_row, run, run_one
from trading.breakers import Subject
from trading.orders import (
    Evidence,
    OrderProgress,
    Ruling,
    VenueOrder,
    VenueTrade,
    fold,
)
from trading.submits import SubmitOutcome
from trading.types import (
    ZERO,
    ConditionId,
    OrderHash,
    OrderState,
    PositionState,
    Settlement,
    Side,
    TokenId,
    Wallet,
)

CHANNEL = "orders"
POSTS_MAX = 4
"""Copies of one order: the first, and three after it."""
_MAY_BE_SENT = (OrderState.PREPARED, OrderState.UNKNOWN)
_TAKES_ENTRIES = (PositionState.OPENING, PositionState.OPEN)
_ONE = Statement("SELECT * FROM orders WHERE order_id = :order_hash")
_FILLS = Statement("SELECT * FROM fills WHERE order_id = :order_hash ORDER BY matched_at, trade_id")
_LOCK = Statement("SELECT * FROM orders WHERE order_id = :order_hash FOR NO KEY UPDATE")
_LOCK_SENDABLE = Statement(
    """
    SELECT o.*, i.expires_at, i.retry_until, i.condition_id, p.status AS position_status,
        s.committed_at
    FROM orders AS o
    JOIN intents AS i ON i.intent_id = o.intent_id
    JOIN positions AS p ON p.position_id = o.position_id
    LEFT JOIN signals AS s ON s.signal_id = i.signal_id
    WHERE o.order_id = :order_hash
    FOR NO KEY UPDATE OF o
    """
)
_FENCE = Statement("SELECT epoch FROM leases WHERE wallet = :wallet FOR SHARE")
_SEND = Statement(
    """
    UPDATE orders SET status = 'SENDING', posts = posts + 1, sending_epoch = :epoch,
        first_sent_at = CASE posts WHEN 0 THEN :now ELSE first_sent_at END,
        execution_latency_ms = CASE posts WHEN 0 THEN :latency_ms ELSE execution_latency_ms END,
        updated_at = :now, version = version + 1
    WHERE order_id = :order_hash
    """
)
_SAVE_FILL = Statement(
    """
    INSERT INTO fills (trade_id, order_id, token_id, side, size, cost, fee, settlement,
        matched_at, transaction_hash, is_taker, settled_at, seen_at)
    VALUES (:trade_id, :order_hash, :token_id, :side, :size, :cost, :fee, :settlement,
        :matched_at, :transaction_hash, :is_taker, :settled_at, :now)
    ON CONFLICT (trade_id, order_id) DO UPDATE SET token_id = excluded.token_id,
        side = excluded.side, size = excluded.size, cost = excluded.cost, fee = excluded.fee,
        settlement = excluded.settlement, matched_at = excluded.matched_at,
        transaction_hash = excluded.transaction_hash, is_taker = excluded.is_taker,
        settled_at = excluded.settled_at
    """
)
_SAVE = Statement(
    """
    UPDATE orders SET status = :status, size_matched = :size_matched, filled_size = :filled_size,
        avg_fill_price = :avg_fill_price, error = :error, had_unknown = :had_unknown,
        adopted = :adopted, faults = :faults, is_done = :is_done, version = version + 1,
        updated_at = :now
    WHERE order_id = :order_hash
    """
)


async def begin_sending(db: Database, order_hash: OrderHash, epoch: int, now: datetime) -> bool:
    """Move PREPARED or UNKNOWN to SENDING; False when the order may not be sent (any more).

    The first copy goes before `expires_at`, three later ones before `retry_until`; entries only
    while nothing halts them and their position is not being left.

    Raises:
        FencedError: the epoch is not the wallet's newest.
    """
    async with db.transaction() as connection:
        order = await _lock_sendable(connection, order_hash)
        await _check_fence(connection, Wallet(order["user_address"]), epoch)
        deadline = order["retry_until"] if order["posts"] else order["expires_at"]
        if order["status"] not in _MAY_BE_SENT or now >= deadline or order["posts"] >= POSTS_MAX:
            return False
        if order["side"] == Side.BUY and await _is_barred(db, connection, order, now):
            return False
        latency_ms = _latency_ms(order["committed_at"], now)
        await run(
            connection, _SEND, order_hash=order_hash, epoch=epoch, now=now, latency_ms=latency_ms
        )
        await ring(connection, CHANNEL, order_hash)
        return True


async def fold_evidence(
    db: Database, order_hash: OrderHash, evidence: Sequence[Evidence], now: datetime
) -> OrderProgress:
    """Add evidence under the order's row lock with `trading.orders.fold`; notify `orders`.

    Evidence that changes nothing leaves no trace. What a person must look at is put before one,
    and a new fault halts entries of the token.
    """
    async with db.transaction() as connection:
        order = await lock_order(connection, order_hash)
        before = progress = await load_trades(connection, order)
        for each in evidence:
            after = fold(progress, each)
            if after != progress or isinstance(each, SubmitOutcome):
                await _insert_evidence(connection, order_hash, each, now)
            progress = after
        if progress != before:
            progress = replace(progress, changed_at=now)
            await _save_fills(connection, before, progress, now)
            await _save_progress(connection, progress, now)
            await raise_alarms(connection, order, before, progress, now)
            if has_failed(progress) and not has_failed(before):
                await count_failure(connection, db.rules, Wallet(order["user_address"]), now)
            await ring(connection, CHANNEL, order_hash)
    return progress


async def load_progress(db: QuickDatabase, order_hash: OrderHash) -> OrderProgress | None:
    """Return what is known of an order."""
    order = await db.lane.row(_ONE, order_hash=order_hash)
    if order is None:
        return None
    trades = await db.lane.rows(_FILLS, order_hash=order_hash)
    return read_progress(order, [read_trade(row) for row in trades])


async def list_unresolved(db: Database, limit: int) -> Sequence[OrderHash]:
    """Return orders that are not done or not booked as known, oldest first."""
    statement = select(orders.c.order_id).where(UNRESOLVED).order_by(orders.c.created_at)
    async with db.transaction() as connection:
        found = (await connection.execute(statement.limit(limit))).scalars().all()
    return [OrderHash(order_hash) for order_hash in found]


async def tell_overdue(db: Database, order_hash: OrderHash, now: datetime) -> None:
    """Page about fills of an order that the chain has neither confirmed nor refused."""
    async with db.transaction() as connection:
        title = "fills neither confirmed nor refused by the chain"
        event = Event("settlement_overdue", "PAGE", title, now, {"order_hash": order_hash})
        await insert_event(connection, event)


async def lock_order(connection: AsyncConnection, order_hash: OrderHash) -> RowMapping:
    """Read an order's row and keep it for this transaction."""
    order: RowMapping | None = await run_one(connection, _LOCK, order_hash=order_hash)
    if order is None:
        raise StorageError(f"expected order {order_hash}, found none")
    return order


async def load_trades(connection: AsyncConnection, order: RowMapping) -> OrderProgress:
    """Return an order's progress from its row and its fills."""
    rows = await run(connection, _FILLS, order_hash=order["order_id"])
    return read_progress(order, [read_trade(row) for row in rows])


async def _lock_sendable(connection: AsyncConnection, order_hash: OrderHash) -> RowMapping:
    order: RowMapping | None = await run_one(connection, _LOCK_SENDABLE, order_hash=order_hash)
    if order is None:
        raise StorageError(f"expected order {order_hash}, found none")
    return order


async def _check_fence(connection: AsyncConnection, wallet: Wallet, epoch: int) -> None:
    """Hold the lease's row until we commit, so that a takeover comes wholly before or after."""
    row = await run_one(connection, _FENCE, wallet=wallet)
    newest = None if row is None else row["epoch"]
    if newest is None or newest != epoch:
        raise FencedError(f"expected epoch {newest} for wallet {wallet}, received {epoch}")


async def _is_barred(
    db: Database, connection: AsyncConnection, order: RowMapping, now: datetime
) -> bool:
    if order["position_status"] not in _TAKES_ENTRIES:
        return True
    subject = Subject(
        Wallet(order["user_address"]),
        TokenId(order["token_id"]),
        ConditionId(order["condition_id"]),
        Wallet(order["source_whale"]),
    )
    return bool(await find_halt(connection, db.rules, subject, now))


def _latency_ms(committed_at: datetime | None, now: datetime) -> Decimal | None:
    if committed_at is None:
        return None
    return Decimal((now - committed_at) // timedelta(microseconds=1)) / 1000


async def _insert_evidence(
    connection: AsyncConnection, order_hash: OrderHash, evidence: Evidence, now: datetime
) -> None:
    kind, words = _describe(evidence)
    values = {"order_id": order_hash, "kind": kind, "text": storable(words), "timestamp": now}
    await insert_row(connection, "order_evidence", **values)


def _describe(evidence: Evidence) -> tuple[str, str]:
    match evidence:
        case VenueTrade():
            words = f"{evidence.settlement} {evidence.size} for {evidence.cost}"
            return "trade", f"{words} fee {evidence.fee} as {evidence.trade_id}"
        case VenueOrder():
            return "order", f"{evidence.state} matched {evidence.size_matched} {evidence.text}"
        case SubmitOutcome():
            return "submit", f"{evidence.kind} {evidence.state or ''} {evidence.text}"
        case Ruling():
            return "ruling", f"{evidence.state} {evidence.text}"


async def _save_fills(
    connection: AsyncConnection, before: OrderProgress, progress: OrderProgress, now: datetime
) -> None:
    for trade in progress.trades.values():
        if before.trades.get(trade.trade_id) == trade:
            continue
        await run(
            connection,
            _SAVE_FILL,
            trade_id=trade.trade_id,
            order_hash=progress.order_hash,
            token_id=trade.token_id,
            side=trade.side,
            size=trade.size,
            cost=trade.cost,
            fee=trade.fee,
            settlement=trade.settlement,
            matched_at=trade.matched_at,
            transaction_hash=trade.transaction_hash,
            is_taker=trade.is_taker,
            settled_at=now if trade.settlement.is_final else None,
            now=now,
        )


async def _save_progress(
    connection: AsyncConnection, progress: OrderProgress, now: datetime
) -> None:
    live = [t for t in progress.trades.values() if t.settlement is not Settlement.FAILED]
    filled, cost = sum((t.size for t in live), ZERO), sum((t.cost for t in live), ZERO)
    await run(
        connection,
        _SAVE,
        order_hash=progress.order_hash,
        status=progress.state,
        size_matched=progress.size_matched,
        filled_size=filled,
        avg_fill_price=cost / filled if filled else None,
        error=storable(progress.text),
        had_unknown=progress.had_unknown,
        adopted=progress.adopted,
        faults=list(progress.faults),
        is_done=progress.is_done,
        now=now,
    )
