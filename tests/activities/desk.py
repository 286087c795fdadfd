"""Our activities over real records and a fake venue, with everything seeded to trade."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.commands import CommandActivities
from activities.evidence import Detective
from activities.markets import MarketDesk
from activities.orders import OrderActivities, OrderPorts
from activities.orphans import OrphanKeeper, OrphanPorts, Owners
from activities.positions import PositionActivities, PositionPorts
from activities.pricing import PricingActivities
from activities.reconcile import Part
from activities.records import Attempt, Ticket
from activities.redeeming import Redeeming, SendPorts
from activities.redemption import RedemptionActivities, RedemptionPorts
from activities.risk import RiskActivities, RiskPorts
from activities.send_gate import SendGate, never
from activities.signals import SignalActivities, SignalPorts
from activities.sweep import SweepActivities, SweepPorts
from storage.port import PositionRecord
from storage.postgres import PostgresStore
from storage.tables import events, halts
from tests.fakes import FakeBell, FakeClock, FakeLease, FakeVenue
from tests.platform_redeemer import PlatformRedeemer
from tests.storage.builders import (
    WALLET,
    WHALE,
    YES,
    market,
    price,
    shares,
    signal,
    usd,
    whale,
)
from trading.orders import OrderProgress
from trading.rules import Rules
from trading.types import (
    ONE,
    ExitReason,
    OrderHash,
    PositionId,
    Side,
    SignalId,
    SignalState,
    WhaleSignal,
)

SIGNAL = SignalId("s1")


@dataclass(slots=True)
class Desk:
    """Everything an activity needs, and the activities themselves."""

    store: PostgresStore
    clock: FakeClock
    bell: FakeBell
    venue: FakeVenue
    rules: Rules
    heartbeats: list[object] = field(default_factory=list)
    brake: Callable[[Side], Awaitable[bool]] = never

    @property
    def markets(self) -> MarketDesk:
        return MarketDesk(self.venue, self.store, self.clock)

    @property
    def detective(self) -> Detective:
        return Detective(self.venue, self.venue, self.store, self.rules.orders, self.clock)

    @property
    def signals(self) -> SignalActivities:
        store = self.store
        ports = SignalPorts(
            store, store, store, store, self.markets, self.bell, store, judgements=store
        )
        return SignalActivities(ports, self.rules, self.clock)

    @property
    def pricing(self) -> PricingActivities:
        return PricingActivities(self.store, self.store, self.markets, self.rules, self.clock)

    @property
    def risk(self) -> RiskActivities:
        store = self.store
        ports = RiskPorts(self.venue, store, store, store, self.markets)
        return RiskActivities(ports, self.rules, self.clock)

    @property
    def orders(self) -> OrderActivities:
        gate = SendGate(self.rules.throttle, self.clock, self.clock.pause, self.brake)
        ports = OrderPorts(self.venue, self.store, self.detective, self.bell, FakeLease(), gate)
        return OrderActivities(ports, self.rules.orders, self.clock)

    @property
    def positions(self) -> PositionActivities:
        store = self.store
        ports = PositionPorts(self.venue, store, store, store, self.markets)
        return PositionActivities(ports, self.rules.exits, self.clock, self.clock.pause)

    @property
    def redemption(self) -> RedemptionActivities:
        """Redemption by the venue itself; we have no way to send."""
        store, rules, redeemer = self.store, self.rules.redemption, PlatformRedeemer(self.venue)
        redeeming = Redeeming(SendPorts(redeemer, store, FakeLease()), rules, self.clock)
        ports = RedemptionPorts(redeemer, redeeming, store, store, self.markets)
        return RedemptionActivities(ports, rules, self.clock, self.clock.pause)

    @property
    def commands(self) -> CommandActivities:
        return CommandActivities(self.store, self.clock)

    def sweeper(self, owners: Owners, parts: Sequence[Part] = ()) -> SweepActivities:
        """A sweeper that asks these owners who works, and looks at some parts beside it."""
        store = self.store
        keeper = OrphanKeeper(
            OrphanPorts(
                self.venue, self.detective, store, store, store, store, owners, self.signals
            ),
            self.rules.sweep,
            self.clock,
        )
        ports = SweepPorts(store, store, owners, keeper, store, parts)
        return SweepActivities(ports, self.rules.sweep, self.clock, self.clock.pause)

    @property
    def env(self) -> ActivityEnvironment:
        """An activity's surroundings that note its heartbeats."""
        env = ActivityEnvironment()
        env.on_heartbeat = lambda *details: self.heartbeats.extend(details or [None])
        return env

    async def tell(self, name: str = "s1", side: Side = Side.BUY, age_s: int = 1) -> WhaleSignal:
        """Commit a whale's order as if it were just seen."""
        traded_at = self.clock() - timedelta(seconds=age_s)
        told = replace(signal(name, side=side), traded_at=traded_at, detected_at=traded_at)
        await self.store.record_signal(told, self.clock())
        return told

    async def committed(self, name: str = "s1", size: str = "100") -> OrderHash:
        """Price and check the first attempt of a new signal; return the committed order."""
        ticket = await self.ticket(name, size)
        assert ticket.order_hash is not None, ticket
        return ticket.order_hash

    async def ticket(self, name: str = "s1", size: str = "100") -> Ticket:
        await self.tell(name)
        attempt = Attempt(
            number=1,
            side=Side.BUY,
            size=shares(size),
            limit_price=price("0.52"),
            signal_id=SignalId(name),
        )
        estimate = await self.pricing.estimate_slippage(attempt)
        assert estimate.reason is None, estimate
        return await self.risk.check_risk(attempt, estimate)

    async def traded(self, order_hash: OrderHash) -> PositionId:
        """Send a committed order, wait for the chain and book it."""
        await self.orders.place_order(order_hash)
        await self.env.run(self.orders.await_fill, order_hash)
        await self.env.run(self.orders.await_settlement, order_hash)
        return (await self.orders.record_fills(order_hash)).position_id

    async def opened(self, name: str = "s1") -> PositionRecord:
        """Copy a signal completely and return the open position."""
        return await self.position(await self.traded(await self.committed(name)))

    async def position(self, position_id: PositionId) -> PositionRecord:
        record = await self.store.load_position(position_id)
        assert record is not None, position_id
        return record

    async def progress(self, order_hash: OrderHash) -> OrderProgress:
        progress = await self.store.load_progress(order_hash)
        assert progress is not None, order_hash
        return progress

    async def state(self, name: str = "s1") -> SignalState:
        stored = await self.store.load_signal(SignalId(name))
        assert stored is not None, name
        return stored.state

    async def halts(self) -> Sequence[str]:
        """Return why entries are halted, one reason for each halt."""
        async with self.store.transaction() as connection:
            return (await connection.execute(select(halts.c.reason))).scalars().all()

    async def events(self) -> Sequence[str]:
        """Return the types of all events, oldest first."""
        async with self.store.transaction() as connection:
            query = select(events.c.type).order_by(events.c.event_id)
            return (await connection.execute(query)).scalars().all()

    async def exit_of(self, position: PositionRecord) -> OrderHash:
        """Begin to leave a position and commit the first order of its exit."""
        step = await self.positions.begin_exit(position.position_id, ExitReason.OPERATOR, ONE)
        assert step.attempt is not None, step
        estimate = await self.pricing.estimate_slippage(step.attempt)
        ticket = await self.risk.check_risk(step.attempt, estimate)
        assert ticket.order_hash is not None, ticket
        return ticket.order_hash

    async def reserved(self) -> bool:
        """Tell whether any reservation is left."""
        return bool(await self.store.list_unresolved(10))


@asynccontextmanager
async def open_desk(database_url: str, now: datetime, breath_s: float = 0.0) -> AsyncIterator[Desk]:
    """Open the records with money, a lease, a market and a whale in them."""
    rules, clock = Rules(), FakeClock(now)
    store = PostgresStore(database_url, rules.risk, WALLET)
    sold_soon = replace(market(), ends_at=now + timedelta(days=3))
    try:
        await store.record_deposit(usd(10_000), "bankroll", now)
        assert await store.acquire_lease(WALLET, "us", now) == 1
        await store.save_whale(whale(), now)
        await store.save_market(sold_soon, now)
        venue = FakeVenue(clock, WALLET, sold_soon)
        yield Desk(store, clock, FakeBell(clock, breath_s), venue, rules)
    finally:
        await store.close()


async def held(desk: Desk) -> PositionRecord | None:
    """Return the open position of the one whale in the one token."""
    return await desk.store.find_open(WHALE, YES)
