"""Intents, orders, fills and reservations in memory, by the rules of the records' own modules."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from storage.accounts import Account
from storage.alarms import has_failed
from storage.intents import RETRY_FOR
from storage.limits import Scope, down, up
from storage.names import name_position
from storage.port import Event, ExitOrder, FencedError, LimitCaps, PositionRecord, Reserved
from storage.reserve import stake_of, subject_of
from storage.throttles import MINUTE, throttle_caps
from tests.simulation.tables import (
    FillRow,
    Held,
    Offered,
    OrderRow,
    PositionRow,
    Tables,
    count_failure,
    find_halt,
    load_account,
    open_entries,
    restate,
    set_halt,
    shift_limits,
)
from trading.breakers import end_of_day, size_factor
from trading.orders import Evidence, Intent, OrderProgress, fold
from trading.portfolio import drawdown_of
from trading.pretrade import RecentEntries, check_throttles
from trading.types import (
    ZERO,
    IntentId,
    OrderHash,
    OrderState,
    PositionId,
    PositionState,
    Reason,
    Refusal,
    Shares,
    Side,
    SignalId,
    TokenId,
    Usd,
)

_NONE = Shares(ZERO)
_TAKES_ENTRIES = frozenset({PositionState.OPENING, PositionState.OPEN})
_REASONS = {
    Scope.WALLET: Reason.WALLET_LIMIT,
    Scope.WHALE: Reason.WHALE_LIMIT,
    Scope.MARKET: Reason.MARKET_LIMIT,
    Scope.POSITION: Reason.POSITION_LIMIT,
}


def reserve_entry(
    tables: Tables, intent: Intent, caps: LimitCaps, now: datetime
) -> Reserved | Refusal:
    stored = tables.by_intent.get(intent.intent_id)
    if stored is not None:
        return Reserved(stored.intent)
    signal = tables.signals.get(intent.signal_id) if intent.signal_id is not None else None
    if signal is not None and signal.state.is_terminal:
        return Refusal(Reason.SIGNAL_TOO_OLD, {"state": signal.state})
    account = load_account(tables)
    refusal = _refuse_entry(tables, intent, caps, account, now)
    if refusal is not None:
        return refusal
    position, refusal = find_position(tables, intent, now)
    if refusal is not None:
        return refusal
    intent = replace(intent, position_id=position.record.position_id)
    drawdown = drawdown_of(account.pnl, Usd(max(tables.peak, account.pnl)), account.deposits)
    factor = size_factor(drawdown, tables.rules)
    caps = replace(caps, position=Usd(caps.position * factor))
    refusal = check_limits(tables, intent, caps, account)
    if refusal is not None:
        return refusal
    tables.positions.setdefault(intent.position_id, position)
    take_limits(tables, intent)
    _insert(tables, intent, now)
    tables.watch("reserved", intent)
    return Reserved(intent)


def _refuse_entry(
    tables: Tables, intent: Intent, caps: LimitCaps, account: Account, now: datetime
) -> Refusal | None:
    halt = find_halt(tables, subject_of(intent), now)
    if halt:
        return Refusal(Reason.ENTRIES_HALTED, {"halt": halt})
    recent, most = _recent(tables, intent, caps, now), throttle_caps(caps, tables.rules)
    breach = check_throttles(recent, intent.order.cost_max, most)
    if breach is not None:
        return Refusal(breach.reason, breach.numbers)
    if account.available < intent.order.cost_max:
        return Refusal(Reason.BALANCE_TOO_LOW)
    return None


def _recent(tables: Tables, intent: Intent, caps: LimitCaps, now: datetime) -> RecentEntries:
    token_id = intent.order.unsigned.token_id
    bought = [row.intent for row in tables.orders.values() if row.intent.side is Side.BUY]
    lately = [i for i in bought if i.created_at > now - MINUTE]
    midnight = end_of_day(intent.created_at)
    today = [i for i in bought if end_of_day(i.created_at) == midnight]
    own = intent.signal_id or intent.intent_id
    repeats = {
        i.signal_id or i.intent_id
        for i in bought
        if i.created_at > now - caps.repeats_window and i.order.unsigned.token_id == token_id
    }
    return RecentEntries(
        open_orders=len(list(open_entries(tables))),
        orders=len(lately),
        orders_token=sum(i.order.unsigned.token_id == token_id for i in lately),
        notional=Usd(sum((i.order.cost_max for i in lately), ZERO)),
        repeats=len(repeats - {own}),
        notional_day=Usd(sum((i.order.cost_max for i in today), ZERO)),
    )


def find_position(
    tables: Tables, intent: Intent, now: datetime
) -> tuple[PositionRow, Refusal | None]:
    token_id = intent.order.unsigned.token_id
    same = [
        row
        for row in tables.positions.values()
        if row.record.whale == intent.whale and row.record.token_id == token_id
    ]
    for row in same:
        if not row.record.state.is_over:
            is_open = row.record.state in _TAKES_ENTRIES
            return row, None if is_open else Refusal(Reason.POSITION_CLOSING)
    return _new_position(tables, intent, max((row.n for row in same), default=0) + 1, now), None


def _new_position(tables: Tables, intent: Intent, n: int, now: datetime) -> PositionRow:
    unsigned = intent.order.unsigned
    record = PositionRecord(
        position_id=name_position(tables.wallet, intent.whale, unsigned.token_id, n),
        wallet=tables.wallet,
        whale=intent.whale,
        condition_id=intent.condition_id,
        token_id=unsigned.token_id,
        state=PositionState.OPENING,
        size=_NONE,
        settled_size=_NONE,
        avg_entry_price=None,
        exposure=Usd(ZERO),
        fees=Usd(ZERO),
        realised_pnl=Usd(ZERO),
        mark_price=None,
        marked_at=None,
        stop_loss_price=None,
        take_profit_price=None,
        trailing_stop_price=None,
        high_water_price=None,
        exit_epoch=0,
        opened_at=now,
    )
    return PositionRow(record, n)


def check_limits(
    tables: Tables, intent: Intent, caps: LimitCaps, account: Account
) -> Refusal | None:
    """Hold the worst case against every cap."""
    stake, more = stake_of(intent), up(intent.order.cost_max)
    share = down(caps.market_share * max(account.equity, ZERO))
    wanted = {
        Scope.WALLET: caps.wallet,
        Scope.WHALE: caps.whale,
        Scope.MARKET: Usd(min(caps.market, share)),
        Scope.POSITION: caps.position,
    }
    for scope in Scope:
        used = tables.used.get((scope, stake.key(scope)), Usd(ZERO))
        if used + more > down(wanted[scope]):
            is_share = scope is Scope.MARKET and share < down(caps.market)
            return Refusal(Reason.PORTFOLIO_LIMIT if is_share else _REASONS[scope])
    return None


def take_limits(tables: Tables, intent: Intent) -> None:
    """Use every limit and keep the reservation."""
    more = up(intent.order.cost_max)
    shift_limits(tables, stake_of(intent), more)
    tables.held[intent.intent_id] = Held(intent, more)


def _insert(tables: Tables, intent: Intent, now: datetime) -> None:
    progress = OrderProgress(intent.order.order_hash, intent.order.size)
    row = OrderRow(intent, progress, max(intent.expires_at, intent.created_at + RETRY_FOR), now)
    tables.orders[intent.order.order_hash] = row
    tables.by_intent[intent.intent_id] = row
    tables.ring("orders", intent.order.order_hash)


def commit_exit(tables: Tables, exit_order: ExitOrder, now: datetime) -> Intent | Refusal:
    intent = exit_order.intent
    for row in tables.orders.values():
        if row.intent.side is Side.SELL and _is_same_attempt(row.intent, intent):
            return row.intent
    position = tables.positions[intent.position_id].record
    offered = sum(
        (
            _may_still_sell(tables, intent_id, offer)
            for intent_id, offer in tables.offers.items()
            if offer.position_id == intent.position_id and offer.is_open
        ),
        ZERO,
    )
    is_current = position.exit_epoch == intent.exit_epoch
    fits = offered + intent.order.size <= position.settled_size
    if position.state is not PositionState.EXITING or not is_current or not fits:
        return Refusal(Reason.NO_POSITION_TO_REDUCE)
    _insert(tables, intent, now)
    tables.offers[intent.intent_id] = Offered(intent.position_id, intent.order.size)
    return intent


def _may_still_sell(tables: Tables, intent_id: IntentId, offer: Offered) -> Decimal:
    progress, sellable = tables.by_intent[intent_id].progress, offer.offered
    if progress.state.is_terminal:
        sellable = Shares(progress.size_matched - progress.size_failed)
    return max(sellable - offer.sold, ZERO)


def _is_same_attempt(known: Intent, intent: Intent) -> bool:
    if known.intent_id == intent.intent_id:
        return True
    same = (intent.position_id, intent.exit_epoch, intent.attempt)
    return (known.position_id, known.exit_epoch, known.attempt) == same


def load_intent(tables: Tables, order_hash: OrderHash) -> Intent | None:
    row = tables.orders.get(order_hash)
    return row.intent if row is not None else None


def load_attempt(tables: Tables, intent_id: IntentId) -> Intent | None:
    row = tables.by_intent.get(intent_id)
    return row.intent if row is not None else None


def begin_sending(tables: Tables, order_hash: OrderHash, epoch: int, now: datetime) -> bool:
    row = tables.orders[order_hash]
    check_fence(tables, epoch)
    deadline = row.retry_until if row.posts else row.intent.expires_at
    if row.progress.state not in (OrderState.PREPARED, OrderState.UNKNOWN) or now >= deadline:
        return False
    if row.intent.side is Side.BUY and _is_barred(tables, row.intent, now):
        return False
    row.posts += 1
    row.progress = replace(row.progress, state=OrderState.SENDING, copies=row.posts)
    row.version += 1
    row.updated_at = now
    tables.watch("granted", (row, epoch))
    tables.ring("orders", order_hash)
    return True


def check_fence(tables: Tables, epoch: int) -> None:
    """Refuse a stack that lost the wallet."""
    newest = tables.lease[1] if tables.lease is not None else None
    if newest != epoch:
        raise FencedError(f"expected epoch {newest}, received {epoch}")


def _is_barred(tables: Tables, intent: Intent, now: datetime) -> bool:
    if tables.positions[intent.position_id].record.state not in _TAKES_ENTRIES:
        return True
    return bool(find_halt(tables, subject_of(intent), now))


def fold_evidence(
    tables: Tables, order_hash: OrderHash, evidence: Sequence[Evidence], now: datetime
) -> OrderProgress:
    row = tables.orders[order_hash]
    before = progress = row.progress
    for each in evidence:
        progress = fold(progress, each)
    if progress == before:
        return before
    row.progress = progress = replace(progress, changed_at=now)
    row.is_done = progress.is_done
    row.version += 1
    row.updated_at = now
    for trade in progress.trades.values():
        fill = row.fills.setdefault(trade.trade_id, FillRow())
        if before.trades.get(trade.trade_id) != trade:
            fill.settled_at = now if trade.settlement.is_final else None
    _raise_alarms(tables, row, before, now)
    if has_failed(progress) and not has_failed(before):
        count_failure(tables, now)
    tables.watch("folded", (row, evidence))
    tables.ring("orders", order_hash)
    return progress


def _raise_alarms(tables: Tables, row: OrderRow, before: OrderProgress, now: datetime) -> None:
    ids = {"order_hash": row.progress.order_hash}
    for fault in row.progress.faults[len(before.faults) :]:
        tables.events.append(Event("order_fault", "PAGE", fault, now, ids))
        set_halt(tables, "TOKEN", row.intent.order.unsigned.token_id, fault)
        tables.watch("fault", (row, fault))
    if row.progress.adopted and not before.adopted:
        tables.events.append(Event("order_adopted", "PAGE", "adopted", now, ids))


def load_progress(tables: Tables, order_hash: OrderHash) -> OrderProgress | None:
    row = tables.orders.get(order_hash)
    return row.progress if row is not None else None


def apply_order(tables: Tables, order_hash: OrderHash, now: datetime) -> PositionRecord:
    row = tables.orders[order_hash]
    position = tables.positions[row.intent.position_id]
    home = _successor(tables, position) if position.record.state.is_over else None
    booked_in = (home or position).record.position_id
    for fill in row.fills.values():
        if fill.home is None:
            fill.home = booked_in
    if row.is_done:
        release(tables, row, now)
    row.applied = row.version
    after = restate(tables, position, now)
    return after if home is None else restate(tables, home, now)


def _successor(tables: Tables, position: PositionRow) -> PositionRow | None:
    whale, token_id = position.record.whale, position.record.token_id
    for row in tables.positions.values():
        same = row.record.whale == whale and row.record.token_id == token_id
        if same and not row.record.state.is_over:
            return row
    return None


def release(tables: Tables, row: OrderRow, now: datetime) -> None:
    """Give back what a done order had reserved or offered, once."""
    held = tables.held.get(row.intent.intent_id)
    if held is not None and held.is_open:
        held.is_open = False
        tables.watch("released", row)
        shift_limits(tables, stake_of(row.intent), -held.reserved)
    offer = tables.offers.get(row.intent.intent_id)
    if offer is not None and offer.is_open:
        offer.is_open = False
        tables.watch("released", row)
    if row.released_at is None:
        row.released_at = now


def orders_of_signal(tables: Tables, signal_id: SignalId) -> Sequence[OrderHash]:
    return _hashes(r.intent for r in tables.orders.values() if r.intent.signal_id == signal_id)


def orders_of_exit(tables: Tables, position_id: PositionId, epoch: int) -> Sequence[OrderHash]:
    return _hashes(
        row.intent
        for row in tables.orders.values()
        if row.intent.position_id == position_id
        and row.intent.exit_epoch == epoch
        and row.intent.side is Side.SELL
    )


def _hashes(found: Iterable[Intent]) -> list[OrderHash]:
    ordered = sorted(found, key=lambda intent: (intent.created_at, intent.attempt))
    return [intent.order.order_hash for intent in ordered]


def list_unresolved(tables: Tables, limit: int) -> Sequence[OrderHash]:
    found = [h for h, row in tables.orders.items() if row.is_unresolved]
    return found[:limit]


def is_ours(tables: Tables, order_hash: OrderHash) -> bool:
    return order_hash in tables.orders


def halt_wallet(tables: Tables, reason: str, now: datetime) -> None:
    set_halt(tables, "WALLET", tables.wallet, reason)


def halt_token(tables: Tables, token_id: TokenId, reason: str, now: datetime) -> None:
    set_halt(tables, "TOKEN", token_id, reason)


def tell_overdue(tables: Tables, order_hash: OrderHash, now: datetime) -> None:
    tables.events.append(Event("settlement_overdue", "PAGE", "overdue", now))
