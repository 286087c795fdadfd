"""Copies what is on record of orders, a signal and a position, for a person to judge by."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Text, TextClause, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import intents

Proof = Mapping[str, object]
"""Plain JSON: money as decimal text, times as ISO 8601."""
ORDERS_MAX = 20
"""Orders of one signal or exit that are copied, the newest."""

_ORDERS = text(
    """
    SELECT json_build_object(
        'order_hash', o.order_id, 'state', o.status, 'posts', o.posts, 'error', o.error,
        'had_unknown', o.had_unknown, 'adopted', o.adopted, 'is_done', o.is_done,
        'faults', o.faults, 'size_matched', trim_scale(o.size_matched)::text,
        'filled_size', trim_scale(o.filled_size)::text,
        'intent', json_build_object(
            'intent_id', i.intent_id, 'signal_id', i.signal_id, 'position_id', i.position_id,
            'attempt', i.attempt, 'exit_epoch', i.exit_epoch, 'exit_reason', i.exit_reason,
            'side', i.side, 'order_type', i.order_type, 'token_id', i.token_id,
            'size', trim_scale(i.size)::text, 'price', trim_scale(i.price)::text,
            'cost_max', trim_scale(i.cost_max)::text,
            'reference_price', trim_scale(i.reference_price)::text,
            'created_at', i.created_at, 'expires_at', i.expires_at, 'retry_until', i.retry_until
        ),
        'fills', (
            SELECT coalesce(json_agg(json_build_object(
                'trade_id', f.trade_id, 'settlement', f.settlement,
                'size', trim_scale(f.size)::text, 'cost', trim_scale(f.cost)::text,
                'fee', trim_scale(f.fee)::text, 'matched_at', f.matched_at,
                'transaction_hash', f.transaction_hash
            ) ORDER BY f.matched_at, f.trade_id), '[]')
            FROM (SELECT * FROM fills WHERE order_id = o.order_id
                  ORDER BY matched_at DESC LIMIT :parts) AS f
        ),
        'evidence', (
            SELECT coalesce(json_agg(json_build_object(
                'kind', e.kind, 'text', e.text, 'at', e.timestamp
            ) ORDER BY e.evidence_id), '[]')
            FROM (SELECT * FROM order_evidence WHERE order_id = o.order_id
                  ORDER BY evidence_id DESC LIMIT :parts) AS e
        )
    ) AS found
    FROM orders AS o JOIN intents AS i ON i.intent_id = o.intent_id
    WHERE o.order_id = ANY(:hashes)
    ORDER BY o.created_at, o.order_id
    """
).bindparams(bindparam("hashes", type_=ARRAY(Text)), bindparam("parts", 200))
_SIGNAL = text(
    """
    SELECT json_build_object(
        'signal_id', s.signal_id, 'state', s.state, 'whale', s.wallet, 'token_id', s.token_id,
        'side', s.side, 'size', trim_scale(s.size)::text, 'price', trim_scale(s.price)::text,
        'traded_at', s.traded_at, 'committed_at', s.committed_at,
        'replays_signal_id', s.replays_signal_id,
        'decisions', (
            SELECT coalesce(json_agg(json_build_object(
                'step', d.step, 'verdict', d.verdict, 'decided_at', d.decided_at
            ) ORDER BY d.decided_at, d.step), '[]')
            FROM decisions AS d WHERE d.signal_id = s.signal_id
        )
    ) AS found
    FROM signals AS s WHERE s.signal_id = :signal_id
    """
)
_POSITION = text(
    """
    SELECT json_build_object(
        'position_id', p.position_id, 'state', p.status, 'whale', p.source_whale,
        'token_id', p.token_id, 'size', trim_scale(p.size)::text,
        'settled_size', trim_scale(p.settled_size)::text,
        'exposure', trim_scale(p.exposure)::text, 'exit_epoch', p.exit_epoch,
        'exit_reason', p.exit_reason, 'mark_price', trim_scale(p.current_price)::text,
        'marked_at', p.last_pnl_update, 'opened_at', p.opened_at
    ) AS found
    FROM positions AS p WHERE p.position_id = :position_id
    """
)


async def prove_order(connection: AsyncConnection, order_hash: str) -> Proof:
    """Copy one order: its terms, its state and everything that was heard of it."""
    return {"orders": await _orders(connection, [order_hash])}


async def prove_signal(connection: AsyncConnection, signal_id: str) -> Proof:
    """Copy a signal, its decisions and its orders."""
    hashes = await _newest(connection, intents.c.signal_id == signal_id)
    return {
        "signal": await _one(connection, _SIGNAL, {"signal_id": signal_id}),
        "orders": await _orders(connection, hashes),
    }


async def prove_exit(connection: AsyncConnection, position_id: str) -> Proof:
    """Copy a position and the newest orders of its exits."""
    exits = (intents.c.position_id == position_id) & (intents.c.exit_epoch > 0)
    hashes = await _newest(connection, exits)
    return {
        "position": await _one(connection, _POSITION, {"position_id": position_id}),
        "orders": await _orders(connection, hashes),
    }


async def _newest(connection: AsyncConnection, where: ColumnElement[bool]) -> Sequence[str]:
    newest = intents.c.created_at.desc(), intents.c.attempt.desc()
    query = select(intents.c.order_hash).where(where).order_by(*newest).limit(ORDERS_MAX)
    return (await connection.execute(query)).scalars().all()


async def _orders(connection: AsyncConnection, hashes: Sequence[str]) -> Sequence[Proof]:
    found = await connection.execute(_ORDERS.columns(found=JSON), {"hashes": list(hashes)})
    return found.scalars().all()


async def _one(
    connection: AsyncConnection, statement: TextClause, question: Mapping[str, str]
) -> Proof | None:
    found = await connection.execute(statement.columns(found=JSON), question)
    proof: Proof | None = found.scalar_one_or_none()
    return proof
