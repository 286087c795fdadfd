"""What a report compares with the venue's own books: counts, sums and hashes since a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, Double, Select, case, func, literal, select, type_coerce

from storage.book_tables import OVER, fills, intents, ledger, orders, positions, reservations
from storage.columns import MONEY
from storage.database import Database
from storage.tables import signals
from trading.types import (
    ZERO,
    OrderHash,
    Shares,
    Side,
    SignalId,
    SignalState,
    TokenId,
    Usd,
    Wallet,
)

_RANKS = (Decimal("0.5"), Decimal("0.9"), Decimal("0.99"))


@dataclass(frozen=True, slots=True)
class SignalCounts:
    """How many signals stand how, and why those that were refused were."""

    by_state: Mapping[SignalState, int]
    by_reason: Mapping[str, int]

    @property
    def total(self) -> int:
        """Return all signals seen."""
        return sum(self.by_state.values())

    @property
    def terminal(self) -> int:
        """Return those that have ended."""
        return sum(n for state, n in self.by_state.items() if state.is_terminal)


@dataclass(frozen=True, slots=True)
class OrderSum:
    """What we have on record of one order: shares and cost of its fills that did not fail."""

    order_hash: OrderHash
    state: str
    posts: int
    filled: Shares
    cost: Usd
    fee: Usd


@dataclass(frozen=True, slots=True)
class Hop:
    """How long one hop took, in ms, over n trades."""

    n: int
    p50_ms: Decimal
    p90_ms: Decimal
    p99_ms: Decimal


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One signal for a person's eyes: what the whale did and what became of it."""

    signal_id: SignalId
    wallet: Wallet
    token_id: TokenId
    side: Side
    notional: Usd
    state: SignalState
    reason: str | None
    finished_at: datetime
    filled: Shares
    cost: Usd


async def count_signals(db: Database, since: datetime) -> SignalCounts:
    """Count the signals committed since a time."""
    query = (
        select(signals.c.state, signals.c.refusal_reason, func.count())
        .where(signals.c.committed_at >= since)
        .group_by(signals.c.state, signals.c.refusal_reason)
    )
    by_state: dict[SignalState, int] = {}
    by_reason: dict[str, int] = {}
    async with db.transaction() as connection:
        for state, reason, count in await connection.execute(query):
            by_state[SignalState(state)] = by_state.get(SignalState(state), 0) + count
            if reason is not None:
                by_reason[reason] = by_reason.get(reason, 0) + count
    return SignalCounts(by_state, by_reason)


async def sum_orders(db: Database, since: datetime) -> Sequence[OrderSum]:
    """Return every order committed since a time that may have left us, with its fills' sums."""
    kept = fills.c.settlement != "FAILED"
    query = (
        select(
            orders.c.order_id,
            orders.c.status,
            orders.c.posts,
            _sum(case((kept, fills.c.size))),
            _sum(case((kept, fills.c.cost))),
            _sum(case((kept, fills.c.fee))),
        )
        .outerjoin(fills, fills.c.order_id == orders.c.order_id)
        .where(orders.c.created_at >= since, orders.c.posts > 0)
        .group_by(orders.c.order_id)
    )
    async with db.transaction() as connection:
        rows = await connection.execute(query)
        return [
            OrderSum(OrderHash(r[0]), r[1], r[2], Shares(r[3]), Usd(r[4]), Usd(r[5])) for r in rows
        ]


async def sum_cash(db: Database, wallet: Wallet) -> Usd:
    """Return a wallet's cash by our ledger."""
    query = select(_sum(ledger.c.cash)).where(ledger.c.wallet == wallet)
    async with db.transaction() as connection:
        return Usd(await connection.scalar(query) or ZERO)


async def sum_shares(db: Database, wallet: Wallet) -> Mapping[TokenId, Shares]:
    """Return what a wallet holds of each token by our positions, dust too, confirmed fills only."""
    query = (
        select(positions.c.token_id, _sum(positions.c.settled_size))
        .where(positions.c.user_address == wallet)
        .group_by(positions.c.token_id)
    )
    async with db.transaction() as connection:
        rows = await connection.execute(query)
        return {TokenId(token): Shares(size) for token, size in rows if size > 0}


async def list_worthless(db: Database, wallet: Wallet) -> frozenset[TokenId]:
    """Return the tokens of our positions that a result has made worth nothing."""
    query = select(positions.c.token_id).where(
        positions.c.user_address == wallet, positions.c.payout == 0
    )
    async with db.transaction() as connection:
        return frozenset(map(TokenId, await connection.scalars(query)))


async def count_left(db: Database) -> tuple[int, int]:
    """Return how many positions are not over, and how many reservations are not released."""
    open_positions = select(func.count()).select_from(positions).where(OVER)
    unreleased = select(func.count(reservations.c.intent_id)).where(
        reservations.c.released_at.is_(None)
    )
    async with db.transaction() as connection:
        held = await connection.scalar(open_positions)
        return int(held or 0), int(await connection.scalar(unreleased) or 0)


async def sum_realised(db: Database, since: datetime) -> Usd:
    """Return the realised P&L of positions opened since a time."""
    query = select(_sum(positions.c.realised_pnl)).where(positions.c.opened_at >= since)
    async with db.transaction() as connection:
        return Usd(await connection.scalar(query) or ZERO)


async def measure_latency(db: Database, since: datetime) -> Mapping[str, Hop]:
    """Return the latency of each hop from the whale's frame to our first POST."""
    detected = _milliseconds(signals.c.committed_at - signals.c.detected_at)
    sent = (
        select(orders.c.execution_latency_ms)
        .where(orders.c.created_at >= since, orders.c.execution_latency_ms.is_not(None))
        .where(orders.c.attempt == 1, orders.c.side == "BUY")
    )
    seen = select(detected).where(signals.c.committed_at >= since)
    return {
        "frame_to_committed": await _percentiles(db, seen),
        "committed_to_sent": await _percentiles(db, sent),
    }


async def list_finished(db: Database, after: datetime, limit: int) -> Sequence[TradeLine]:
    """Return signals that ended after a time, in the order of their ends."""
    query = (
        select(
            signals,
            _sum(fills.c.size).label("filled"),
            _sum(fills.c.cost).label("paid"),
        )
        .outerjoin(intents, intents.c.signal_id == signals.c.signal_id)
        .outerjoin(fills, fills.c.order_id == intents.c.order_hash)
        .where(signals.c.finished_at > after)
        .group_by(signals.c.signal_id)
        .order_by(signals.c.finished_at)
        .limit(limit)
    )
    async with db.transaction() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [
        TradeLine(
            signal_id=SignalId(row["signal_id"]),
            wallet=Wallet(row["wallet"]),
            token_id=TokenId(row["token_id"]),
            side=Side(row["side"]),
            notional=Usd(row["size"] * row["price"]),
            state=SignalState(row["state"]),
            reason=row["refusal_reason"],
            finished_at=row["finished_at"],
            filled=Shares(row["filled"]),
            cost=Usd(row["paid"]),
        )
        for row in rows
    ]


async def find_signals(db: Database, beginning: str, limit: int) -> Sequence[SignalId]:
    """Return the signals whose ids begin so, the newest first."""
    query = (
        select(signals.c.signal_id)
        .where(func.starts_with(signals.c.signal_id, beginning))
        .order_by(signals.c.committed_at.desc())
        .limit(limit)
    )
    async with db.transaction() as connection:
        return [SignalId(found) for found in (await connection.execute(query)).scalars()]


def _sum(column: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    return type_coerce(func.coalesce(func.sum(column), 0), MONEY)


def _milliseconds(interval: ColumnElement[timedelta]) -> ColumnElement[Decimal]:
    return type_coerce(func.extract("epoch", interval), MONEY) * literal(Decimal(1000))


async def _percentiles(db: Database, query: Select[Decimal]) -> Hop:
    column = query.subquery().c[0]
    ranks = [func.percentile_cont(literal(p, Double)).within_group(column) for p in _RANKS]
    async with db.transaction() as connection:
        row = (await connection.execute(select(func.count(column), *ranks))).one()
    marks = [Decimal(str(mark or 0)).quantize(Decimal("0.1")) for mark in row[1:]]
    return Hop(row[0], marks[0], marks[1], marks[2])
