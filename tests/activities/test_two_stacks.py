"""Two stacks and one wallet: on one database the lease decides, on two the other is noticed.

Real records, the local venue as a process of its own; what has arrived is told by its audit.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

import storage.orders
from activities.evidence import Detective
from activities.markets import MarketDesk
from activities.orders import FENCED, OrderActivities, OrderPorts
from activities.reconcile import Judge, Part, ReconcilePorts
from activities.reconcile_orders import OpenOrderCheck
from activities.reconcile_trades import TradeFolder
from activities.records import Attempt
from activities.risk import RiskActivities, RiskPorts
from activities.send_gate import SendGate
from activities.turnstile import OutflowError, Turnstile
from exchange.polymarket.account import PolymarketAccount
from exchange.polymarket.client import GatewayParts, PolymarketGateway
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import FeeSchedules, PolymarketMarketData
from exchange.polymarket.settlement import PolygonChain
from exchange.polymarket.signing import OrderFormV2
from ingest.account import AccountListener
from ingest.health import FeedHealth
from ingest.reconcile import EVERY as BETWEEN_SWEEPS
from storage.lease import WalletLease
from storage.port import StorageUnavailableError
from storage.postgres import PostgresStore
from tests.activities.kill_stand import (
    ENTRANT,
    FIVE,
    HIGH,
    LOW,
    RULES,
    Stand,
    estimate,
    now,
)
from tests.activities.stands import Stands
from tests.fakes import FakeLease
from tests.storage.builders import signal
from trading.profiles import LOAD
from trading.rules import Rules
from trading.types import OrderHash, Price, Reason, Side, SignalId

FEW, MANY = 5, 100
PROBES = 3
NOTICED_WITHIN_S = 10.0
PATIENCE_S = 60.0  # of a machine without time
CROSSING = Price(Decimal("0.95"))


@dataclass(slots=True)
class Stack:
    """One of two that trade the same wallet: its lease, and everything that sends an order."""

    stand: Stand
    store: PostgresStore
    name: str
    rules: Rules = RULES
    lease: WalletLease | FakeLease = field(default_factory=FakeLease)
    sent: dict[OrderHash, str] = field(default_factory=dict)
    told: int = 0

    @property
    def risk(self) -> RiskActivities:
        markets = MarketDesk(PolymarketMarketData(self.stand.access), self.store, now)
        ports = RiskPorts(self.stand.gateway, self.store, self.store, self.store, markets)
        return RiskActivities(ports, self.rules, now)

    @property
    def orders(self) -> OrderActivities:
        stand, rules = self.stand, self.rules
        chain = PolygonChain(stand.access)
        detective = Detective(stand.gateway, chain, self.store, rules.orders, now)
        gate = SendGate(rules.throttle, now)
        ports = OrderPorts(
            stand.gateway, self.store, detective, stand.bell, self.lease, gate, Turnstile()
        )
        return OrderActivities(ports, rules.orders, now)

    async def commit(self, price: Price = LOW) -> OrderHash:
        """Commit an entry of a new signal."""
        self.told += 1
        name = f"{self.name}-{self.told}"
        token_id = self.stand.market.token_ids[0]
        told = replace(
            signal(name),
            wallet=ENTRANT,
            token_id=token_id,
            price=max(price, HIGH),
            traded_at=now(),
            detected_at=now(),
        )
        await self.store.record_signal(told, now())
        wish = Attempt(1, Side.BUY, FIVE, price, SignalId(name))
        ticket = await self.risk.check_risk(wish, estimate(price))
        assert ticket.order_hash is not None, ticket
        self.sent[ticket.order_hash] = self.name
        return ticket.order_hash

    async def send(self, price: Price = LOW) -> tuple[OrderHash, str]:
        """Commit an entry and send it; return its hash and the kind of the refusal, if any."""
        order_hash = await self.commit(price)
        try:
            await self.orders.place_order(order_hash)
        except ApplicationError as error:
            return order_hash, error.type or ""
        return order_hash, ""

    async def send_on(self) -> None:
        """Send entries one after the other until cancelled, whoever holds the wallet."""
        while True:
            with contextlib.suppress(StorageUnavailableError):  # a machine without time
                await self.send()

    async def halts(self) -> str:
        """Return why entries are halted, or nothing."""
        portfolio = await self.store.load_portfolio(now())
        return portfolio.halt_reason if portfolio.entries_halted else ""


async def arrived(stand: Stand) -> set[str]:
    return {str(row["order_id"]) for row in await stand.audit()}


async def take_over(winner: Stack) -> int:
    """Let the lease run out, as when its holder stands still for too long, and take it."""
    async with winner.store.transaction() as connection:
        await connection.execute(text("UPDATE leases SET expires_at = now() - interval '1 s'"))
    assert isinstance(winner.lease, WalletLease)
    await winner.lease.acquire()
    return winner.lease.epoch


async def contested(stands: Stands, venue: VenueAccess, times: int) -> dict[str, int]:
    """Force take-overs while both send; return what must be nothing."""
    stand = await stands.open(venue, "shared")
    wallet = stand.gateway.wallet
    pair = [
        Stack(stand, stand.store, name, lease=WalletLease(stand.store, wallet, name, now))
        for name in ("left", "right")
    ]
    strays: set[str] = set()
    wanted: set[str] = set()
    holders: dict[int, str] = {}
    unfenced = 0
    background = [asyncio.create_task(stack.send_on()) for stack in pair]
    try:
        for n in range(times):
            winner, loser = pair[n % 2], pair[1 - n % 2]
            holders[await take_over(winner)] = winner.name
            for _ in range(PROBES):
                order_hash, refusal = await loser.send()
                strays.add(order_hash)
                unfenced += refusal != FENCED
            wanted.add((await winner.send())[0])
    finally:
        for task in background:
            task.cancel()
        ended = await asyncio.gather(*background, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
    there = await arrived(stand)
    assert len(holders) == times
    return {
        "orders of the loser at the venue": len(strays & there),
        "sendings that were not fenced": unfenced,
        "orders of the holder that did not arrive": len(wanted - there),
        "orders sent under an epoch of the other": await misattributed(pair, holders, there),
    }


async def misattributed(pair: list[Stack], holders: dict[int, str], there: set[str]) -> int:
    """Count orders at the venue that left under an epoch which their sender never held."""
    sent_by = {**pair[0].sent, **pair[1].sent}
    async with pair[0].store.transaction() as connection:
        words = "SELECT order_id, sending_epoch FROM orders WHERE sending_epoch IS NOT NULL"
        rows = (await connection.execute(text(words))).mappings().all()
    return sum(
        row["order_id"] in there
        and holders.get(row["sending_epoch"]) != sent_by[OrderHash(row["order_id"])]
        for row in rows
    )


def is_clean(found: dict[str, int]) -> bool:
    return not any(found.values())


async def test_only_the_lease_holders_orders_reach_the_venue(
    stands: Stands, venue: VenueAccess
) -> None:
    found = await contested(stands, venue, FEW)
    assert is_clean(found), found


@pytest.mark.acceptance
async def test_a_hundred_take_overs_let_no_order_of_the_loser_through(
    stands: Stands, venue: VenueAccess
) -> None:
    found = await contested(stands, venue, MANY)
    assert is_clean(found), found


async def test_a_lease_that_fences_nobody_is_noticed(
    stands: Stands, venue: VenueAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believed(*_: object) -> None:
        """Believe every epoch."""

    monkeypatch.setattr(storage.orders, "_check_fence", believed)
    found = await contested(stands, venue, 2)
    assert found["orders of the loser at the venue"] > 0
    assert found["sendings that were not fenced"] > 0


# A stack on another database


async def until_halted(stack: Stack) -> float:
    """Return how long it takes until entries halt."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(PATIENCE_S):
        while not await stack.halts():  # noqa: ASYNC110 - rows set no event
            await asyncio.sleep(0.05)
    return loop.time() - began


def polls(stack: Stack) -> list[Part]:
    """Return what looks at the venue's lists, as a worker has it."""
    stand, store, rules = stack.stand, stack.store, Rules().reconcile
    fees = FeeSchedules(stand.access)
    account = PolymarketAccount(stand.access, stand.account, stand.gateway, fees)
    ports = ReconcilePorts(account, store, store, store)
    chain = PolygonChain(stand.access)
    detective = Detective(stand.gateway, chain, store, RULES.orders, now)
    judge = Judge(store, rules, now)
    return [
        OpenOrderCheck(ports, detective, judge, rules, now),
        TradeFolder(ports, rules, now),
    ]


async def keep(part: Part) -> None:
    while True:
        await part.turn()
        await asyncio.sleep(part.every.total_seconds())


@contextlib.asynccontextmanager
async def polled(stack: Stack) -> AsyncIterator[None]:
    """Take the polls' turns at their own pace; the first has been taken when this begins."""
    parts = polls(stack)
    for part in parts:
        await part.turn()
    tasks = [asyncio.create_task(keep(part)) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def heard(stack: Stack) -> AsyncIterator[None]:
    """Listen to the stream of our own orders."""
    stand, store = stack.stand, stack.store
    health = FeedHealth(CollectorRegistry(), now)
    task = asyncio.create_task(AccountListener(stand.gateway, store, store, health, now).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_arrived(stack: Stack, price: Price) -> None:
    """Send until an order has arrived: resting, or traded where it crosses the book."""
    wanted = "MATCHED" if price == CROSSING else "LIVE"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            order_hash, _ = await stack.send(price)
            for row in await stack.stand.audit():
                if row["order_id"] == order_hash and row["status"] == wanted:
                    return


Watching = Callable[[Stack], contextlib.AbstractAsyncContextManager[None]]


async def noticed(
    stands: Stands, venue: VenueAccess, name: str, watching: Watching, price: Price
) -> float:
    """Trade the same wallet from another database; return after how long entries halt here."""
    stand = await stands.open(venue, name)
    ours = Stack(stand, stand.store, f"{name}-ours")
    order_type = LOAD if price == CROSSING else RULES
    theirs = Stack(stand, await stands.elsewhere(stand), f"{name}-theirs", rules=order_type)
    async with watching(ours):
        await ours.send()
        assert not await ours.halts()
        await until_arrived(theirs, price)
        took_s = await until_halted(ours)
    assert (await ours.halts()).startswith("FOREIGN_ORDER")
    wish = Attempt(1, Side.BUY, FIVE, LOW, SignalId(f"{name}-late"))
    told = replace(
        signal(f"{name}-late"),
        token_id=stand.market.token_ids[0],
        price=HIGH,
        traded_at=now(),
        detected_at=now(),
    )
    await ours.store.record_signal(told, now())
    assert (await ours.risk.check_risk(wish, estimate(LOW))).reason is Reason.ENTRIES_HALTED
    return took_s


async def notice_all(stands: Stands, venue: VenueAccess) -> dict[str, float]:
    """Have a foreign order and a foreign trade polled, and an order streamed; return the times."""
    async with asyncio.TaskGroup() as group:
        tasks = {
            "resting order, polled": noticed(stands, venue, "p", polled, LOW),
            "trade, polled": noticed(stands, venue, "t", polled, CROSSING),
            "resting order, streamed": noticed(stands, venue, "s", heard, LOW),
        }
        took = {name: group.create_task(task) for name, task in tasks.items()}
    return {name: round(task.result(), 1) for name, task in took.items()}


async def test_a_stack_on_another_database_is_noticed_by_its_orders_and_halts_entries(
    stands: Stands, venue: VenueAccess
) -> None:
    polled_s = await noticed(stands, venue, "p", polled, LOW)
    streamed_s = await noticed(stands, venue, "s", heard, LOW)
    sys.stdout.write(f"seconds until entries halt: {polled_s} polled, {streamed_s} streamed\n")
    rules = Rules().reconcile
    longest = max(rules.orders_every, rules.trades_every, BETWEEN_SWEEPS)
    assert longest.total_seconds() < NOTICED_WITHIN_S - 1.0


@pytest.mark.acceptance
async def test_a_stack_on_another_database_halts_entries_within_ten_seconds(
    stands: Stands, venue: VenueAccess
) -> None:
    figures = await notice_all(stands, venue)
    assert max(figures.values()) < NOTICED_WITHIN_S, figures


async def test_a_stack_that_nobody_looks_for_is_not_noticed(
    stands: Stands, venue: VenueAccess
) -> None:
    stand = await stands.open(venue, "blind")
    ours = Stack(stand, stand.store, "blind-ours")
    theirs = Stack(stand, await stands.elsewhere(stand), "blind-theirs")
    await theirs.send()
    assert not await ours.halts()


async def test_a_loop_around_the_last_step_sends_nothing_without_a_right(
    stands: Stands, venue: VenueAccess
) -> None:
    stand = await stands.open(venue, "loop")
    ours, turnstile = Stack(stand, stand.store, "loop"), Turnstile()
    fees = FeeSchedules(stand.access)
    parts = GatewayParts(fees, OrderFormV2(), turnstile.let_out)
    gateway = PolymarketGateway(stand.access, stand.account, stand.signer, parts)
    intent = await stand.store.load_intent(await ours.commit())
    assert intent is not None
    for _ in range(50):
        with pytest.raises(OutflowError):
            await gateway.post_order(intent)
    assert intent.order.order_hash not in await arrived(stand)
    await turnstile.keep(stand.store.halt_wallet, now)
    assert (await ours.halts()).startswith("orders_out: expected 0 at most")
