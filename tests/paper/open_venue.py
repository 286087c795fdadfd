"""A real venue on a real port of 127.0.0.1, with three markets, for unmodified clients."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from aiohttp import web

from paper.mirror import Mirror
from paper.model import Dialect, Level, Market, VenueSettings
from paper.server import HOST, addresses, build_app
from paper.upstream import Upstream, UpstreamUrls
from paper.venue import Venue
from tests.paper.still_venue import (
    CONDITION,
    CONDITION_NEG_RISK,
    CONDITION_V3,
    OTHER,
    OTHER_NEG_RISK,
    OTHER_V3,
    TOKEN,
    TOKEN_NEG_RISK,
    TOKEN_V3,
    a_market,
)

BIDS = (Level(430_000, 100_000_000), Level(420_000, 200_000_000))
ASKS = (Level(450_000, 70_000_000), Level(460_000, 300_000_000))
QUICK = VenueSettings(mined_after_s=Decimal("0.1"), confirmed_after_s=Decimal("0.2"))


@dataclass(frozen=True)
class Running:
    """A venue that is being served."""

    venue: Venue
    urls: dict[str, str]

    @property
    def clob(self) -> str:
        return self.urls["clob"]


def markets() -> list[Market]:
    """Return a standard, a Protocol V2 and a neg-risk market, open for an hour from now."""
    now = time.time_ns() // 1_000_000
    return [
        replace(market, starts_at=now - 1000, ends_at=now + 3_600_000)
        for market in (
            a_market(CONDITION, (TOKEN, OTHER)),
            a_market(CONDITION_V3, (TOKEN_V3, OTHER_V3), Dialect.PROTOCOL_V2),
            a_market(CONDITION_NEG_RISK, (TOKEN_NEG_RISK, OTHER_NEG_RISK), neg_risk=True),
        )
    ]


@asynccontextmanager
async def open_venue(home: Path, settings: VenueSettings = QUICK) -> AsyncIterator[Running]:
    """Serve a venue with three markets while the context lasts."""
    venue = Venue(None, settings, home=home)
    for market in markets():
        venue.add_market(market)
        venue.set_book(market.condition_id, BIDS, ASKS)
    async with _serve(venue, build_app(venue, settings, venue.store)) as running:
        yield running


@asynccontextmanager
async def open_mirror(
    home: Path, other: Running, settings: VenueSettings = QUICK
) -> AsyncIterator[Running]:
    """Serve a venue that mirrors another one while the context lasts."""
    venue = Venue(None, replace(settings, filler_fills_per_s=Decimal(0)), home=home)
    urls = UpstreamUrls(other.clob, other.urls["gamma"], other.urls["data"])
    mirror = Mirror(venue, Upstream(urls))
    async with _serve(venue, build_app(venue, settings, venue.store, mirror)) as running:
        yield running


@asynccontextmanager
async def _serve(venue: Venue, app: web.Application) -> AsyncIterator[Running]:
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(venue.run())
            port = runner.addresses[0][1]
            yield Running(venue, {name: str(url) for name, url in addresses(port).items()})
            playing.cancel()
    finally:
        await runner.cleanup()
        venue.close()
