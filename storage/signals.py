"""Signals: the outbox between listening and trading, claimed by workers, ended once."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import intents, orders
from storage.database import Database, ring
from storage.decision_inputs import Judgement
from storage.lane import QuickDatabase
from storage.port import StorageError, StoredSignal
from storage.reviews import Review, ReviewKind, open_review
from storage.rows import read_signal
from storage.statements import Statement, run, run_one
from trading.rules import OrderRules
from trading.types import (
    Reason,
    Refusal,
    SignalId,
    SignalState,
    WhaleFill,
    WhaleSignal,
)

CLAIM = timedelta(seconds=2)
"""A claim of a dispatcher that died is free again while the signal is still fresh."""
CHANNEL = "signals"
EXPIRED_MAX = 1000  # in one statement

_STORE = """
    INSERT INTO signals (signal_id, wallet, token_id, side, size, price, fill_count, traded_at,
        detected_at, source, transaction_hash, state, committed_at, replays_signal_id)
    VALUES (:signal_id, :wallet, :token_id, :side, :size, :price, :fill_count, :traded_at,
        :detected_at, :source, :transaction_hash, 'WAITING', :committed_at, :replays_signal_id)
    ON CONFLICT DO NOTHING RETURNING signal_id
"""
_INSERT = Statement(_STORE)
_RECORD = Statement(
    f"""
    WITH marked AS (
        UPDATE trades SET signal_id = :signal_id
        WHERE trader_address = :wallet AND token_id = :token_id AND side = :side
        AND transaction_hash = ANY(CAST(:told_in AS text[])) AND signal_id IS NULL
    ), stored AS ({_STORE}), seen AS (
        UPDATE whales SET last_active = greatest(last_active, :traded_at)
        WHERE address = :wallet AND EXISTS (SELECT FROM stored)
    )
    SELECT pg_notify('{CHANNEL}', signal_id) FROM stored
    """  # noqa: S608 - made of our own words
)
"""What is stored of the transactions is marked whichever source told it: the largest counted."""
_CLAIM = Statement(
    """
    UPDATE signals SET claimed_by = :claimant, claimed_until = :claimed_until
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE state = 'WAITING' AND (claimed_until IS NULL OR claimed_until <= :now)
        ORDER BY committed_at, signal_id
        LIMIT :limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING *
    """
)
_EXPIRE = Statement(
    """
    WITH late AS (
        SELECT signal_id, deadline
        FROM signals CROSS JOIN LATERAL (
            SELECT least(
                committed_at + CAST(:after_commit AS interval),
                traded_at + CAST(:after_trade AS interval)
            ) AS deadline
        ) AS limits
        WHERE state = 'WAITING' AND claimed_by IS NULL AND side = 'BUY' AND deadline < :now
        ORDER BY committed_at, signal_id
        LIMIT :limit
        FOR NO KEY UPDATE OF signals SKIP LOCKED
    ), ended AS (
        UPDATE signals SET state = 'EXPIRED', finished_at = :now,
            refusal_reason = 'SIGNAL_TOO_OLD',
            refusal_numbers = json_build_object('deadline', late.deadline, 'now', :now)
        FROM late WHERE signals.signal_id = late.signal_id
        RETURNING signals.signal_id
    )
    SELECT pg_notify('signals', signal_id) FROM ended
    """
)
_RELEASE = Statement(
    """
    UPDATE signals SET state = 'RUNNING', claimed_by = :claimant, claimed_until = NULL
    WHERE signal_id = :signal_id AND state = 'WAITING'
    """
)
_HOLD = Statement("SELECT signal_id FROM signals WHERE signal_id = :signal_id FOR NO KEY UPDATE")
_ORDERED = Statement("SELECT intent_id FROM intents WHERE signal_id = :signal_id LIMIT 1")
_END = Statement(
    """
    UPDATE signals SET state = :state, finished_at = :now, claimed_until = NULL,
        refusal_reason = :reason, refusal_numbers = CAST(CAST(:numbers AS text) AS json)
    WHERE signal_id = :signal_id AND state IN ('WAITING', 'RUNNING')
    RETURNING signal_id
    """
)
_ONE = Statement("SELECT * FROM signals WHERE signal_id = :signal_id")
_DECIDE = Statement(
    """
    INSERT INTO decisions (signal_id, step, verdict, decided_at)
    VALUES (:signal_id, :step, :verdict, :now) ON CONFLICT DO NOTHING
    """
)
_JUDGE = Statement(
    """
    INSERT INTO decisions (signal_id, step, verdict, inputs, decided_at)
    VALUES (:signal_id, :step, :verdict, :inputs, :now) ON CONFLICT DO NOTHING
    """
)
_DECIDED = Statement("SELECT verdict FROM decisions WHERE signal_id = :signal_id AND step = :step")
_INPUTS = Statement("SELECT inputs FROM decisions WHERE signal_id = :signal_id AND step = :step")


async def record_signal(
    db: QuickDatabase, signal: WhaleSignal, now: datetime, fills: Sequence[WhaleFill] = ()
) -> bool:
    """Commit a signal with the mark on its fills, notify `signals`; False when it was there."""
    told_in = sorted({fill.transaction_hash for fill in fills})
    return await db.lane.row(_RECORD, told_in=told_in, **_columns(signal, now, None)) is not None


async def insert_signal(
    connection: AsyncConnection, signal: WhaleSignal, now: datetime, replays: SignalId
) -> bool:
    """Commit a WAITING signal that decides another anew and ring for the dispatchers.

    Return False when it was there before.
    """
    stored = await run(connection, _INSERT, **_columns(signal, now, replays))
    if stored:
        await ring(connection, CHANNEL, signal.signal_id)
    return bool(stored)


def _columns(signal: WhaleSignal, now: datetime, replays: SignalId | None) -> dict[str, object]:
    return {
        "signal_id": signal.signal_id,
        "wallet": signal.wallet,
        "token_id": signal.token_id,
        "side": signal.side,
        "size": signal.size,
        "price": signal.price,
        "fill_count": signal.fill_count,
        "traded_at": signal.traded_at,
        "detected_at": signal.detected_at,
        "source": signal.source,
        "transaction_hash": signal.transaction_hash,
        "committed_at": now,
        "replays_signal_id": replays,
    }


async def claim_signals(
    db: QuickDatabase, claimant: str, limit: int, now: datetime
) -> Sequence[StoredSignal]:
    """Claim waiting signals (or expired claims) for 2 s, oldest first, skipping locked rows."""
    rows = await db.lane.rows(
        _CLAIM, claimant=claimant, limit=limit, now=now, claimed_until=now + CLAIM
    )
    found = [read_signal(row) for row in rows]
    return sorted(found, key=lambda stored: (stored.committed_at, stored.signal.signal_id))


async def expire_signals(db: QuickDatabase, rules: OrderRules, now: datetime) -> int:
    """End entries that were never claimed and are too old by now; return how many.

    A trade starts only after a claim. So nobody can be trading these, and a storm of signals
    leaves no queue of trades behind that would only find out that they are late.
    """
    expired = await db.lane.rows(
        _EXPIRE,
        now=now,
        limit=EXPIRED_MAX,
        after_commit=rules.entry_expires_after,
        after_trade=rules.traded_expires_after,
    )
    return len(expired)


async def release_claim(db: QuickDatabase, signal_id: SignalId, claimant: str) -> None:
    """Mark a claimed signal RUNNING for good: its workflow exists, whoever holds the claim now."""
    await db.lane.rows(_RELEASE, signal_id=signal_id, claimant=claimant)


async def load_signal(db: QuickDatabase, signal_id: SignalId) -> StoredSignal | None:
    """Return a signal."""
    row = await db.lane.row(_ONE, signal_id=signal_id)
    return read_signal(row) if row is not None else None


async def save_decision(
    db: QuickDatabase, signal_id: SignalId, step: str, verdict: Mapping[str, str], now: datetime
) -> None:
    """Store what a step decided, with its numbers; the first verdict of a step stands."""
    await db.lane.rows(_DECIDE, signal_id=signal_id, step=step, verdict=dict(verdict), now=now)


async def save_judgement(
    db: QuickDatabase, signal_id: SignalId, judgement: Judgement, now: datetime
) -> None:
    """Store what a step decided and from what; the first judgement of a step stands."""
    await db.lane.rows(
        _JUDGE,
        signal_id=signal_id,
        step=judgement.step,
        verdict=dict(judgement.verdict),
        inputs=judgement.inputs or None,
        now=now,
    )


async def load_inputs(db: QuickDatabase, signal_id: SignalId, step: str) -> str:
    """Return what a step's verdict was made from, "" when that was not kept."""
    row = await db.lane.row(_INPUTS, signal_id=signal_id, step=step)
    return row["inputs"] or "" if row is not None else ""


async def load_decision(
    db: QuickDatabase, signal_id: SignalId, step: str
) -> Mapping[str, str] | None:
    """Return a step's stored verdict, its figures in the order they were computed."""
    row = await db.lane.row(_DECIDED, signal_id=signal_id, step=step)
    if row is None:
        return None
    verdict: dict[str, str] = row["verdict"]
    return verdict


async def finish_signal(
    db: Database, signal_id: SignalId, state: SignalState, refusal: Refusal | None, now: datetime
) -> SignalState:
    """Write the terminal state; the first one stands and is returned.

    A refusal says that nothing was ordered, but that of the signer: it ends no signal that has an
    order, whose state is returned instead. Somebody else is trading it, or a sweep will end it.
    What the venue rejected is put before a person.
    """
    assert state.is_terminal, f"expected a terminal state for signal {signal_id}, received {state}"
    end = {
        "signal_id": signal_id,
        "state": state,
        "now": now,
        "reason": refusal.reason if refusal is not None else None,
        "numbers": json.dumps(dict(refusal.numbers)) if refusal is not None else None,
    }
    async with db.transaction() as connection:
        is_traded = _says_no_order(refusal) and await _has_order(connection, signal_id)
        if not is_traded and await run(connection, _END, **end):
            if state is SignalState.VENUE_REJECTED:
                await _put_before_a_person(connection, signal_id, now)
            await ring(connection, CHANNEL, signal_id)
            return state
        row = await _find(connection, signal_id)
    if row is None:
        raise StorageError(f"expected signal {signal_id}, found none")
    return SignalState(row["state"])


def _says_no_order(refusal: Refusal | None) -> bool:
    return refusal is not None and refusal.reason is not Reason.SIGNER_REFUSED


async def _has_order(connection: AsyncConnection, signal_id: SignalId) -> bool:
    """Hold the signal until we commit, so that an entry is reserved wholly before or after."""
    await run(connection, _HOLD, signal_id=signal_id)
    return bool(await run(connection, _ORDERED, signal_id=signal_id))


async def _put_before_a_person(
    connection: AsyncConnection, signal_id: SignalId, now: datetime
) -> None:
    """Open a review with the venue's last words."""
    words = (
        select(orders.c.error)
        .join(intents, intents.c.intent_id == orders.c.intent_id)
        .where(intents.c.signal_id == signal_id)
        .order_by(orders.c.attempt.desc())
        .limit(1)
    )
    told = (await connection.execute(words)).scalar_one_or_none()
    reason = f"the venue refused: {told or 'it did not say why'}"
    review = Review(ReviewKind.VENUE_REJECTED, reason, now, signal_id=signal_id)
    await open_review(connection, review)


async def _find(connection: AsyncConnection, signal_id: SignalId) -> RowMapping | None:
    row: RowMapping | None = await run_one(connection, _ONE, signal_id=signal_id)
    return row
