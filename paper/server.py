"""One port of 127.0.0.1 that speaks every protocol of the local venue."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from paper.accounts import Accounts
from paper.audit import add_audit_routes
from paper.auth import KeyRing, KeyStore
from paper.fault_routes import add_fault_routes
from paper.fault_transport import add_transport, struck_calls
from paper.feeds import add_feed_routes
from paper.heartbeats import Heartbeats
from paper.intake import Intake
from paper.mirror import Mirror
from paper.mirrored_calls import add_mirror, mirrored_calls
from paper.model import VenueSettings
from paper.rest import MAX_BODY_BYTES, SITE, Site, venue_errors
from paper.rest_account import add_account_routes
from paper.rest_market_data import add_market_data_routes
from paper.rest_orders import add_order_routes
from paper.trades import OwnTrades
from paper.venue import Venue
from paper.wire import Json

HOST = "127.0.0.1"


def build_app(
    venue: Venue, settings: VenueSettings, store: KeyStore, mirror: Mirror | None = None
) -> web.Application:
    """Return the whole venue as one application; `store` keeps its API keys."""
    keys = KeyRing(store)
    accounts = Accounts(venue, keys, deposit_wallets_only=settings.deposit_wallets_only)
    middlewares = [struck_calls, venue_errors, mirrored_calls]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    app[SITE] = Site(
        venue=venue,
        settings=settings,
        keys=keys,
        accounts=accounts,
        intake=Intake(venue, accounts, settings),
        heartbeats=Heartbeats(venue),
        own_trades=OwnTrades(venue),
    )
    add_market_data_routes(app)
    add_account_routes(app)
    add_order_routes(app)
    add_audit_routes(app)
    add_fault_routes(app)
    add_transport(app)
    if mirror is not None:
        add_mirror(app, mirror)
    add_feed_routes(app, venue, store.load_api_keys)
    app.cleanup_ctx.append(_watch_heartbeats)
    return app


def addresses(port: int) -> dict[str, Json]:
    """Return the line that says the venue is ready: where each protocol is spoken."""
    http, ws = f"http://{HOST}:{port}", f"ws://{HOST}:{port}"
    return {
        "ready": True,
        "clob": http,
        "gamma": f"{http}/gamma",
        "data": f"{http}/data",
        "ws_market": f"{ws}/ws/market",
        "ws_user": f"{ws}/ws/user",
        "rtds": f"{ws}/rtds",
        "rpc_http": f"{http}/rpc",
        "rpc_ws": f"{ws}/rpc",
        "relayer": f"{http}/relayer",
    }


async def _watch_heartbeats(app: web.Application) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(app[SITE].heartbeats.watch())
        yield
        watch.cancel()
