"""Composition root of the dashboard: `python -m dashboard`."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import aiohttp
import structlog
from prometheus_client import REGISTRY
from pydantic import ValidationError

from dashboard.app import Address, PortError, build_site, serving
from dashboard.board import Board, Identity, Sources
from dashboard.links import TemporalUi
from dashboard.play import LocalVenue, NoPlay, PlaySource, is_loopback
from dashboard.records import PostgresRecords
from dashboard.switch import SwitchDesk
from process import protect
from scrubbing import SCRUBBER
from settings import Settings, load_settings
from storage.postgres import PostgresStore
from telemetry import serve_metrics, set_up_logging
from trading.types import Wallet

POOL_SIZE = 3

log = structlog.get_logger()


def main() -> int:
    """Serve until told to stop; return the exit status, 1 for anything that prevents it."""
    try:
        settings = load_settings()
        ui = TemporalUi(settings.temporal_ui_url, settings.temporal_namespace)
    except (ValidationError, ValueError) as error:
        return _fail(f"wrong settings: {error}")
    if not settings.database_url:
        return _fail("expected DATABASE_URL, received none")
    protect(holds_a_key=settings.holds_a_key)
    set_up_logging("dashboard", as_json=settings.log_json)
    try:
        asyncio.run(_run(settings, ui))
    except PortError as error:
        return _fail(str(error))
    return 0


async def _run(settings: Settings, ui: TemporalUi) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        store = PostgresStore(
            settings.database_url, settings.rules.risk, _wallet(settings), pool_size=POOL_SIZE
        )
        stack.push_async_callback(store.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sources = Sources(PostgresRecords(store), _play(settings, session), _now)
        identity = Identity(settings.trading_mode, settings.profile, _now())
        site = build_site(
            Board(identity, sources, settings.rules.risk, ui),
            REGISTRY,
            settings.bind,
            switch=SwitchDesk(store, _now),
        )
        if settings.metrics_port:
            metrics = await serve_metrics(REGISTRY, settings.bind, settings.metrics_port)
            stack.push_async_callback(metrics.cleanup)
        address = Address(settings.bind, settings.dashboard_port)
        url = await stack.enter_async_context(serving(site, address))
        log.info("dashboard_started", url=url)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(site.pulse.run())
            await stop.wait()
            log.info("dashboard_stopped")
            reading.cancel()


def _play(settings: Settings, session: aiohttp.ClientSession) -> PlaySource:
    if not is_loopback(settings.clob_url):
        return NoPlay()
    return LocalVenue(settings.clob_url, session, _now)


def _wallet(settings: Settings) -> Wallet | None:
    return Wallet(settings.funder.lower()) if settings.funder else None


def _now() -> datetime:
    return datetime.now(UTC)


def _fail(message: str) -> int:
    sys.stderr.write(SCRUBBER.scrub_text(f"dashboard: {message}\n"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
