"""Signals, positions and facts in memory, by the rules of the records' own modules."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from storage.facts import LEASE
from storage.figures import redemption_cash
from storage.level_port import exit_levels, kept_levels
from storage.port import Event, Levels, Mark, PositionRecord, StoredSignal, WhaleRecord
from storage.restate import DUST
from storage.signals import CLAIM
from tests.simulation.tables import (
    PositionRow,
    SignalRow,
    Tables,
    book_cash,
    find_halt,
    has_open_orders,
    load_account,
    redemption,
    restate,
)
from trading.breakers import Subject
from trading.decide import Portfolio
from trading.holdings import Mirror
from trading.types import (
    ONE,
    ZERO,
    ExitReason,
    Market,
    PositionId,
    PositionState,
    Price,
    Reason,
    Refusal,
    Shares,
    SignalId,
    SignalState,
    TokenId,
    Usd,
    Wallet,
    WhaleSignal,
)

_MARKED = frozenset({PositionState.OPENING, PositionState.OPEN, PositionState.EXITING})

# Signals


def record_signal(tables: Tables, signal: WhaleSignal, now: datetime) -> bool:
    if signal.signal_id in tables.signals:
        return False
    tables.signals[signal.signal_id] = SignalRow(signal, now)
    tables.ring("signals", signal.signal_id)
    return True


def claim_signals(
    tables: Tables, claimant: str, limit: int, now: datetime
) -> Sequence[StoredSignal]:
    claimed: list[StoredSignal] = []
    for row in tables.signals.values():
        is_free = row.claimed_until is None or row.claimed_until <= now
        if row.state is SignalState.WAITING and is_free and len(claimed) < limit:
            row.claimed_until = now + CLAIM
            claimed.append(_stored(row))
    return claimed


def release_claim(tables: Tables, signal_id: SignalId, claimant: str) -> None:
    row = tables.signals[signal_id]
    if row.state is SignalState.WAITING:
        row.state, row.claimed_until = SignalState.RUNNING, None


def load_signal(tables: Tables, signal_id: SignalId) -> StoredSignal | None:
    row = tables.signals.get(signal_id)
    return _stored(row) if row is not None else None


def _stored(row: SignalRow) -> StoredSignal:
    refusal = row.refusal if isinstance(row.refusal, Refusal) else None
    return StoredSignal(row.signal, row.state, row.committed_at, refusal)


def list_running_signals(
    tables: Tables, committed_before: datetime, limit: int
) -> Sequence[StoredSignal]:
    running = [
        row
        for row in tables.signals.values()
        if row.state is SignalState.RUNNING and row.committed_at < committed_before
    ]
    return [_stored(row) for row in running[:limit]]


def whale_holding(tables: Tables, whale: Wallet, token_id: TokenId, before: datetime) -> Shares:
    bought = (
        row.signal.size
        for row in tables.signals.values()
        if row.signal.wallet == whale
        and row.signal.token_id == token_id
        and row.signal.side == "BUY"
        and row.signal.traded_at < before
    )
    return Shares(sum(bought, ZERO))


def claim_exit_share(tables: Tables, signal: WhaleSignal, now: datetime) -> Mirror | None:
    held = find_open(tables, signal.wallet, signal.token_id)
    if held is None:
        return None
    whole = whale_holding(tables, signal.wallet, signal.token_id, signal.traded_at)
    share = min(signal.size / whole, ONE) if whole > 0 else ONE
    return Mirror(share, held.size, Shares(held.size * (ONE - share)))


def save_decision(
    tables: Tables, signal_id: SignalId, step: str, verdict: Mapping[str, str], now: datetime
) -> None:
    tables.signals[signal_id].decisions.setdefault(step, dict(verdict))


def load_decision(tables: Tables, signal_id: SignalId, step: str) -> Mapping[str, str] | None:
    return tables.signals[signal_id].decisions.get(step)


def finish_signal(
    tables: Tables,
    signal_id: SignalId,
    state: SignalState,
    refusal: Refusal | None,
    now: datetime,
) -> SignalState:
    row = tables.signals[signal_id]
    says_no_order = refusal is not None and refusal.reason is not Reason.SIGNER_REFUSED
    is_traded = says_no_order and any(
        order.intent.signal_id == signal_id for order in tables.orders.values()
    )
    if not row.state.is_terminal and not is_traded:
        row.state, row.refusal, row.claimed_until = state, refusal, None
        tables.watch("finished", row)
        tables.ring("signals", signal_id)
    return row.state


# Positions


def load_position(tables: Tables, position_id: PositionId) -> PositionRecord | None:
    row = tables.positions.get(position_id)
    return row.record if row is not None else None


def find_open(tables: Tables, whale: Wallet, token_id: TokenId) -> PositionRecord | None:
    for row in tables.positions.values():
        record = row.record
        if record.whale == whale and record.token_id == token_id and not record.state.is_over:
            return record
    return None


def list_open(tables: Tables) -> Sequence[PositionRecord]:
    return [r.record for r in tables.positions.values() if not r.record.state.is_over]


def list_dust(tables: Tables) -> Sequence[PositionRecord]:
    records = (row.record for row in tables.positions.values())
    return [r for r in records if r.state is PositionState.CLOSED and r.settled_size > 0]


def swap_levels(tables: Tables, position_id: PositionId, before: Levels, after: Levels) -> bool:
    row = tables.positions[position_id]
    if kept_levels(exit_levels(row.record)) != before:
        return False
    row.record = replace(
        row.record,
        stop_loss_price=after.stop_loss_price,
        take_profit_price=after.take_profit_price,
        trailing_stop_price=after.trailing_stop_price,
        high_water_price=after.high_water_price,
        is_trailing_off=after.is_trailing_off,
    )
    tables.ring("positions", position_id)
    return True


def save_marks(tables: Tables, marks: Sequence[Mark]) -> None:
    for mark in marks:
        for row in tables.positions.values():
            record = row.record
            is_newer = record.marked_at is None or record.marked_at < mark.at
            if record.token_id == mark.token_id and record.state in _MARKED and is_newer:
                row.record = replace(record, mark_price=mark.price, marked_at=mark.at)


def begin_exit(tables: Tables, position_id: PositionId, reason: ExitReason, now: datetime) -> int:
    row = tables.positions[position_id]
    if row.record.state is PositionState.EXITING:
        return row.record.exit_epoch
    if row.record.state is not PositionState.OPEN:
        return 0
    epoch = row.record.exit_epoch + 1
    row.record = replace(row.record, state=PositionState.EXITING, exit_epoch=epoch)
    tables.watch("exit begun", row)
    tables.ring("positions", position_id)
    return epoch


def end_exit(
    tables: Tables, position_id: PositionId, now: datetime, epoch: int | None = None
) -> PositionRecord:
    row = tables.positions[position_id]
    is_another = epoch is not None and epoch != row.record.exit_epoch
    if row.record.state is not PositionState.EXITING or is_another:
        return row.record
    is_dust = row.record.size <= DUST and row.record.settled_size <= DUST
    is_over = is_dust and not has_open_orders(tables, position_id)
    return restate(tables, row, now, PositionState.CLOSED if is_over else PositionState.OPEN)


def settle_resolution(
    tables: Tables, position_id: PositionId, payout: Price, *, redeemed: bool, now: datetime
) -> PositionRecord:
    row = tables.positions[position_id]
    before = row.record
    if before.state is PositionState.REDEEMED and before.settled_size == ZERO:
        return before
    if redeemed and before.settled_size > 0:
        _redeem(tables, row, payout, now)
    if before.state is PositionState.CLOSED:
        return restate(tables, row, now, before.state)
    row.payout = payout
    row.record = replace(row.record, mark_price=payout, marked_at=now)
    is_over = redeemed and not has_open_orders(tables, position_id)
    state = PositionState.REDEEMED if is_over else PositionState.RESOLVED
    return restate(tables, row, now, state)


def mark_redeemable(tables: Tables, position_id: PositionId, now: datetime) -> None:
    row = tables.positions[position_id]
    if row.record.state is PositionState.RESOLVED:
        row.record = replace(row.record, state=PositionState.REDEEMABLE)
        tables.ring("positions", position_id)


def _redeem(tables: Tables, row: PositionRow, payout: Price, now: datetime) -> None:
    size, n = row.record.settled_size, len(row.redemptions) + 1
    row.redemptions.append(redemption(row.record.position_id, n, size, payout, now))
    ref = f"{row.record.position_id}/{n}"
    book_cash(tables, "REDEMPTION", ref, redemption_cash(size, payout))


# Facts


def save_market(tables: Tables, market: Market, now: datetime) -> None:
    known = tables.markets.get(market.token_ids[0])
    if known is not None and market.payouts is None:
        market = replace(market, payouts=known.payouts)
    for token_id in market.token_ids:
        tables.markets[token_id] = market


def load_market(tables: Tables, token_id: TokenId) -> Market | None:
    return tables.markets.get(token_id)


def save_whale(tables: Tables, whale: WhaleRecord, now: datetime) -> None:
    tables.whales[whale.standing.wallet] = whale


def load_whale(tables: Tables, wallet: Wallet) -> WhaleRecord | None:
    return tables.whales.get(wallet)


def load_portfolio(tables: Tables, now: datetime) -> Portfolio:
    account = load_account(tables)
    pnl = account.equity - account.deposits
    tables.peak = Usd(max(tables.peak, pnl, ZERO))
    height = account.deposits + tables.peak
    drawdown = min(max((tables.peak - pnl) / height, ZERO), ONE) if height > 0 else ZERO
    halt = find_halt(tables, Subject(tables.wallet), now)
    return Portfolio(account.cash, account.bid_value, drawdown, bool(halt), halt)


def record_deposit(tables: Tables, cash: Usd, ref: str, now: datetime) -> None:
    book_cash(tables, "DEPOSIT", ref, cash)


def record_event(tables: Tables, event: Event) -> None:
    tables.events.append(event)


def record_event_once(tables: Tables, key: str, event: Event) -> bool:
    if key in tables.told:
        return False
    tables.told.add(key)
    tables.events.append(event)
    return True


def acquire_lease(tables: Tables, wallet: Wallet, holder: str, now: datetime) -> int | None:
    """Take or renew the lease, as `storage.facts` does."""
    if tables.lease is None:
        tables.lease = (holder, 1, now + LEASE)
        return 1
    name, epoch, until = tables.lease
    if name != holder and now < until:
        return None
    epoch = epoch if name == holder else epoch + 1
    tables.lease = (holder, epoch, now + LEASE)
    return epoch
