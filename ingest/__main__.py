"""Composition root of the listener: `python -m ingest`."""

import sys
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import aiohttp
import structlog
import uvloop
from prometheus_client import CollectorRegistry

from account import AccountError, load_account
from api_user import follow_user
from doctor import UnfitError, admit
from exchange.polymarket.account import PolymarketBooks
from exchange.polymarket.activity import ActivityApi
from exchange.polymarket.chain import ChainFeed
from exchange.polymarket.client import PolymarketGateway, TradingAccount
from exchange.polymarket.data_api import DataApi
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.rtds import RtdsFeed
from exchange.polymarket.signing import NoSigner
from exchange.port import WhaleFeed
from ingest.account import AccountListener
from ingest.activity import ActivityFeed
from ingest.coverage import CoverageAudit
from ingest.equity import EquitySampler
from ingest.follow import Follower
from ingest.health import FeedHealth
from ingest.mirror import MirrorWatch
from ingest.record import Recorder
from ingest.scout import MarketScout
from ingest.silence import SilenceWatch
from ingest.watch import PriceWatch, WatchPorts
from ingest.whales import IMPORTED, REAL_LEADERS, WhaleBook
from process import leave, protect, settle_memory, until_stopped, utc_now
from scrubbing import SCRUBBER
from settings import Settings, TradingMode, load_settings
from storage.bell import PostgresBell
from storage.cache import RedisCache
from storage.migrate import wait_for_schema
from storage.port import StorageError
from storage.postgres import PostgresStore
from telemetry import serve_metrics, set_up_logging
from temporal_access import TemporalRefusedError, connect_temporal
from trading.types import Wallet

log = structlog.get_logger()

WHALE_FEEDS = (ChainFeed.name, RtdsFeed.name, ActivityFeed.name)


async def run_ingest(settings: Settings) -> None:
    """Listen until told to stop: whales, our own account, and the prices of what we hold."""
    await wait_for_schema(settings.database_url)
    await admit(settings, holds_key=False)
    registry = CollectorRegistry()
    account = load_account(settings)
    async with aiohttp.ClientSession() as session:
        ears = Ears(
            settings=settings,
            account=account,
            access=VenueAccess(settings.endpoints, session, utc_now),
            store=PostgresStore(settings.database_url, settings.rules.risk, account.funder),
            bell=PostgresBell(settings.database_url),
            cache=RedisCache(settings.redis_url, utc_now),
            health=FeedHealth(registry, utc_now),
        )
        try:
            await _listen(ears, registry)
        finally:
            await ears.cache.close()
            await ears.bell.close()
            await ears.store.close()


@dataclass(frozen=True, slots=True)
class Ears:
    """Everything a listener is made of."""

    settings: Settings
    account: TradingAccount
    access: VenueAccess
    store: PostgresStore
    bell: PostgresBell
    cache: RedisCache
    health: FeedHealth


async def _listen(ears: Ears, registry: CollectorRegistry) -> None:
    settings, store, health = ears.settings, ears.store, ears.health
    configured = [Wallet(wallet.lower()) for wallet in settings.whales]
    mark = IMPORTED if settings.trading_mode is TradingMode.REPLAY else REAL_LEADERS
    whales = WhaleBook(DataApi(ears.access), store, configured, utc_now, mark)
    await whales.load()
    gateway = PolymarketGateway(ears.access, ears.account, NoSigner(ears.account.user.address))
    scout = MarketScout(PolymarketMarketData(ears.access), store, health, utc_now)
    watch = await _watch(ears)
    metrics = await serve_metrics(registry, settings.bind, settings.metrics_port)
    settle_memory()
    log.info("ingest_ready", whales=len(whales.followed.current()))
    try:
        await until_stopped(
            whales.run(ears.bell),
            health.tell(store),
            SilenceWatch(WHALE_FEEDS, store, health, utc_now).run(whales.followed),
            CoverageAudit(store, health, utc_now).run(),
            scout.run(),
            _follower(ears, scout).run(whales.followed),
            MirrorWatch(store, _recorder(ears), health, utc_now).run(),
            AccountListener(gateway, store, store, health, utc_now).run(),
            watch.run(),
            EquitySampler(store, utc_now).run(),
            follow_user(ears.account, partial(load_account, settings)),
        )
    finally:
        await metrics.cleanup()


def _follower(ears: Ears, scout: MarketScout) -> Follower:
    store, access = ears.store, ears.access
    activity = ActivityFeed(ActivityApi(access), (store, store), ears.health, utc_now)
    recorder = _recorder(ears)
    feeds: list[WhaleFeed] = [RtdsFeed(access), activity]
    if access.endpoints.rpc_ws:  # without a node the others carry, later
        feeds.insert(0, ChainFeed(access, since=recorder.load_position))
    return Follower(
        [scout.beside(feed) for feed in feeds],
        recorder,
        ears.health,
        ears.settings.rules.aggregation,
        utc_now,
    )


def _recorder(ears: Ears) -> Recorder:
    return Recorder(ears.store, ears.store, ears.health, utc_now)


async def _watch(ears: Ears) -> PriceWatch:
    temporal = await connect_temporal(
        ears.settings,
        lazy=True,  # whales are heard and recorded while Temporal is away
    )
    books = PolymarketBooks(ears.access)
    ports = WatchPorts(
        market_data=PolymarketMarketData(ears.access, fetch_books=books.fetch_books),
        books=books,
        positions=ears.store,
        facts=ears.store,
        cache=ears.cache,
        bell=ears.bell,
        temporal=temporal,
        health=ears.health,
    )
    holder = f"{ears.settings.stack_id}/{uuid4().hex}"
    return PriceWatch(ports, ears.settings.rules.exits, utc_now, holder)


def main() -> int:
    """Run the listener until it is stopped."""
    settings = load_settings()
    if settings.missing:
        return _fail(f"expected {settings.missing}, received none")
    protect(holds_a_key=settings.holds_a_key)
    set_up_logging("ingest", as_json=settings.log_json)
    try:
        uvloop.run(run_ingest(settings))
    except (AccountError, StorageError, TemporalRefusedError, UnfitError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(SCRUBBER.scrub_text(f"ingest: {message}\n"))
    return 1


if __name__ == "__main__":
    leave(main())
