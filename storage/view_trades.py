"""Shows positions, signals and orders with what they are about; nothing here is changed."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, Select, cast, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.book_tables import OVER, fills, intents, orders, positions
from storage.columns import MONEY
from storage.database import Database
from storage.port import Event
from storage.rows import read_position, read_signal
from storage.tables import decisions, events, signals
from storage.view_labels import LABELS, join_labels, read_token_label, read_whale_label
from storage.views import (
    DecisionStep,
    FillRow,
    OrderRow,
    PositionRow,
    TradeDetail,
    TradeFilter,
    TradeRow,
)
from trading.types import (
    ZERO,
    IntentId,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    Price,
    Settlement,
    Shares,
    Side,
    SignalId,
    Usd,
)

PARTS_MAX = 100
"""Orders, fills and events that are shown of one signal."""

_OF_INTENT = (
    intents.c.reference_price,
    intents.c.expires_at,
    intents.c.exit_reason,
)


async def list_position_rows(db: Database, limit: int) -> Sequence[PositionRow]:
    """Return the positions that are not over, newest first."""
    source = join_labels(positions, positions.c.token_id, positions.c.source_whale)
    query = select(positions, *LABELS).select_from(source).where(OVER)
    if db.wallet is not None:
        query = query.where(positions.c.user_address == db.wallet)
    query = query.order_by(positions.c.opened_at.desc(), positions.c.position_id).limit(limit)
    async with db.transaction() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [
        PositionRow(
            record=read_position(row),
            token=read_token_label(row, row["token_id"]),
            whale=read_whale_label(row, row["source_whale"]),
            exit_reason=row["exit_reason"],
            payout=_price(row["payout"]),
            settled_cost=Usd(row["settled_cost"]),
        )
        for row in rows
    ]


async def list_trade_rows(db: Database, wanted: TradeFilter) -> Sequence[TradeRow]:
    """Return signals and what became of them, newest first."""
    query = _trades().order_by(signals.c.committed_at.desc(), signals.c.signal_id)
    if wanted.state is not None:
        query = query.where(signals.c.state == wanted.state)
    if wanted.whale is not None:
        query = query.where(signals.c.wallet == wanted.whale)
    async with db.transaction() as connection:
        rows = (await connection.execute(query.limit(wanted.limit))).mappings().all()
    return [_read_trade(row) for row in rows]


async def load_trade_detail(db: Database, signal_id: SignalId) -> TradeDetail | None:
    """Return everything recorded about a signal, None when there is none."""
    async with db.transaction() as connection:
        query = _trades().where(signals.c.signal_id == signal_id)
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        return TradeDetail(
            trade=_read_trade(row),
            steps=await _load_steps(connection, signal_id),
            orders=await _load_orders(
                connection, _orders().where(intents.c.signal_id == signal_id).limit(PARTS_MAX)
            ),
            events=await _load_events(connection, signal_id),
        )


async def list_open_orders(db: Database, limit: int) -> Sequence[OrderRow]:
    """Return the orders that are not done, oldest first, with their fills."""
    query = _orders().where(~orders.c.is_done)
    if db.wallet is not None:
        query = query.where(orders.c.user_address == db.wallet)
    async with db.transaction() as connection:
        return await _load_orders(connection, query.limit(limit))


def _trades() -> Select[object]:
    """Select signals with labels and the sums of their own entry's orders."""
    filled = func.sum(orders.c.filled_size)
    cost = func.sum(orders.c.filled_size * orders.c.avg_fill_price)
    ours = (
        select(
            func.coalesce(filled, 0, type_=MONEY).label("ours_filled"),
            cast(cost / func.nullif(filled, 0), MONEY).label("ours_price"),
            func.min(orders.c.execution_latency_ms).label("ours_latency"),
            func.min(intents.c.position_id).label("ours_position"),
        )
        .join(orders, orders.c.intent_id == intents.c.intent_id)
        .where(intents.c.signal_id == signals.c.signal_id)
        .lateral("ours")
    )
    paid = (
        select(func.coalesce(func.sum(fills.c.fee), 0, type_=MONEY))
        .join(intents, intents.c.order_hash == fills.c.order_id)
        .where(intents.c.signal_id == signals.c.signal_id, fills.c.settlement != "FAILED")
        .scalar_subquery()
    )
    source = join_labels(signals.join(ours, true()), signals.c.token_id, signals.c.wallet)
    return select(signals, *LABELS, *ours.c, paid.label("ours_fees")).select_from(source)


def _read_trade(row: RowMapping) -> TradeRow:
    position_id = row["ours_position"]
    return TradeRow(
        stored=read_signal(row),
        token=read_token_label(row, row["token_id"]),
        whale=read_whale_label(row, row["wallet"]),
        finished_at=row["finished_at"],
        filled_size=Shares(row["ours_filled"]),
        avg_fill_price=_price(row["ours_price"]),
        latency_ms=row["ours_latency"],
        position_id=None if position_id is None else PositionId(position_id),
        fees=Usd(row["ours_fees"]),
    )


async def _load_steps(connection: AsyncConnection, signal_id: SignalId) -> Sequence[DecisionStep]:
    query = (
        select(decisions)
        .where(decisions.c.signal_id == signal_id)
        .order_by(decisions.c.decided_at, decisions.c.step)
    )
    rows = (await connection.execute(query)).mappings().all()
    return [DecisionStep(row["step"], row["decided_at"], row["verdict"]) for row in rows]


async def _load_events(connection: AsyncConnection, signal_id: SignalId) -> Sequence[Event]:
    about = cast({"signal_id": signal_id}, JSONB)
    query = (
        select(events)
        .where(events.c.ids.contains(about))
        .order_by(events.c.event_id)
        .limit(PARTS_MAX)
    )
    return [read_event(row) for row in (await connection.execute(query)).mappings().all()]


def read_event(row: RowMapping) -> Event:
    """Read a row of `events`."""
    return Event(
        type=row["type"],
        severity=row["severity"],
        title=row["title"],
        at=row["timestamp"],
        ids=row["ids"],
        metadata=row["metadata"],
    )


def _orders() -> Select[object]:
    both = orders.join(intents, intents.c.intent_id == orders.c.intent_id)
    source = join_labels(both, orders.c.token_id, orders.c.source_whale)
    query = select(orders, *_OF_INTENT, *LABELS).select_from(source)
    return query.order_by(orders.c.created_at, orders.c.order_id)


async def _load_orders(connection: AsyncConnection, query: Select[object]) -> Sequence[OrderRow]:
    rows = (await connection.execute(query)).mappings().all()
    filled = await _load_fills(connection, orders.c.order_id.in_([row["order_id"] for row in rows]))
    return [_read_order(row, filled.get(row["order_id"], ())) for row in rows]


async def _load_fills(
    connection: AsyncConnection, wanted: ColumnElement[bool]
) -> dict[str, list[FillRow]]:
    query = (
        select(fills)
        .join(orders, orders.c.order_id == fills.c.order_id)
        .where(wanted)
        .order_by(fills.c.matched_at, fills.c.trade_id)
    )
    found: dict[str, list[FillRow]] = {}
    for row in (await connection.execute(query)).mappings():
        fill = FillRow(
            trade_id=row["trade_id"],
            size=row["size"],
            cost=row["cost"],
            fee=row["fee"],
            settlement=Settlement(row["settlement"]),
            matched_at=row["matched_at"],
            transaction_hash=row["transaction_hash"],
            is_taker=row["is_taker"],
        )
        found.setdefault(row["order_id"], []).append(fill)
    return found


def _read_order(row: RowMapping, filled: Sequence[FillRow]) -> OrderRow:
    return OrderRow(
        order_id=OrderHash(row["order_id"]),
        intent_id=IntentId(row["intent_id"]),
        position_id=PositionId(row["position_id"]),
        attempt=row["attempt"],
        side=Side(row["side"]),
        order_type=OrderType(row["type"]),
        price=Price(row["price"]),
        size=Shares(row["size"]),
        size_matched=Shares(row["size_matched"]),
        filled_size=Shares(row["filled_size"]),
        avg_fill_price=_price(row["avg_fill_price"]),
        reference_price=Price(row["reference_price"] or ZERO),
        state=OrderState(row["status"]),
        posts=row["posts"],
        had_unknown=row["had_unknown"],
        is_done=row["is_done"],
        error=row["error"],
        faults=row["faults"],
        latency_ms=row["execution_latency_ms"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        token=read_token_label(row, row["token_id"]),
        whale=read_whale_label(row, row["source_whale"]),
        exit_reason=row["exit_reason"],
        fills=filled,
    )


def _price(number: Price | None) -> Price | None:
    return None if number is None else Price(number)
