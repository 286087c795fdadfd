"""Composition root of the listener: `python -m ingest`."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog
import uvloop
from prometheus_client import CollectorRegistry
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from account import AccountError, load_account
from exchange.polymarket.chain import ChainFeed
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.data_api import DataApi
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.rtds import RtdsFeed
from exchange.polymarket.signing import NoSigner
from ingest.account import AccountListener
from ingest.follow import Follower
from ingest.health import FeedHealth
from ingest.record import Recorder
from ingest.scout import MarketScout
from ingest.watch import PriceWatch, WatchPorts
from ingest.whales import WhaleBook
from settings import Settings, load_settings
from storage.bell import PostgresBell
from storage.cache import RedisCache
from storage.migrate import check_schema
from storage.port import StorageError
from storage.postgres import PostgresStore
from telemetry import serve_metrics, set_up_logging
from trading.types import Wallet

log = structlog.get_logger()


def utc_now() -> datetime:
    """Return the wall clock as aware UTC."""
    return datetime.now(UTC)


async def run_ingest(settings: Settings) -> None:
    """Listen until told to stop: whales, our own account, and the prices of what we hold."""
    await check_schema(settings.database_url)
    registry = CollectorRegistry()
    health = FeedHealth(registry, utc_now)
    account = load_account(settings)
    store = PostgresStore(settings.database_url, settings.rules.risk, account.funder)
    bell = PostgresBell(settings.database_url)
    cache = RedisCache(settings.redis_url, utc_now)
    temporal = await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        lazy=True,  # whales are heard and recorded while Temporal is away
    )
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(settings.endpoints, session, utc_now)
        whales = WhaleBook(
            DataApi(access), store, [Wallet(w.lower()) for w in settings.whales], utc_now
        )
        await whales.load()
        gateway = PolymarketGateway(access, account, NoSigner(account.user.address))
        scout = MarketScout(PolymarketMarketData(access), store, health, utc_now)
        follower = Follower(
            [scout.beside(ChainFeed(access)), scout.beside(RtdsFeed(access))],
            Recorder(store, store, health, utc_now),
            health,
            settings.rules.aggregation,
            utc_now,
        )
        watch = PriceWatch(
            WatchPorts(PolymarketMarketData(access), store, store, cache, bell, temporal, health),
            settings.rules.exits,
            utc_now,
        )
        metrics = await serve_metrics(registry, settings.bind, settings.metrics_port)
        log.info("ingest_ready", whales=len(whales.followed.current()))
        try:
            await _until_stopped(
                whales.run(),
                health.tell(store),
                scout.run(),
                follower.run(whales.followed),
                AccountListener(gateway, store, store, health, utc_now).run(),
                watch.run(),
            )
        finally:
            await metrics.cleanup()
            await cache.close()
            await bell.close()
            await store.close()


async def _until_stopped(*work: Coroutine[Any, Any, None]) -> None:
    """Run until one fails or the process is asked to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in work]
        await stop.wait()
        for task in tasks:
            task.cancel()


def main() -> int:
    """Run the listener until it is stopped."""
    settings = load_settings()
    if settings.missing:
        return _fail(f"expected {settings.missing}, received none")
    set_up_logging("ingest", as_json=settings.log_json)
    try:
        uvloop.run(run_ingest(settings))
    except (AccountError, StorageError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"ingest: {message}\n")
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a finalising interpreter may abort under the SDK's threads
