"""The records in memory: rows as PostgreSQL keeps them, and what several topics share of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from storage.accounts import Account
from storage.alarms import has_failed
from storage.exit_port import ExitPlan, Hold
from storage.figures import BookedFill, Figures, compute_figures, redemption_cash
from storage.limits import Scope, Stake
from storage.port import Event, PositionRecord, WhaleRecord
from storage.restate import next_state, stake_of_position
from trading.breakers import (
    Breaker,
    Losses,
    Result,
    Standing,
    Subject,
    Trip,
    cooldowns,
    count_result,
    entries_halt,
    failure_trip,
    pause_of,
)
from trading.orders import Intent, OrderProgress
from trading.positions import PositionFill
from trading.rules import RiskRules
from trading.types import (
    MICRO,
    ZERO,
    IntentId,
    Market,
    OrderHash,
    OrderState,
    PositionId,
    PositionState,
    Price,
    Settlement,
    Shares,
    Side,
    SignalId,
    SignalState,
    TokenId,
    Usd,
    Wallet,
    WhaleSignal,
)

Watch = Callable[[str, object], None]


@dataclass(slots=True)
class SignalRow:
    """A row of `signals` with its decisions."""

    signal: WhaleSignal
    committed_at: datetime
    state: SignalState = SignalState.WAITING
    claimed_until: datetime | None = None
    refusal: object = None
    decisions: dict[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class FillRow:
    """Where a trade is booked, and when we learned that the chain had spoken."""

    home: PositionId | None = None
    settled_at: datetime | None = None


@dataclass(slots=True)
class OrderRow:
    """An intent, its order and its fills."""

    intent: Intent
    progress: OrderProgress
    retry_until: datetime
    updated_at: datetime
    posts: int = 0
    version: int = 0
    applied: int = -1
    released_at: datetime | None = None
    is_done: bool = False
    fills: dict[str, FillRow] = field(default_factory=dict)

    @property
    def is_unresolved(self) -> bool:
        return not self.is_done or self.applied < self.version


@dataclass(slots=True)
class PositionRow:
    """A row of `positions` with its redemptions."""

    record: PositionRecord
    n: int
    payout: Price | None = None
    is_counted: bool = False
    redemptions: list[BookedFill] = field(default_factory=list)
    days: Mapping[date, Usd] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    """A reservation of money."""

    intent: Intent
    reserved: Usd
    is_open: bool = True


@dataclass(slots=True)
class Offered:
    """Shares that an exit offers."""

    position_id: PositionId
    offered: Shares
    sold: Decimal = ZERO
    is_open: bool = True


def _nobody(*news: object) -> None:
    del news


@dataclass(slots=True)
class Tables:
    """Every table. `ring` wakes listeners; `watch` is told of what the invariants speak of."""

    rules: RiskRules
    wallet: Wallet
    ring: Callable[[str, str], None] = _nobody
    watch: Watch = _nobody
    signals: dict[SignalId, SignalRow] = field(default_factory=dict)
    orders: dict[OrderHash, OrderRow] = field(default_factory=dict)
    by_intent: dict[IntentId, OrderRow] = field(default_factory=dict)
    positions: dict[PositionId, PositionRow] = field(default_factory=dict)
    held: dict[IntentId, Held] = field(default_factory=dict)
    offers: dict[IntentId, Offered] = field(default_factory=dict)
    exits: dict[tuple[PositionId, int], ExitPlan] = field(default_factory=dict)
    holds: dict[PositionId, Hold] = field(default_factory=dict)
    used: dict[tuple[Scope, str], Usd] = field(default_factory=dict)
    ledger: dict[tuple[str, str], Usd] = field(default_factory=dict)
    cash: Usd = Usd(ZERO)
    peak: Usd = Usd(ZERO)
    halts: dict[tuple[str, str], str] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    trips: dict[tuple[Breaker, str], Trip] = field(default_factory=dict)
    lease: tuple[str, int, datetime] | None = None
    markets: dict[TokenId, Market] = field(default_factory=dict)
    whales: dict[Wallet, WhaleRecord] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    told: set[str] = field(default_factory=set)  # keys of events that are told once


def book_cash(tables: Tables, kind: str, ref: str, cash: Decimal) -> None:
    """Book a ledger entry, once per kind and reference."""
    if (kind, ref) not in tables.ledger:
        tables.ledger[kind, ref] = Usd(cash)
        tables.cash = Usd(tables.cash + cash)


def find_halt(tables: Tables, subject: Subject, now: datetime) -> str:
    """Return why entries are halted now, or nothing."""
    halts = (("WALLET", tables.wallet), ("TOKEN", subject.token_id or ""))
    days: dict[date, Usd] = {}
    for row in tables.positions.values():
        for day, pnl in row.days.items():
            days[day] = Usd(days.get(day, ZERO) + pnl)
    keys = ("", subject.condition_id, subject.whale)
    trips = [trip for trip in tables.trips.values() if trip.key in keys]
    pause = pause_of(tables.losses)
    standing = Standing(
        halt=next((tables.halts[key] for key in halts if key in tables.halts), ""),
        pnl_by_day=days,
        trips=[*trips, pause] if pause is not None else trips,
    )
    return entries_halt(standing, now, tables.rules)


def count_failure(tables: Tables, now: datetime) -> None:
    """Judge the orders of the window once more after one has failed."""
    since = now - tables.rules.failure_window
    ended = [
        row.progress
        for row in tables.orders.values()
        if row.intent.created_at > since and row.posts > 0 and row.progress.state.is_terminal
    ]
    trip = failure_trip(len(ended), sum(map(has_failed, ended)), now, tables.rules)
    if trip is not None:
        tables.trips[trip.breaker, trip.key] = trip


def set_halt(tables: Tables, scope: str, key: str, reason: str) -> None:
    """Halt entries; the first reason stands."""
    tables.halts.setdefault((scope, key), reason)


def load_account(tables: Tables) -> Account:
    """Add up the wallet's money."""
    reserved = sum((h.reserved for h in tables.held.values() if h.is_open), ZERO)
    pending = sum(
        (
            trade.cost + trade.fee
            for row in tables.orders.values()
            if row.released_at is not None and row.intent.side is Side.BUY
            for trade in row.progress.trades.values()
            if not trade.settlement.is_final
        ),
        ZERO,
    )
    deposits = sum((c for (kind, _), c in tables.ledger.items() if kind == "DEPOSIT"), ZERO)
    return Account(
        cash=tables.cash,
        deposits=Usd(deposits),
        reserved=Usd(reserved),
        pending=Usd(pending),
        bid_value=Usd(sum((_worth(row) for row in tables.positions.values()), ZERO)),
    )


def _worth(row: PositionRow) -> Decimal:
    record = row.record
    marks = (row.payout, record.mark_price, record.avg_entry_price)
    return record.settled_size * next((mark for mark in marks if mark is not None), ZERO)


def shift_limits(tables: Tables, stake: Stake, by: Decimal) -> None:
    """Change the use of all four limits."""
    for scope in Scope:
        key = (scope, stake.key(scope))
        tables.used[key] = Usd(tables.used.get(key, Usd(ZERO)) + by)
        tables.watch("used", key)


def has_open_orders(tables: Tables, position_id: PositionId) -> bool:
    """Tell whether an order of the position may still fill, settle or wait to be booked."""
    return any(
        row.released_at is None or not row.is_done
        for row in tables.orders.values()
        if row.intent.position_id == position_id
    )


def restate(
    tables: Tables, row: PositionRow, now: datetime, state: PositionState | None = None
) -> PositionRecord:
    """Compute a position again from all its fills, as `storage.restate` does."""
    before = row.record
    booked = _booked(tables, before.position_id)
    _book_fills(tables, before.position_id)
    figures = compute_figures([*booked, *row.redemptions])
    if state is None:
        is_waiting = has_open_orders(tables, before.position_id)
        state = next_state(before.state, figures, is_waiting=is_waiting)
    after = _with_figures(before, figures, state, now)
    if after == before:
        return after
    row.record, row.days = after, figures.pnl_by_day
    _sell_offers(tables, before.position_id)
    shift_limits(tables, stake_of_position(before), after.exposure - before.exposure)
    if after.state.is_over and not row.is_counted and after.realised_pnl != 0:
        row.is_counted = True
        _count_closing(tables, Result(after.realised_pnl, now, after.condition_id, after.whale))
    tables.ring("positions", before.position_id)
    return after


def _with_figures(
    before: PositionRecord, figures: Figures, state: PositionState, now: datetime
) -> PositionRecord:
    entry = figures.avg_entry_price
    return replace(
        before,
        state=state,
        size=figures.size,
        settled_size=figures.settled_size,
        avg_entry_price=None if entry is None else Price(_stored(entry)),
        exposure=Usd(ZERO) if state.is_over else figures.exposure,
        fees=figures.fees,
        realised_pnl=Usd(_stored(figures.realised_pnl)),
        closed_at=(before.closed_at or now) if state.is_over else None,
    )


def _stored(number: Decimal) -> Decimal:
    return number.quantize(MICRO, ROUND_HALF_UP)


def _booked(tables: Tables, position_id: PositionId) -> list[BookedFill]:
    return [
        BookedFill(
            PositionFill(
                trade_id=trade.trade_id,
                order_hash=trade.order_hash,
                side=trade.side,
                size=trade.size,
                cost=trade.cost,
                fee=trade.fee,
                settlement=trade.settlement,
                matched_at=trade.matched_at,
            ),
            row.released_at is not None,
            row.fills[trade.trade_id].settled_at,
        )
        for row in tables.orders.values()
        for trade in row.progress.trades.values()
        if row.fills[trade.trade_id].home == position_id
    ]


def _book_fills(tables: Tables, position_id: PositionId) -> None:
    for row in tables.orders.values():
        for trade in row.progress.trades.values():
            if row.fills[trade.trade_id].home != position_id:
                continue
            if trade.settlement is not Settlement.CONFIRMED:
                continue
            ref = f"{trade.trade_id}/{trade.order_hash}"
            cash = -trade.cost if trade.side is Side.BUY else trade.cost
            book_cash(tables, "FILL", ref, cash)
            if trade.fee:
                book_cash(tables, "FEE", ref, -trade.fee)


def _sell_offers(tables: Tables, position_id: PositionId) -> None:
    for intent_id, offer in tables.offers.items():
        if offer.position_id == position_id:
            offer.sold = _sold_and_booked(tables.by_intent[intent_id], position_id)


def _sold_and_booked(row: OrderRow, position_id: PositionId) -> Shares:
    confirmed = (
        trade.size
        for trade in row.progress.trades.values()
        if trade.settlement is Settlement.CONFIRMED
        and row.fills[trade.trade_id].home == position_id
    )
    return Shares(sum(confirmed, ZERO))


def _count_closing(tables: Tables, result: Result) -> None:
    tables.losses = count_result(tables.losses, result, tables.rules)
    for trip in cooldowns(result, tables.rules):
        tables.trips[trip.breaker, trip.key] = trip


def redemption(
    position_id: PositionId, n: int, size: Shares, payout: Price, now: datetime
) -> BookedFill:
    """Return a redemption as the figures read it: a sale at the payout."""
    fill = PositionFill(
        trade_id=f"redemption {n}",
        order_hash=OrderHash(""),
        side=Side.SELL,
        size=size,
        cost=redemption_cash(size, payout),
        fee=Usd(ZERO),
        settlement=Settlement.CONFIRMED,
        matched_at=now,
    )
    return BookedFill(fill, is_released=True, settled_at=now)


def open_entries(tables: Tables) -> Iterable[OrderRow]:
    """Return entries that the venue may still match."""
    is_open = {
        OrderState.PREPARED,
        OrderState.SENDING,
        OrderState.UNKNOWN,
        OrderState.DELAYED,
        OrderState.LIVE,
        OrderState.PARTIAL,
    }
    return (
        row
        for row in tables.orders.values()
        if row.intent.side is Side.BUY and row.progress.state in is_open
    )
