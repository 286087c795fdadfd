"""Hangs every feed of the local venue on its one port, and keeps them supplied with events."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from aiohttp import web

from paper.chain_faults import FailingNode
from paper.data_api import DataSettings, add_data_routes
from paper.gamma import add_gamma_routes
from paper.names import Names
from paper.relayer import add_relayer_routes
from paper.rpc import RpcHttp
from paper.rpc_answers import ChainAnswers
from paper.rpc_ws import RpcFeed
from paper.rtds import RtdsFeed
from paper.venue import Venue
from paper.ws_market import MarketFeed
from paper.ws_user import ApiKeyRow, ApiKeys, UserFeed

AnyFeed = MarketFeed | UserFeed | RtdsFeed | RpcFeed


def add_feed_routes(
    app: web.Application,
    venue: Venue,
    api_keys: ApiKeys | None = None,
    data: DataSettings | None = None,
) -> None:
    """Add all feeds to the application.

    `api_keys` gives (wallet, key, secret, passphrase) rows at every login to the user socket;
    without it they are what the venue's store holds.
    """
    names = Names(venue.tape_wallets)
    answers = ChainAnswers(venue)
    node = FailingNode(venue.faults)
    market, rtds = MarketFeed(venue), RtdsFeed(venue, names)
    chain = RpcFeed(venue, answers, node)
    user = UserFeed(venue, api_keys or _stored_keys(venue))
    app.router.add_get("/ws/market", market.serve)
    app.router.add_get("/ws/user", user.serve)
    app.router.add_get("/rtds", rtds.serve)
    app.router.add_get("/rpc", chain.serve)
    app.router.add_post("/rpc", RpcHttp(answers, node).serve)
    add_gamma_routes(app, venue, "/gamma")
    add_data_routes(app, venue, names, data or DataSettings())
    add_relayer_routes(app, venue, "/relayer")
    _keep_supplied(app, (market, user, rtds, chain))


def _stored_keys(venue: Venue) -> ApiKeys:
    def load() -> Iterable[ApiKeyRow]:
        return venue.store.load_api_keys()

    return load


def _keep_supplied(app: web.Application, feeds: tuple[AnyFeed, ...]) -> None:
    async def supply(_: web.Application) -> AsyncIterator[None]:
        for feed in feeds:
            feed.fanout.start()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(feed.fanout.run()) for feed in feeds]
            yield
            for task in running:
                task.cancel()

    async def say_goodbye(_: web.Application) -> None:
        for feed in feeds:
            feed.sockets.close_all("the venue is stopping")

    app.cleanup_ctx.append(supply)
    app.on_shutdown.append(say_goodbye)
