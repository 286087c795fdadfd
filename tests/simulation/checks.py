"""The invariants, held against the venue's truth: some at every step, all once it is quiet."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from storage.limits import Scope
from storage.port import PositionRecord
from storage.restate import DUST
from tests.simulation.process import Process
from tests.simulation.tables import OrderRow, SignalRow
from tests.simulation.terms import decimal_of, micros_of, when
from tests.simulation.venue import Order, Trade
from trading.orders import Intent
from trading.positions import PositionFill, fold_position
from trading.types import (
    ZERO,
    OrderHash,
    PositionId,
    PositionState,
    Settlement,
    Shares,
    Side,
    SignalState,
    Usd,
)
from workflows import names

if TYPE_CHECKING:
    from tests.simulation.world import World

PAYS = frozenset({SignalState.FILLED, SignalState.PARTIAL})
PATIENCE = timedelta(seconds=2)  # between our look at the clock and the bytes' leaving
DUST_USD = Decimal("0.05")  # what closed positions may have left behind


class Checks:
    """Sees everything and belongs to nobody; what it finds wrong is kept with its time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.violations: list[str] = []
        self._finished: dict[str, int] = {}

    def report(self, text: str) -> None:
        """Keep a violation."""
        self._world.loop.is_stopped = True
        if len(self.violations) < 20:
            self.violations.append(f"{self._world.loop.now / 1e6:.3f}s {text}")
            self._world.say(f"VIOLATION {text}")

    # At every step

    def watch(self, what: str, about: object) -> None:
        """Take note of what our own side does."""
        match what, about:
            case "granted", (OrderRow() as row, int(epoch)):
                self._check_grant(row, epoch)
            case "posted", (Process() as process, Intent() as intent):
                self._check_post(process, intent)
            case "released", OrderRow() as row:
                self._check_release(row)
            case "used", (Scope() as scope, str(key)):
                self._check_used(scope, key)
            case "finished", SignalRow() as row:
                self._check_finish(row)

    def watch_venue(self, what: str, order: Order, trade: Trade | None) -> None:
        """Take note of what the venue does."""
        row = self._world.tables.orders.get(OrderHash(order.asked.order_hash))
        if row is None:
            self.report(f"I1 the venue has {order.asked.order_hash}, we never committed it")
            return
        if what == "booked":
            self._check_attempts(order, row)
        if what == "booked" or (trade is not None and trade.status == "MATCHED"):
            if order.asked.is_buy:
                self._check_costs(row.intent)
            else:
                self._check_sold(row.intent.position_id)

    def _check_grant(self, row: OrderRow, epoch: int) -> None:
        """I9: no right to send after the time, to a stale stack, or for an entry while halted."""
        world, intent = self._world, row.intent
        order_hash = intent.order.order_hash
        if world.tables.lease is not None and epoch != world.tables.lease[1]:
            self.report(f"I9 epoch {epoch} may send {order_hash}, {world.tables.lease[1]} holds")
        is_halted = {("WALLET", intent.order.unsigned.maker), ("TOKEN", _token(intent))}
        if intent.side is Side.BUY and is_halted & set(world.tables.halts):
            self.report(f"I9 entry {order_hash} sent while halted")

    def _check_post(self, process: Process, intent: Intent) -> None:
        """I9: what leaves was granted, and in time but for a slow database or a frozen sender."""
        order_hash = intent.order.order_hash
        row = self._world.tables.orders.get(order_hash)
        if row is None or not row.posts:
            self.report(f"I9 {order_hash} left without a right to send it")
            return
        deadline = intent.expires_at if row.posts == 1 else row.retry_until
        patience = PATIENCE + timedelta(microseconds=process.stood_still)
        if self._world.clock() > deadline + patience:
            self.report(f"I9 {order_hash} left after {deadline}")

    def _check_attempts(self, order: Order, row: OrderRow) -> None:
        """I2: an attempt is booked only when every earlier one is dead, and no later one is."""
        for other in self._world.tables.orders.values():
            if other is row or family(other.intent) != family(row.intent):
                continue
            booked = self._world.venue.orders.get(other.intent.order.order_hash)
            if booked is None:
                continue
            if not booked.is_ended:
                self.report(
                    f"I2 {order.asked.order_hash} beside the live {booked.asked.order_hash}"
                )
            elif other.intent.attempt >= row.intent.attempt:
                self.report(f"I2 {order.asked.order_hash} after {booked.asked.order_hash}")

    def _check_costs(self, intent: Intent) -> None:
        """I4: what the venue may still make us pay stays within every cap."""
        caps = self._world.rules.risk
        fills = list(self._true_fills())
        for scope, key, cap in (
            (Scope.WALLET, "", caps.wallet_max),
            (Scope.WHALE, intent.whale, caps.whale_max),
            (Scope.MARKET, intent.condition_id, caps.market_max),
            (Scope.POSITION, intent.position_id, caps.position_max),
        ):
            cost = self._cost(fills, scope, key)
            if cost > cap + DUST_USD:
                self.report(f"I4 {scope} {key}: the venue may cost {cost}, cap {cap}")

    def _true_fills(self) -> Iterator[tuple[OrderRow, Order]]:
        for order_hash, order in self._world.venue.orders.items():
            row = self._world.tables.orders.get(OrderHash(order_hash))
            if row is not None:
                yield row, order

    def _cost(self, booked: list[tuple[OrderRow, Order]], scope: Scope, key: str) -> Decimal:
        """Add up what is held at cost, under way, and still possible."""
        total, by_position = ZERO, dict[PositionId, list[PositionFill]]()
        for row, order in booked:
            if scope is not Scope.WALLET and _key(row.intent, scope) != key:
                continue
            position = self._world.tables.positions[row.intent.position_id].record
            if order.asked.is_buy:
                total += decimal_of(order.leaves) * decimal_of(order.asked.price)
            if not position.state.is_over:
                by_position.setdefault(position.position_id, []).extend(_fills(order))
        for fills in by_position.values():
            total += max(fold_position(fills).provisional.cost, ZERO)
        return total

    def _check_sold(self, position_id: PositionId) -> None:
        """I11: what is sold or offered never exceeds what was bought and confirmed."""
        bought = sold = 0
        for row, order in self._true_fills():
            if row.intent.position_id != position_id:
                continue
            if order.asked.is_buy:
                bought += sum(t.size for t in order.trades if t.status == "CONFIRMED")
            else:
                sold += order.leaves + sum(t.size for t in order.trades if t.status != "FAILED")
        if sold > bought:
            self.report(f"I11 {position_id}: {sold} sold or offered of {bought} micro-shares")

    def _check_release(self, row: OrderRow) -> None:
        """I6: nothing is released while the venue may still match, or the chain still speak."""
        order_hash = row.intent.order.order_hash
        order = self._world.venue.orders.get(order_hash)
        if order is None:
            if order_hash in self._world.venue.awaited:
                self.report(f"I6 {order_hash} released before it is booked")
            return
        if not order.is_ended:
            self.report(f"I6 {order_hash} released while it is {order.state}")
        pending = [t.trade_id for t in order.trades if not t.is_final]
        if pending:
            self.report(f"I6 {order_hash} released while {pending} are on their way")

    def _check_used(self, scope: Scope, key: str) -> None:
        """I4: what is used of a limit is within its cap."""
        used = self._world.tables.used[scope, key]
        if used > self._cap(scope) or used < 0:
            self.report(f"I4 {scope} {key} uses {used} of {self._cap(scope)}")

    def _cap(self, scope: Scope) -> Usd:
        risk = self._world.rules.risk
        caps = {
            Scope.WALLET: risk.wallet_max,
            Scope.WHALE: risk.whale_max,
            Scope.MARKET: risk.market_max,
            Scope.POSITION: risk.position_max,
        }
        return caps[scope]

    def _check_finish(self, row: SignalRow) -> None:
        """I5: a signal ends once."""
        signal_id = row.signal.signal_id
        self._finished[signal_id] = self._finished.get(signal_id, 0) + 1
        if self._finished[signal_id] > 1:
            self.report(f"I5 signal {signal_id} ended twice")

    # When the world is quiet

    def unrest(self) -> list[str]:
        """Return what has not come to rest."""
        world, tables = self._world, self._world.tables
        left = [f"signal {k} {r.state}" for k, r in tables.signals.items() if not _ended(r)]
        left += [f"order {h} unresolved" for h, r in tables.orders.items() if r.is_unresolved]
        left += [
            f"position {k} of a resolved market"
            for k, r in tables.positions.items()
            if world.market_of(r.record.token_id).payouts is not None
            and r.record.size > 0
            and not r.record.state.is_over
        ]
        left += [
            f"{token} unpaid"
            for token, market in world.markets.items()
            if market.payouts is not None and token not in world.venue.paid
        ]
        left += [f"reservation {i}" for i, held in tables.held.items() if held.is_open]
        left += [f"offer {i}" for i, offer in tables.offers.items() if offer.is_open]
        left += [f"venue order {h}" for h, o in world.venue.orders.items() if not o.is_ended]
        left += [f"trade {t.trade_id}" for t in world.venue.trades if not t.is_final]
        left += [f"exit of {k}" for k, r in tables.positions.items() if r.record.state == "EXITING"]
        left += [
            f"position {k} {r.record.state}"
            for k, r in tables.positions.items()
            if r.record.state in ("OPENING", "RESOLVED", "REDEEMABLE")
        ]
        left += [f"{k} without owner" for k in self._unowned()]
        left += [
            f"{k} runs"
            for k, run in world.server.runs.items()
            if k.startswith("copy-trade/") and not run.is_over
        ]
        left += [
            f"{k} unanswered" for k in world.asked_exits if not self._is_sold_out(PositionId(k))
        ]
        return left

    def _is_sold_out(self, position_id: PositionId) -> bool:
        record = self._world.tables.positions[position_id].record
        market = self._world.market_of(record.token_id)
        return record.state.is_over or record.size < market.min_size

    def check_all(self) -> None:
        """Check what must hold once nothing moves any more."""
        self._check_hashes()
        self._check_shares()
        self._check_ends()
        self._check_money()

    def _check_hashes(self) -> None:
        """I1: the venue's orders are ours, one to one; what we think it has, it has."""
        for order_hash, row in self._world.tables.orders.items():
            progress = row.progress
            order = self._world.venue.orders.get(order_hash)
            if order is None and (progress.trades or progress.size_matched):
                self.report(f"I1 we have fills of {order_hash}, the venue never had it")
            if order is not None and micros_of(progress.size_matched) != order.matched:
                self.report(
                    f"I1 {order_hash} matched {order.matched}, we say {progress.size_matched}"
                )

    def _check_shares(self) -> None:
        """I3: confirmed fills at the venue, in our records and in our positions are the same."""
        held: dict[str, Decimal] = {}
        paid: dict[str, Decimal] = {}
        for row, order in self._true_fills():
            true = sum(t.size for t in order.trades if t.status == "CONFIRMED")
            known = micros_of(row.progress.confirmed)
            if true != known:
                self.report(f"I3 {order.asked.order_hash}: {true} confirmed, we say {known}")
        for position in self._world.tables.positions.values():
            record = position.record
            if record.size != record.settled_size:
                self.report(f"I3 {record.position_id} holds {record.size} {record.settled_size}")
            held[record.token_id] = held.get(record.token_id, ZERO) + record.settled_size
            if self._waits_for_its_keeper(record):
                paid[record.token_id] = paid.get(record.token_id, ZERO) + record.settled_size
        for token, shares in held.items():
            true = self._world.venue.shares.get(token, 0)
            if true not in (micros_of(shares), micros_of(shares - paid.get(token, ZERO))):
                self.report(f"I3 token {token}: the wallet holds {true}, positions {shares}")

    def _waits_for_its_keeper(self, record: PositionRecord) -> bool:
        """Tell of dust that the venue has paid out; who books it is not part of these worlds."""
        is_resolved = record.condition_id in self._world.venue.payouts
        is_dust = record.state is PositionState.CLOSED and record.settled_size <= DUST
        return is_resolved and is_dust

    def _check_ends(self) -> None:
        """I5: a signal's end says what the chain says."""
        for signal_id, row in self._world.tables.signals.items():
            if row.signal.side is Side.SELL or not row.state.is_terminal:
                continue
            bought = sum(
                t.size
                for order_row, order in self._true_fills()
                if order_row.intent.signal_id == signal_id and order.asked.is_buy
                for t in order.trades
                if t.status == "CONFIRMED"
            )
            if (row.state in PAYS) != (bought > 0):
                self.report(f"I5 signal {signal_id} is {row.state} and bought {bought}")

    def _check_money(self) -> None:
        """I7: the ledger is the venue's cash, to the micro-unit; limits are what is at stake."""
        ours, theirs = micros_of(self._world.tables.cash), self._world.venue.cash
        if ours != theirs:
            self.report(f"I7 the ledger says {ours}, the venue {theirs}")
        for (scope, key), used in self._world.tables.used.items():
            stakes = (
                p.record.exposure
                for p in self._world.tables.positions.values()
                if _position_key(p.record, scope) == key
            )
            if used != sum(stakes, ZERO):
                self.report(f"I6 {scope} {key} uses {used}, and nothing accounts for it")

    def _unowned(self) -> list[PositionId]:
        """I10: every open position has its one workflow, soon if not at once."""
        server = self._world.server
        return [
            position_id
            for position_id, row in self._world.tables.positions.items()
            if not row.record.state.is_over
            and not server.is_running(names.position_workflow_id(position_id))
        ]


def family(intent: Intent) -> object:
    """Return what attempts of one trade have in common."""
    if intent.side is Side.BUY:
        return intent.signal_id
    return (intent.position_id, intent.exit_epoch)


def _ended(row: SignalRow) -> bool:
    return row.state.is_terminal


def _token(intent: Intent) -> str:
    return intent.order.unsigned.token_id


def _key(intent: Intent, scope: Scope) -> str:
    match scope:
        case Scope.WALLET:
            return intent.order.unsigned.maker
        case Scope.WHALE:
            return intent.whale
        case Scope.MARKET:
            return intent.condition_id
        case Scope.POSITION:
            return intent.position_id


def _position_key(record: object, scope: Scope) -> str:
    name = {
        Scope.WALLET: "wallet",
        Scope.WHALE: "whale",
        Scope.MARKET: "condition_id",
        Scope.POSITION: "position_id",
    }[scope]
    return str(getattr(record, name))


def _fills(order: Order) -> Iterator[PositionFill]:
    for trade in order.trades:
        sale_counts = order.asked.is_buy or trade.status == "CONFIRMED"
        if trade.status == "FAILED" or not sale_counts:
            continue
        yield PositionFill(
            trade_id=trade.trade_id,
            order_hash=OrderHash(order.asked.order_hash),
            side=Side.BUY if order.asked.is_buy else Side.SELL,
            size=Shares(decimal_of(trade.size)),
            cost=Usd(decimal_of(trade.cost)),
            fee=Usd(decimal_of(trade.fee)),
            settlement=Settlement.MATCHED,
            matched_at=when(trade.matched_at),
        )
