"""Everything there is, on one clock and one set of dice: the venue, the records, our processes."""

import functools
import random
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, cast

from activities.commands import CommandActivities
from activities.evidence import Detective
from activities.markets import MarketDesk
from activities.orders import OrderActivities, OrderPorts
from activities.orphans import OrphanKeeper, OrphanPorts
from activities.positions import PositionActivities, PositionPorts
from activities.pricing import PricingActivities
from activities.redeeming import Redeeming, SendPorts
from activities.redemption import RedemptionActivities, RedemptionPorts
from activities.risk import RiskActivities, RiskPorts
from activities.send_gate import SendGate
from activities.signals import SignalActivities, SignalPorts
from activities.sweep import SweepActivities, SweepPorts
from storage.port import StorageUnavailableError
from tests.platform_redeemer import PlatformRedeemer
from tests.simulation import order_records
from tests.simulation.checks import Checks
from tests.simulation.gateway import Gateway
from tests.simulation.hazards import Hazards
from tests.simulation.loop import MICROS, VirtualLoop
from tests.simulation.ports import Bell, Owners, Records
from tests.simulation.process import Process
from tests.simulation.runs import Ported
from tests.simulation.server import Server
from tests.simulation.tables import OrderRow, Tables
from tests.simulation.terms import EPOCH_MICROS, START, WALLET, order_news, trade_news
from tests.simulation.venue import Order, Trade, Venue
from trading.orders import Evidence, Intent
from trading.rules import Rules
from trading.types import Market, OrderHash, SignalId, TokenId
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow
from workflows.position import PositionWorkflow
from workflows.reconcile import ReconcileWorkflow

_WORKFLOWS = (CopyTradeWorkflow, PositionWorkflow, ReconcileWorkflow)
MICROSECOND = timedelta(microseconds=1)
NEWS_LATE_MAX = 20 * MICROS
RESTART_MAX = 4 * MICROS


class Worker(Ported):
    """A worker process: the activities over its own ports, its bell, its dispatcher."""

    def __init__(self, world: "World", name: str, epoch: int) -> None:
        super().__init__(world.loop, name, epoch)
        self.bell = Bell(world, self)
        self.records = Records(world, self)
        self.steps = _steps(world, self)
        self.was_frozen = False

    async def pass_time(self, time: timedelta) -> None:
        await self.pause(time // MICROSECOND)


def _steps(world: "World", worker: Worker) -> dict[str, Callable[..., Awaitable[object]]]:
    """Build the activities as `worker.py` does, over this process's ports."""
    store, gateway, rules, clock = (
        cast(Any, worker.records),
        Gateway(world, worker),
        world.rules,
        world.clock,
    )
    markets = MarketDesk(gateway, store, clock)
    detective = Detective(gateway, gateway, store, rules.orders, clock)
    gate = SendGate(rules.throttle, clock, worker.pass_time)
    owners = Owners(world, worker)
    signals = SignalActivities(
        SignalPorts(store, store, store, store, markets, worker.bell, store), rules, clock
    )
    keeper = OrphanKeeper(
        OrphanPorts(gateway, detective, store, store, store, store, owners, signals),
        rules.sweep,
        clock,
    )
    parts = (
        signals,
        CommandActivities(store, clock),
        SweepActivities(
            SweepPorts(store, store, owners, keeper, store), rules.sweep, clock, worker.pass_time
        ),
        PricingActivities(store, store, markets, rules, clock),
        RiskActivities(RiskPorts(gateway, store, store, store, markets), rules, clock),
        OrderActivities(
            OrderPorts(gateway, store, detective, worker.bell, worker, gate), rules.orders, clock
        ),
        PositionActivities(
            PositionPorts(gateway, store, store, store, markets),
            rules.exits,
            clock,
            worker.pass_time,
        ),
        _redemption(world, worker, gateway, markets),
    )
    return {
        f"{type(part).__name__}.{name}": getattr(part, name)
        for part in parts
        for name in _activity_names(cast(Hashable, type(part)))
    }


def _redemption(
    world: "World", worker: Worker, gateway: Gateway, markets: MarketDesk
) -> RedemptionActivities:
    store, redeemer = cast(Any, worker.records), PlatformRedeemer(gateway)
    rules, clock = world.rules.redemption, world.clock
    redeeming = Redeeming(SendPorts(redeemer, store, worker), rules, clock)
    ports = RedemptionPorts(redeemer, redeeming, store, store, markets)
    return RedemptionActivities(ports, rules, clock, worker.pass_time)


@functools.cache
def _activity_names(cls: Hashable) -> tuple[str, ...]:
    marked = "__temporal_activity_definition"
    return tuple(name for name in dir(cls) if hasattr(getattr(cls, name), marked))


class World:
    """One run of the simulation."""

    def __init__(self, seed: int, rules: Rules, hazards: Hazards) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.rules = rules
        self.hazards = hazards
        self.loop = VirtualLoop()  # type: ignore[abstract]
        self.trace: Callable[[str], None] | None = None
        self.checks = Checks(self)
        self.tables = Tables(rules.risk, WALLET, ring=self._ring, watch=self.watch)
        self.venue = Venue(self.rng, lambda: self.loop.now, self.loop.after)
        self.venue.watch = [self.checks.watch_venue, self._spread_news]
        self.server = Server(self.loop, self.rng, self.checks.report, EPOCH_MICROS)
        self.server.trace = self.say
        self.server.classes = {c.__name__: c for c in _WORKFLOWS}
        self.markets: dict[TokenId, Market] = {}
        self.workers: list[Worker] = []
        self.epoch = 1
        self.db_down_until = 0
        self.restarting_until = 0
        self.blind_until = 0
        self.forgets_ended = self.rng.random() < 0.5
        self.asked_exits: list[str] = []
        self.counts: dict[str, int] = {}
        self._named = 0
        self._clock = (0, START)
        self.tables.lease = ("us", 1, START + timedelta(days=1))

    def clock(self) -> datetime:
        if self._clock[0] != self.loop.now:
            self._clock = (self.loop.now, START + timedelta(microseconds=self.loop.now))
        return self._clock[1]

    def say(self, text: str) -> None:
        if self.trace is not None:
            self.trace(f"{self.loop.now / 1e6:10.6f} {text}")

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def watch(self, what: str, about: object) -> None:
        self.checks.watch(what, about)
        if what == "posted":
            self.count("posts")
        if self.trace is not None:
            self.say(f"{what}: {about_words(about)}")

    # Processes

    def begin(self, workers: int) -> None:
        """Start the workers, and the sweep."""
        self.server.start(names.reconcile_id(WALLET), "ReconcileWorkflow", ())
        for _ in range(workers):
            self.start_worker()

    def start_worker(self) -> None:
        self._named += 1
        worker = Worker(self, f"w{self._named}", self.epoch)
        self.workers.append(worker)
        self.server.processes.append(worker)
        self.say(f"{worker.name} starts with epoch {worker.epoch}")

    def kill(self, process: Process) -> None:
        """Kill a process at once; another one is started a little later."""
        if process.is_dead:
            return
        process.kill()
        self.count("kills")
        self.say(f"{process.name} is killed")
        self.workers = [w for w in self.workers if not w.is_dead]
        self.server.processes = list[Ported](self.workers)
        self.loop.after(self.rng.randrange(200_000, RESTART_MAX), self.start_worker)

    def freeze(self, process: Process, micros: int) -> None:
        """Stop a process for a while, once in its life."""
        if isinstance(process, Worker) and not process.was_frozen and not process.is_dead:
            process.was_frozen = True
            self.count("freezes")
            self.say(f"{process.name} stands still for {micros / 1e6:.1f} s")
            process.freeze(micros)

    def hand_over(self) -> None:
        """Let another stack take the wallet; ours goes on until it notices."""
        assert self.tables.lease is not None
        self.epoch += 1
        self.tables.lease = (f"stack {self.epoch}", self.epoch, START + timedelta(days=1))
        self.count("hand-overs")
        self.say(f"epoch {self.epoch} holds the wallet")
        for worker in list(self.workers):
            self.loop.after(self.rng.randrange(3 * MICROS), self.kill, worker)
        self.start_worker()

    # Signals

    def dispatch(self, signal_id: str) -> None:
        """Let some worker claim a waiting signal and start its workflow; again until one did."""
        row = self.tables.signals[SignalId(signal_id)]
        if row.state != "WAITING":
            return
        if self.workers:
            worker = self.rng.choice(self.workers)
            worker.spawn(self._dispatch(worker))
        self.loop.after(MICROS, self.dispatch, signal_id)

    async def _dispatch(self, worker: Worker) -> None:
        records = cast(Any, worker.records)
        try:
            for stored in await records.claim_signals(worker.name, 100, self.clock()):
                while self.loop.now < self.server.down_until:
                    await worker.pause(MICROS // 4)
                await worker.pause(self.rng.randrange(500, 5_000))
                signal_id = stored.signal.signal_id
                workflow_id = names.copy_trade_id(signal_id)
                self.server.start(workflow_id, "CopyTradeWorkflow", (signal_id,), only_once=True)
                await worker.pause(self.rng.randrange(500, 5_000))
                await records.release_claim(signal_id, worker.name)
        except StorageUnavailableError:
            return

    # News

    def _ring(self, channel: str, key: str) -> None:
        for worker in self.workers:
            worker.bell.ring(channel, key)

    def _spread_news(self, what: str, order: Order, trade: Trade | None) -> None:
        """Tell our listener what the venue's user stream says: late, twice or never."""
        if self.trace is not None:
            told = f" {trade.trade_id} {trade.status}" if trade is not None else ""
            order_hash, state = order.asked.order_hash, order.state
            self.say(f"venue: {what} {order_hash} {state} {order.matched}{told}")
        if self.rng.random() < self.hazards.news_lost:
            return
        news: Evidence
        if trade is not None:
            news = trade_news(trade, trade.status, trade.transaction)
        else:
            news = order_news(order, order.state, order.matched)
        for _ in range(2 if self.rng.random() < self.hazards.news_twice else 1):
            wait = self.rng.randrange(5_000, 300_000)
            if self.rng.random() < self.hazards.news_late:
                wait = self.rng.randrange(NEWS_LATE_MAX)
            self.loop.after(wait, self._hear, OrderHash(order.asked.order_hash), news)

    def _hear(self, order_hash: OrderHash, news: Evidence) -> None:
        if self.loop.now < self.db_down_until:
            self.loop.at(self.db_down_until, self._hear, order_hash, news)
        elif order_records.is_ours(self.tables, order_hash):
            order_records.fold_evidence(self.tables, order_hash, [news], self.clock())

    def is_blind(self) -> bool:
        """Tell whether the venue's order reader knows nothing right now."""
        now = self.loop.now
        if now >= self.blind_until + 10 * MICROS and self.rng.random() < self.hazards.read_blind:
            self.blind_until = now + self.rng.randrange(4 * MICROS)
        return now < self.blind_until

    def market_of(self, token_id: TokenId) -> Market:
        return self.markets[token_id]

    # The end

    def quiet(self) -> None:
        """Let nothing go wrong any more, and everything run."""
        self.say("quiet")
        self.hazards.quiet()
        self.venue.is_quiet = True
        self.db_down_until = self.server.down_until = self.restarting_until = self.loop.now
        self.blind_until = self.loop.now


def about_words(about: object) -> str:
    """Return a line's worth of what an event is about."""
    if isinstance(about, tuple):
        return ", ".join(about_words(part) for part in about)
    if isinstance(about, OrderRow):
        progress = about.progress
        done = "done" if progress.is_done else "open"
        return f"{progress.order_hash} {progress.state} {progress.size_matched} {done}"
    if isinstance(about, Intent):
        return about.order.order_hash
    if isinstance(about, list):
        return "; ".join(str(part)[:90] for part in about)
    return getattr(about, "name", "") or str(about)[:80]
