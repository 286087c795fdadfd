"""Resolve a review with what follows: its token's halt taken away, its signal decided anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import fills, intents, orders
from storage.breakers import HaltScope, lock_halts, remove_halt
from storage.database import Database
from storage.reviews import Closing, Review, ReviewKind, close_review, read_review
from storage.rows import read_signal
from storage.signals import insert_signal
from storage.tables import reviews, signals
from trading.types import Settlement, Side, SignalId, SignalState

_ROOT = text(
    """
    WITH RECURSIVE line AS (
        SELECT signal_id, replays_signal_id FROM signals WHERE signal_id = :signal_id
        UNION ALL
        SELECT s.signal_id, s.replays_signal_id
        FROM signals AS s JOIN line ON s.signal_id = line.replays_signal_id
    )
    SELECT signal_id FROM signals
    WHERE signal_id = (SELECT signal_id FROM line WHERE replays_signal_id IS NULL)
    FOR NO KEY UPDATE
    """
)
_FAMILY = text(
    """
    WITH RECURSIVE family AS (
        SELECT signal_id, state FROM signals WHERE signal_id = :root
        UNION ALL
        SELECT s.signal_id, s.state
        FROM signals AS s JOIN family ON s.replays_signal_id = family.signal_id
    )
    SELECT signal_id, state FROM family
    """
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person makes of a review, and whether anything is to follow from it."""

    who: str
    note: str
    clears_halt: bool = False
    replays: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A review is off the queue; `halt_cleared` is whether there was a halt to take away."""

    review_id: int
    halt_cleared: bool
    replay: SignalId | None


@dataclass(frozen=True, slots=True)
class NotResolved:
    """Nothing was changed, for this reason."""

    why: str


async def resolve_with(
    db: Database, review_id: int, verdict: Verdict, now: datetime
) -> Resolved | NotResolved:
    """Do all that a verdict asks for, or nothing.

    A replay is always a new decision, never the old order: a new signal of the same whale order,
    seen now, which passes every filter, size and limit afresh.
    """
    async with db.transaction() as connection:
        row = await _lock_review(connection, review_id)
        if row is None:
            return NotResolved(f"expected the number of a review, found none with {review_id}")
        review = read_review(row)
        replayed = await _find_replayed(connection, review) if verdict.replays else None
        why_not = await _objection(connection, row, verdict, replayed)
        if why_not is not None:
            return NotResolved(why_not)
        cleared = verdict.clears_halt and await _clear(connection, review)
        replay = await _replay(connection, replayed, now) if replayed is not None else None
        closing = Closing(verdict.who, verdict.note, now, _resolution(verdict, replay))
        assert await close_review(connection, review_id, closing), "expected to hold its lock"
        return Resolved(review_id, cleared, replay)


@dataclass(frozen=True, slots=True)
class _Replayed:
    """The signal to decide anew, the first of its line, and all that replayed that one."""

    signal: RowMapping
    root: str
    family: Sequence[RowMapping]


async def _lock_review(connection: AsyncConnection, review_id: int) -> RowMapping | None:
    query = select(reviews).where(reviews.c.review_id == review_id).with_for_update()
    return (await connection.execute(query)).mappings().one_or_none()


async def _find_replayed(connection: AsyncConnection, review: Review) -> _Replayed | None:
    """Lock the first of the line, so that one replay of a family is decided at a time."""
    if review.signal_id is None:
        return None
    query = select(signals).where(signals.c.signal_id == review.signal_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    root = (await connection.execute(_ROOT, {"signal_id": review.signal_id})).scalar_one()
    family = (await connection.execute(_FAMILY, {"root": root})).mappings().all()
    return _Replayed(row, root, family)


async def _objection(
    connection: AsyncConnection, row: RowMapping, verdict: Verdict, replayed: _Replayed | None
) -> str | None:
    if row["resolved_at"] is not None:
        return f"resolved by {row['resolved_by']} at {row['resolved_at']:%Y-%m-%d %H:%M:%S} UTC"
    why_not = None
    if verdict.clears_halt:
        why_not = await _objection_to_clearing(connection, row)
    if why_not is None and verdict.replays:
        why_not = await _objection_to_replay(connection, replayed)
    return why_not


async def _objection_to_clearing(connection: AsyncConnection, row: RowMapping) -> str | None:
    if row["token_id"] is None:
        return "it is about no token that could be halted"
    await lock_halts(connection, row["token_id"])
    others = select(func.min(reviews.c.review_id)).where(
        reviews.c.kind == ReviewKind.ORDER_FAULT,
        reviews.c.token_id == row["token_id"],
        reviews.c.resolved_at.is_(None),
        reviews.c.review_id != row["review_id"],
    )
    other = (await connection.execute(others)).scalar_one_or_none()
    return None if other is None else f"another fault of its token is open: review {other}"


async def _objection_to_replay(
    connection: AsyncConnection, replayed: _Replayed | None
) -> str | None:
    """Say why a replay could trade the same whale order twice."""
    if replayed is None or replayed.signal["side"] == Side.SELL:
        return "only the entry of a signal on record is replayed: a sell never is"
    for member in replayed.family:
        if not SignalState(member["state"]).is_terminal:
            return f"signal {member['signal_id']} is {member['state']}: a replay could double it"
    names = [member["signal_id"] for member in replayed.family]
    return await _unsettled(connection, names) or await _bought(connection, names)


async def _unsettled(connection: AsyncConnection, names: Sequence[str]) -> str | None:
    is_open = orders.c.is_done.is_(False) | (orders.c.applied_version < orders.c.version)
    query = (
        select(orders.c.order_id, orders.c.status)
        .join(intents, intents.c.intent_id == orders.c.intent_id)
        .where(intents.c.signal_id.in_(names), is_open)
        .limit(1)
    )
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        return None
    return f"order {found.order_id} is {found.status} and not settled: a replay could double it"


async def _bought(connection: AsyncConnection, names: Sequence[str]) -> str | None:
    query = (
        select(func.coalesce(func.sum(fills.c.size), 0))
        .join(intents, intents.c.order_hash == fills.c.order_id)
        .where(intents.c.signal_id.in_(names), fills.c.side == Side.BUY)
        .where(fills.c.settlement != Settlement.FAILED)
    )
    size = Decimal((await connection.execute(query)).scalar_one())
    if size == 0:
        return None
    return f"its orders bought {size.normalize():f} shares: a replay would buy them again"


async def _clear(connection: AsyncConnection, review: Review) -> bool:
    assert review.token_id is not None, "expected a token, as was checked"
    return await remove_halt(connection, HaltScope.TOKEN, review.token_id)


async def _replay(connection: AsyncConnection, replayed: _Replayed, now: datetime) -> SignalId:
    old = read_signal(replayed.signal).signal
    key = f"{replayed.root}/replay/{len(replayed.family)}"
    fresh = replace(
        old, signal_id=SignalId(sha256(key.encode()).hexdigest()), traded_at=now, detected_at=now
    )
    is_new = await insert_signal(connection, fresh, now, replays=old.signal_id)
    assert is_new, f"expected no signal {fresh.signal_id} yet"
    return fresh.signal_id


def _resolution(verdict: Verdict, replay: SignalId | None) -> str:
    done = ["HALT_CLEARED"] if verdict.clears_halt else []
    done += [f"REPLAYED {replay}"] if replay is not None else []
    return ", ".join(done) or "SEEN"
