"""Pulls the kill switch at random instants while signals come in, and asks the venue what it got.

Real records, the local venue as a process of its own, everything that sends an order; what is
counted is counted by the venue's own audit.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.evidence import Detective
from activities.halting import Brake, HaltKeeper, HaltPorts
from activities.markets import MarketDesk
from activities.orders import OrderActivities, OrderPorts
from activities.records import Attempt, Estimate
from activities.risk import RiskActivities, RiskPorts
from activities.send_gate import SendGate
from exchange.polymarket.client import PolymarketGateway, TradingAccount
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.settlement import PolygonChain
from exchange.polymarket.signing import LocalSigner
from exchange.polymarket.wallets import generate_wallet
from exchange.polymarket.wire import read_json
from exchange.polymarket.wire_gamma import read_markets
from storage.bell import PostgresBell
from storage.guard_port import KillSource
from storage.halt_file import NAME, HaltFile
from storage.port import StorageUnavailableError
from storage.postgres import PostgresStore
from tests.activities.switch_faces import Faces, open_faces
from tests.fakes import FakeLease
from tests.storage.builders import signal, usd
from trading.profiles import LOAD
from trading.types import (
    ExitReason,
    ExitRequest,
    Market,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    Price,
    Protocol,
    Shares,
    Side,
    SignalId,
    SignatureType,
    Wallet,
)

ENTRANT, HOLDER = Wallet("0x" + "11" * 20), Wallet("0x" + "22" * 20)
LATE_AFTER_MS = 1000
WATCHED_S = 1.5
AT_ONCE = 4  # more would all be too old on a machine without time
COMMIT_EVERY_S = 0.1
WAITING_MAX = 100
PATIENCE_S = 40.0
FIVE = Shares(Decimal(5))
LOW, HIGH = Price(Decimal("0.30")), Price(Decimal("0.60"))
_COMMIT = text(
    """
    INSERT INTO signals (signal_id, wallet, token_id, side, size, price, fill_count, traded_at,
        detected_at, source, transaction_hash, state, committed_at)
    SELECT :name || '-' || n, :wallet, :token_id, 'BUY', 3000, :price, 1, :now, :now, 'CHAIN',
        '0x' || n, 'WAITING', :now
    FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS n
    """
)
RULES = replace(LOAD, orders=replace(LOAD.orders, entry_order_type=OrderType.GTC))


@dataclass(frozen=True, slots=True)
class Round:
    """One pull: entries that came too late, the last one's delay, what rested, the exit."""

    source: KillSource
    late: int
    last_ms: int
    rests_after: int  # entries on the book two seconds after it
    cleared_ms: int
    exit_was_sent: bool


@dataclass(slots=True)
class Stand:
    """One wallet that trades, and its switch."""

    access: VenueAccess
    store: PostgresStore
    bell: PostgresBell
    account: TradingAccount
    signer: LocalSigner
    gateway: PolymarketGateway
    market: Market
    faces: Faces
    per_s: int
    name: str
    brake: Brake = field(init=False)
    orders: OrderActivities = field(init=False)
    risk: RiskActivities = field(init=False)
    keeper: HaltKeeper = field(init=False)
    held: PositionId | None = None
    told: int = 0
    sent: int = 0
    exits: int = 1
    _waiting: deque[str] = field(default_factory=lambda: deque(maxlen=WAITING_MAX))

    def __post_init__(self) -> None:
        store, sign = self.store, HaltFile(self.faces.home)
        self.brake = Brake(store, sign)
        data = PolymarketMarketData(self.access)
        markets = MarketDesk(data, store, now)
        ports = RiskPorts(self.gateway, store, store, store, markets)
        self.risk = RiskActivities(ports, RULES, now)
        self.orders = self.senders(self.brake.holds)
        halts = HaltPorts(store, store, self.gateway, self.bell, sign, NoOwners())
        self.keeper = HaltKeeper(halts, self.brake, now)

    def senders(self, brake: Callable[[Side], Awaitable[bool]]) -> OrderActivities:
        """Return what sends orders, held back by this brake."""
        chain = PolygonChain(self.access)
        detective = Detective(self.gateway, chain, self.store, RULES.orders, now)
        gate = SendGate(RULES.throttle, now, brake=brake)
        ports = OrderPorts(self.gateway, self.store, detective, self.bell, FakeLease(), gate)
        return OrderActivities(ports, RULES.orders, now)

    async def hold_something(self) -> None:
        """Buy what the exits of the rounds will sell, and wait until the chain has it."""
        name = f"{self.name}-held"
        await self.tell(name, HOLDER)
        wish = Attempt(1, Side.BUY, Shares(Decimal(150)), HIGH, SignalId(name))
        ticket = await self.risk.check_risk(wish, estimate(HIGH))
        assert ticket.order_hash is not None, ticket
        await self.orders.place_order(ticket.order_hash)
        env = ActivityEnvironment()
        await env.run(self.orders.await_fill, ticket.order_hash)
        await env.run(self.orders.await_settlement, ticket.order_hash)
        booked = await self.orders.record_fills(ticket.order_hash)
        assert booked.confirmed > 0, booked
        self.held = booked.position_id
        assert await self.store.begin_exit(self.held, ExitReason.OPERATOR, now()) == 1

    async def tell(self, name: str, whale: Wallet) -> None:
        told = replace(
            signal(name),
            wallet=whale,
            token_id=self.market.token_ids[0],
            price=HIGH,
            traded_at=now(),
            detected_at=now(),
        )
        await self.store.record_signal(told, now())

    async def enter(self, name: str) -> None:
        """Copy one signal as far as the venue; what a busy machine cannot do is left."""
        with contextlib.suppress(ApplicationError, StorageUnavailableError):
            wish = Attempt(1, Side.BUY, FIVE, LOW, SignalId(name))
            ticket = await self.risk.check_risk(wish, estimate(LOW))
            if ticket.order_hash is not None:
                report = await self.orders.place_order(ticket.order_hash)
                self.sent += report.state is OrderState.LIVE

    async def leave(self) -> OrderHash:
        """Send one order of the exit; it must pass whatever holds entries."""
        self.exits += 1
        wish = Attempt(
            self.exits,
            Side.SELL,
            FIVE,
            None,
            position_id=self.held,
            exit_epoch=1,
            exit_reason=ExitReason.OPERATOR,
        )
        ticket = await self.risk.check_risk(wish, estimate(Price(Decimal("0.05"))))
        assert ticket.order_hash is not None, ticket
        with contextlib.suppress(ApplicationError):
            await self.orders.place_order(ticket.order_hash)
        return ticket.order_hash

    async def load(self) -> None:
        """Commit signals at the rate, and send what there is time for, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit_on())
            for _ in range(AT_ONCE):
                group.create_task(self._send_on())

    async def _commit_on(self) -> None:
        """Commit signals many at a time: a machine without time gets them all the same."""
        began, first = time.monotonic(), self.told
        while True:
            due = first + int((time.monotonic() - began) * self.per_s)
            if due > self.told:
                with contextlib.suppress(StorageUnavailableError):  # a busy machine's: next time
                    await self._commit(self.told, due)
            await asyncio.sleep(COMMIT_EVERY_S)

    async def _commit(self, after: int, last: int) -> None:
        async with self.store.transaction() as connection:
            await connection.execute(
                _COMMIT,
                {
                    "name": self.name,
                    "wallet": ENTRANT,
                    "token_id": self.market.token_ids[0],
                    "price": HIGH,
                    "now": now(),
                    "first": after,
                    "last": last - 1,
                },
            )
        self.told = last
        self._waiting.extend(f"{self.name}-{n}" for n in range(after, last))

    async def _send_on(self) -> None:
        """Send the newest signal first; the others wait, and most of them for ever."""
        while True:
            if self._waiting:
                await self.enter(self._waiting.pop())
            else:
                await asyncio.sleep(COMMIT_EVERY_S)

    async def audit(self) -> Sequence[dict[str, object]]:
        async with self.access.session.get(self.access.endpoints.clob + "/_paper/orders") as answer:
            rows = await answer.json()
        return [row for row in rows if row["maker"].lower() == self.gateway.wallet.lower()]

    async def release(self, source: KillSource) -> None:
        (self.faces.home / NAME).unlink(missing_ok=True)
        for kill in await self.store.list_kills():
            await self.store.release_switch(kill)

    async def until_sending(self) -> None:
        """Wait until an entry is sent: a pull must matter."""
        before, give_up_at = self.sent, time.monotonic() + PATIENCE_S
        while self.sent == before:
            await asyncio.sleep(0.01)
            if time.monotonic() > give_up_at:
                portfolio, kills = await self.store.load_portfolio(now()), self.store.list_kills()
                raise AssertionError(f"nothing is sent: {portfolio.halt_reason} {await kills}")

    async def round(self, source: KillSource, rng: random.Random) -> Round:
        """Pull at a random instant while entries are sent, watch, and let go."""
        await self.until_sending()
        await asyncio.sleep(rng.uniform(0, 0.3))
        await self.faces.pull(source)
        pulled_ms = now_ms()
        exit_hash = await self.leave()
        rest = max(WATCHED_S - (now_ms() - pulled_ms) / 1000, 0)
        await asyncio.sleep(rest)
        rows = await self.audit()
        entries = [row for row in rows if row["side"] == "BUY"]
        delays = [int(str(row["received_at"])) - pulled_ms for row in entries]
        cleared_ms, rests = now_ms() - pulled_ms, len(resting(rows))
        while rests and cleared_ms < 2000:
            await asyncio.sleep(0.05)
            cleared_ms, rests = now_ms() - pulled_ms, len(resting(await self.audit()))
        found = Round(
            source=source,
            late=sum(delay > LATE_AFTER_MS for delay in delays),
            last_ms=max(delays, default=0),
            rests_after=rests,
            cleared_ms=cleared_ms,
            exit_was_sent=any(row["order_id"] == exit_hash for row in rows),
        )
        await self.release(source)
        return found


class NoOwners:
    """Nobody owns a position here."""

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        return True


def resting(rows: Sequence[dict[str, object]]) -> Sequence[dict[str, object]]:
    return [row for row in rows if row["side"] == "BUY" and row["status"] == "LIVE"]


def now() -> datetime:
    return datetime.now(UTC)


def now_ms() -> int:
    return int(now().timestamp() * 1000)


def estimate(price: Price) -> Estimate:
    return Estimate(Decimal(0), price, price, price)


@asynccontextmanager
async def open_stand(
    access: VenueAccess, database_url: str, home: Path, per_s: int, name: str
) -> AsyncIterator[Stand]:
    """Open a wallet at the venue and its records; its load and its keeper are not yet running."""
    wallet = generate_wallet(SignatureType.EOA)
    signer = LocalSigner(wallet.private_key)
    account = TradingAccount(await fetch_user(access, signer), wallet.funder, SignatureType.EOA)
    store = PostgresStore(database_url, RULES.risk, wallet.funder)
    bell = PostgresBell(database_url)
    try:
        gateway = PolymarketGateway(access, account, signer)
        market = await quoted_market(access)
        await store.save_market(market, now())
        await store.record_deposit(usd(1_000_000), "bankroll", now())
        assert await store.acquire_lease(wallet.funder, "us", now()) == 1
        async with open_faces(store, database_url, home, RULES) as faces:
            yield Stand(access, store, bell, account, signer, gateway, market, faces, per_s, name)
    finally:
        await bell.close()
        await store.close()


async def quoted_market(access: VenueAccess) -> Market:
    """Return a market whose first token is quoted on both sides."""
    data = PolymarketMarketData(access)
    async with access.session.get(access.endpoints.gamma + "/markets/keyset") as answer:
        rows = read_markets(read_json(await answer.read()))
    for row in rows:
        market = await data.fetch_market(row.token_ids[0])
        if market is not None and market.protocol is Protocol.CLOB_V2:
            async with asyncio.timeout(30):
                while not (await data.fetch_book(market.token_ids[0])).bids:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # it opens a moment after it is listed
            return market
    raise AssertionError(rows)


@asynccontextmanager
async def loaded(stand: Stand) -> AsyncIterator[None]:
    """Run a stand's keeper and its load."""
    tasks = [asyncio.create_task(stand.keeper.run()), asyncio.create_task(stand.load())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
            assert isinstance(ended, asyncio.CancelledError), ended
