"""What the page and the API show of the records: figures added, names kept, nothing formatted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboard.links import TemporalUi
from storage.port import Event
from storage.views import OrderRow, PositionRow, TokenLabel, TradeDetail, TradeRow, WhaleLabel
from trading.types import ONE, ZERO, OrderHash, Price, Shares, Usd


@dataclass(frozen=True, slots=True)
class LevelsView:
    """Exit levels; null is off."""

    stop_loss_price: Price | None
    take_profit_price: Price | None
    trailing_stop_price: Price | None
    high_water_price: Price | None


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position. P&L is of `size`, so provisional until `settled_size` has caught up."""

    position_id: str
    state: str
    exit_reason: str | None
    token: TokenLabel
    whale: WhaleLabel
    size: Shares
    settled_size: Shares
    is_provisional: bool
    avg_entry_price: Price | None
    mark_price: Price | None
    marked_at: datetime | None
    exposure: Usd
    bid_value: Usd | None
    unrealised_pnl: Usd | None
    unrealised_share: Decimal | None  # of what was paid
    realised_pnl: Usd
    fees: Usd
    levels: LevelsView
    opened_at: datetime
    closed_at: datetime | None
    workflow_url: str | None


@dataclass(frozen=True, slots=True)
class TradeView:
    """A whale signal, and for every no its reason and the numbers that led to it."""

    signal_id: str
    state: str
    is_terminal: bool
    reason: str | None
    numbers: Mapping[str, str]
    side: str
    token: TokenLabel
    whale: WhaleLabel
    size: Shares
    price: Price
    notional: Usd
    fill_count: int
    source: str
    transaction_hash: str
    traded_at: datetime
    detected_at: datetime
    committed_at: datetime
    finished_at: datetime | None
    filled_size: Shares
    avg_fill_price: Price | None
    filled_notional: Usd | None
    latency_ms: Decimal | None
    position_id: str | None
    workflow_url: str | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order. `slippage` is (average fill - mid) / mid, positive when it cost us."""

    order: OrderRow
    order_id: OrderHash
    leaves: Shares
    slippage: Decimal | None


@dataclass(frozen=True, slots=True)
class TradeDetailView:
    """Everything recorded about one signal."""

    trade: TradeView
    steps: Sequence[object]
    orders: Sequence[OrderView]
    events: Sequence[Event]


def view_position(row: PositionRow, ui: TemporalUi) -> PositionView:
    """Add value, P&L and a link. P&L is (mark - entry) x size, for every token alike."""
    record = row.record
    return PositionView(
        position_id=record.position_id,
        state=record.state,
        exit_reason=row.exit_reason,
        token=row.token,
        whale=row.whale,
        size=record.size,
        settled_size=record.settled_size,
        is_provisional=record.size != record.settled_size,
        avg_entry_price=record.avg_entry_price,
        mark_price=row.mark_price,
        marked_at=record.marked_at,
        exposure=record.exposure,
        bid_value=row.bid_value,
        unrealised_pnl=row.unrealised_pnl,
        unrealised_share=_unrealised_share(row),
        realised_pnl=record.realised_pnl,
        fees=record.fees,
        levels=LevelsView(
            record.stop_loss_price,
            record.take_profit_price,
            record.trailing_stop_price,
            record.high_water_price,
        ),
        opened_at=record.opened_at,
        closed_at=record.closed_at,
        workflow_url=ui.position(record.position_id),
    )


def view_trade(row: TradeRow, ui: TemporalUi) -> TradeView:
    """Lay a signal and its end out flat, with a link."""
    signal, refusal = row.stored.signal, row.stored.refusal
    filled = row.filled_size
    return TradeView(
        signal_id=signal.signal_id,
        state=row.stored.state,
        is_terminal=row.stored.state.is_terminal,
        reason=None if refusal is None else refusal.reason,
        numbers={} if refusal is None else refusal.numbers,
        side=signal.side,
        token=row.token,
        whale=row.whale,
        size=signal.size,
        price=signal.price,
        notional=signal.notional,
        fill_count=signal.fill_count,
        source=signal.source,
        transaction_hash=signal.transaction_hash,
        traded_at=signal.traded_at,
        detected_at=signal.detected_at,
        committed_at=row.stored.committed_at,
        finished_at=row.finished_at,
        filled_size=filled,
        avg_fill_price=row.avg_fill_price,
        filled_notional=None if row.avg_fill_price is None else Usd(filled * row.avg_fill_price),
        latency_ms=row.latency_ms,
        position_id=row.position_id,
        workflow_url=ui.trade(signal.signal_id),
    )


def view_order(row: OrderRow) -> OrderView:
    """Add what is left and what it cost against the mid-price."""
    return OrderView(row, row.order_id, Shares(row.size - row.filled_size), _slippage(row))


def view_detail(detail: TradeDetail, ui: TemporalUi) -> TradeDetailView:
    """Lay everything about a signal out."""
    return TradeDetailView(
        trade=view_trade(detail.trade, ui),
        steps=detail.steps,
        orders=[view_order(row) for row in detail.orders],
        events=detail.events,
    )


def _unrealised_share(row: PositionRow) -> Decimal | None:
    if row.unrealised_pnl is None or row.cost is None:
        return None
    share = row.unrealised_pnl / row.cost if row.cost > 0 else ZERO
    return share.quantize(Decimal("0.0001"))


def _slippage(row: OrderRow) -> Decimal | None:
    if row.avg_fill_price is None or row.reference_price <= 0:
        return None
    sign = ONE if row.side == "BUY" else -ONE
    moved = (row.avg_fill_price - row.reference_price) / row.reference_price
    return (sign * moved).quantize(Decimal("0.0001"))
