"""Composition root of the executor: settings, adapters, activities, dispatcher, Temporal worker."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import aiohttp
import structlog
import uvloop
from prometheus_client import CollectorRegistry
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from account import Account, AccountError, open_account
from activities.admission import access_check, clock_check
from activities.backstop import Backstop, BackstopPorts, BackstopRules
from activities.commands import CommandActivities
from activities.dust import DustKeeper
from activities.evidence import Detective
from activities.guard import GuardActivities
from activities.halting import Brake, HaltKeeper, HaltPorts
from activities.markets import MarketDesk
from activities.orders import OrderActivities, OrderPorts
from activities.orphans import OrphanKeeper, OrphanPorts
from activities.positions import PositionActivities, PositionPorts
from activities.pricing import PricingActivities
from activities.reconcile import FullPass, Judge, Part, ReconcilePorts
from activities.reconcile_balances import BalanceCheck
from activities.reconcile_orders import OpenOrderCheck
from activities.reconcile_trades import TradeFolder
from activities.redeeming import Redeeming, SendPorts
from activities.redemption import RedemptionActivities, RedemptionKeeper, RedemptionPorts
from activities.risk import RiskActivities, RiskPorts
from activities.scoring import ScoringActivities, ScoringPorts
from activities.send_gate import SendGate
from activities.signals import SignalActivities, SignalPorts
from activities.sweep import SweepActivities, SweepPorts
from activities.turnstile import Turnstile
from api_user import UserRenewal
from doctor import UnfitError, admit
from embedded.errors import EmbeddedError
from exchange.polymarket.account import PolymarketAccount, PolymarketBooks
from exchange.polymarket.admission import PolymarketAdmission
from exchange.polymarket.client import GatewayParts, PolymarketGateway
from exchange.polymarket.data_api import DataApi
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import FeeSchedules, PolymarketMarketData
from exchange.polymarket.redeemer import PolymarketRedeemer, RelayerKey
from exchange.polymarket.settlement import PolygonChain
from exchange.polymarket.signing import OrderFormV2
from exchange.port import ExchangeError
from ingest.crowd import CrowdControl
from ingest.dispatch import Dispatcher, DispatchPorts
from ingest.guard import GuardKeeper
from ingest.owners import TemporalOwners
from ingest.pace import Pace
from ingest.reconcile import reconcile_keeper
from ingest.scores import score_keeper
from process import BUILD, leave, protect, settle_memory, until_stopped, utc_now
from scrubbing import SCRUBBER
from settings import Settings, TradingMode, load_settings
from storage.bell import PostgresBell
from storage.builds import name_build
from storage.halt_file import HaltFile
from storage.lease import WalletLease
from storage.migrate import wait_for_schema
from storage.port import StorageError
from storage.postgres import PostgresStore
from telemetry import serve_metrics, set_up_logging
from temporal_access import connect_temporal
from trading.orders import Intent
from workflows import names
from workflows.copy_trade import CopyTradeWorkflow
from workflows.guard import RiskGuardWorkflow
from workflows.position import PositionWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.score_whales import ScoreWhalesWorkflow

CACHED_WORKFLOWS = 10_000
WORKFLOWS = (
    CopyTradeWorkflow,
    PositionWorkflow,
    ReconcileWorkflow,
    RiskGuardWorkflow,
    ScoreWhalesWorkflow,
)
CONNECT_RETRY_S = 0.2
CONNECT_TIMEOUT_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a worker is made of."""

    settings: Settings
    store: PostgresStore
    bell: PostgresBell
    access: VenueAccess
    account: Account
    registry: CollectorRegistry
    pace: Pace
    brake: Brake
    turnstile: Turnstile = field(default_factory=Turnstile)

    def sent(self, intent: Intent) -> None:
        """Let a copy of an order out, or raise; then count it for the pace."""
        self.turnstile.let_out(intent)
        self.pace.sent(intent)


async def run_worker(settings: Settings) -> None:
    """Work until told to stop: hold the wallet's lease, dispatch signals, run workflows."""
    await wait_for_schema(settings.database_url)
    await admit(settings, holds_key=settings.signer_socket is None)
    async with _parts(settings) as opened:
        lease = WalletLease(opened.store, opened.account.trading.funder, _holder(settings), utc_now)
        await lease.acquire()
        await name_build(opened.store, opened.account.trading.funder, lease.epoch, BUILD)
        parts = replace(opened, account=opened.account.under(lease))
        desk = Desk.of(parts)
        cash = await desk.gateway.fetch_cash()
        await parts.store.record_deposit(cash, f"opening:{desk.gateway.wallet}", utc_now())
        client = await connect(settings)
        owners = TemporalOwners(client)
        worker = _worker(client, _activities(parts, desk, lease, owners), parts.pace)
        dispatcher = Dispatcher(
            DispatchPorts(
                parts.store, parts.store, parts.bell, client, desk.markets.find, parts.pace
            ),
            _claimant(),
            settings.rules.orders,
            utc_now,
        )
        reconcile = reconcile_keeper(client, desk.gateway.wallet)
        scores = score_keeper(client, settings.rules.scores)
        halts, guard = _halt_keeper(parts, desk, owners), _guard_keeper(parts, client)
        dust = DustKeeper(desk.gateway, parts.store, desk.markets, utc_now)
        redemption = RedemptionKeeper(
            _redemption(parts, desk, lease), settings.rules.redemption, utc_now
        )
        settle_memory()
        async with worker:
            metrics = await serve_metrics(parts.registry, settings.bind, settings.metrics_port)
            log.info("worker_ready", wallet=desk.gateway.wallet)
            try:
                await until_stopped(
                    lease.keep(),
                    dispatcher.run(),
                    dust.run(),
                    redemption.run(),
                    reconcile.run(),
                    scores.run(),
                    halts.run(),
                    guard.run(),
                    parts.turnstile.keep(parts.store.halt_wallet, utc_now),
                    UserRenewal(parts.access, parts.account, parts.store, utc_now).run(),
                )
            finally:
                await metrics.cleanup()


async def prepare(settings: Settings) -> None:
    """Make the wallet and derive its API user, so that every process finds them."""
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(settings.endpoints, session, utc_now)
        account = await open_account(settings, access)
    log.info("account_ready", wallet=account.trading.funder)


async def connect(settings: Settings) -> Client:
    """Connect to Temporal, waiting while its frontend comes up."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        while True:
            try:
                return await connect_temporal(settings)
            except (RuntimeError, RPCError):
                await asyncio.sleep(CONNECT_RETRY_S)


@asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[Parts]:
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(settings.endpoints, session, utc_now)
        account = await open_account(settings, access)
        store = PostgresStore(settings.database_url, settings.rules.risk, account.trading.funder)
        bell = PostgresBell(settings.database_url)
        try:
            registry, pace = CollectorRegistry(), Pace(settings.rules.pace)
            brake = Brake(store, HaltFile(settings.home))
            yield Parts(settings, store, bell, access, account, registry, pace, brake)
        finally:
            await bell.close()
            await store.close()


@dataclass(frozen=True, slots=True)
class Desk:
    """The venue as the activities see it; one set of fee schedules prices everything."""

    gateway: PolymarketGateway
    markets: MarketDesk
    chain: PolygonChain
    account: PolymarketAccount
    books: PolymarketBooks

    @classmethod
    def of(cls, parts: Parts) -> "Desk":
        """Put the adapters together."""
        fees = FeeSchedules(parts.access)
        gateway = PolymarketGateway(
            parts.access,
            parts.account.trading,
            parts.account.signer,
            GatewayParts(fees, OrderFormV2(), parts.sent),
        )
        markets = MarketDesk(PolymarketMarketData(parts.access, fees), parts.store, utc_now)
        account = PolymarketAccount(parts.access, parts.account.trading, gateway, fees)
        books = PolymarketBooks(parts.access)
        return cls(gateway, markets, PolygonChain(parts.access), account, books)


def _worker(client: Client, activities: Sequence[Callable[..., object]], pace: Pace) -> Worker:
    return Worker(
        client,
        task_queue=names.TASK_QUEUE,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_workflow_tasks=200,
        max_concurrent_activities=1000,
        max_concurrent_local_activities=500,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=5),
        interceptors=[CrowdControl(pace)],
        build_id=BUILD,
    )


def _activities(
    parts: Parts, desk: Desk, lease: WalletLease, owners: TemporalOwners
) -> Sequence[Callable[..., object]]:
    store, rules = parts.store, parts.settings.rules
    gateway, markets = desk.gateway, desk.markets
    detective = Detective(gateway, desk.chain, store, rules.orders, utc_now)
    signals = SignalActivities(
        SignalPorts(
            store, store, store, store, markets, parts.bell, store, parts.pace.passed, store
        ),
        rules,
        utc_now,
    )
    keeper = OrphanKeeper(
        OrphanPorts(gateway, detective, store, store, store, store, owners, signals),
        rules.sweep,
        utc_now,
    )
    return methods_of(
        signals,
        CommandActivities(store, utc_now),
        GuardActivities(store, rules.risk, utc_now),
        ScoringActivities(ScoringPorts(DataApi(parts.access), store, store), rules.scores, utc_now),
        SweepActivities(
            SweepPorts(
                store, store, owners, keeper, store, _beside(parts, desk, detective, owners)
            ),
            rules.sweep,
            utc_now,
        ),
        PricingActivities(store, store, markets, rules, utc_now),
        RiskActivities(RiskPorts(gateway, store, store, store, markets), rules, utc_now),
        OrderActivities(
            OrderPorts(
                *(gateway, store, detective, parts.bell, lease),
                SendGate(rules.throttle, utc_now, brake=parts.brake.holds),
                parts.turnstile,
                parts.account.early,
            ),
            rules.orders,
            utc_now,
        ),
        RedemptionActivities(_redemption(parts, desk, lease), rules.redemption, utc_now),
        PositionActivities(
            PositionPorts(gateway, store, store, store, markets), rules.exits, utc_now
        ),
    )


def _beside(
    parts: Parts, desk: Desk, detective: Detective, owners: TemporalOwners
) -> Sequence[Part]:
    """Return what is looked at beside the sweep: the venue's books, and unwatched prices."""
    store, rules = parts.store, parts.settings.rules
    ports = ReconcilePorts(desk.account, store, store, store)
    judge = Judge(store, rules.reconcile, utc_now)
    trades = TradeFolder(ports, rules.reconcile, utc_now)
    orders = OpenOrderCheck(ports, detective, judge, rules.reconcile, utc_now)
    balances = BalanceCheck(ports, desk.markets, judge, rules.reconcile, utc_now)
    backstop = Backstop(
        BackstopPorts(store, desk.books, store, owners, store),
        BackstopRules(rules.reconcile, rules.exits),
        utc_now,
    )
    full = FullPass([trades, orders, balances], store, rules.reconcile, utc_now)
    return [trades, orders, balances, full, backstop, *_admission_checks(parts)]


def _admission_checks(parts: Parts) -> Sequence[Part]:
    """Return what asks whether the venue lets us trade, and whether our clock is right."""
    admission = PolymarketAdmission(parts.access, parts.account.trading)
    return [
        access_check(admission, parts.store, utc_now),
        clock_check(admission, parts.store, utc_now),
    ]


def _halt_keeper(parts: Parts, desk: Desk, owners: TemporalOwners) -> HaltKeeper:
    """Return who makes the kill switch work in this process."""
    store, sign = parts.store, HaltFile(parts.settings.home)
    ports = HaltPorts(store, store, desk.gateway, parts.bell, sign, owners)
    return HaltKeeper(ports, parts.brake, utc_now)


def _guard_keeper(parts: Parts, client: Client) -> GuardKeeper:
    return GuardKeeper(client, parts.account.trading.funder, parts.bell)


def _redemption(parts: Parts, desk: Desk, lease: WalletLease) -> RedemptionPorts:
    """Return what redeems; it sends in live mode, else only to a chain on this machine."""
    settings, store = parts.settings, parts.store
    may_send = settings.trading_mode is TradingMode.LIVE or settings.endpoints.is_local
    redeemer = PolymarketRedeemer(
        parts.access,
        parts.account.trading,
        parts.account.redemptions,
        RelayerKey(settings.relayer_api_key, may_send),
    )
    ports = SendPorts(redeemer, store, lease)
    redeeming = Redeeming(ports, settings.rules.redemption, utc_now)
    return RedemptionPorts(redeemer, redeeming, store, store, desk.markets)


def methods_of(*owners: object) -> list[Callable[..., object]]:
    """Return every activity method of some objects."""
    found: list[Callable[..., object]] = []
    for owner in owners:
        for name in dir(owner):
            method = getattr(owner, name)
            if hasattr(method, "__temporal_activity_definition"):
                found.append(method)
    return found


def _claimant() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _holder(settings: Settings) -> str:
    return settings.stack_id or socket.gethostname()


def main() -> int:
    """Run the worker, or with --prepare only make the account ready."""
    settings = load_settings()
    only_prepares = "--prepare" in sys.argv[1:]
    if settings.missing and not only_prepares:
        return _fail(f"expected {settings.missing}, received none")
    protect(holds_a_key=settings.holds_a_key)
    set_up_logging("worker", as_json=settings.log_json)
    work = prepare(settings) if only_prepares else run_worker(settings)
    try:
        uvloop.run(work)
    except (AccountError, EmbeddedError, ExchangeError, StorageError, UnfitError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(SCRUBBER.scrub_text(f"worker: {message}\n"))
    return 1


if __name__ == "__main__":
    leave(main())
