"""Puts the web application together and serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry

from dashboard.api import Api
from dashboard.board import Board
from dashboard.border import BODY_BYTES_MAX, Border, add_headers, served_hosts
from dashboard.gauges import Gauges
from dashboard.live import READ_EVERY_S, Pulse
from dashboard.page import Page
from dashboard.switch import SwitchDesk

SHUTDOWN_S = 2.0
KEEP_ALIVE_S = 30.0


class PortError(Exception):
    """The port cannot be had."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    bind: str
    port: int


@dataclass(frozen=True, slots=True)
class Site:
    """The application, and the pulse that must run beside it."""

    app: web.Application
    pulse: Pulse


def build_site(
    board: Board,
    registry: CollectorRegistry,
    bind: str,
    read_every_s: float = READ_EVERY_S,
    switch: SwitchDesk | None = None,
) -> Site:
    """Build the application; `bind` is among the host names it answers to.

    Without a `switch` everything is a GET and changes nothing.
    """
    gauges = Gauges(registry)
    pulse = Pulse(board, gauges, read_every_s)
    border = Border(served_hosts(bind), gauges)
    app = web.Application(middlewares=[border.middleware()], client_max_size=BODY_BYTES_MAX)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(lambda _app: pulse.stop())
    Api(board, pulse, gauges).add_routes(app)
    Page(board.identity).add_routes(app)
    if switch is not None:
        switch.add_routes(app)
    return Site(app, pulse)


@asynccontextmanager
async def serving(site: Site, address: Address) -> AsyncIterator[str]:
    """Serve until the block ends; yield the base URL. The caller runs the pulse.

    Raises:
        PortError: the port cannot be had.
    """
    runner = web.AppRunner(
        site.app,
        access_log=None,
        handler_cancellation=True,  # a page that is closed frees its stream at once
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=KEEP_ALIVE_S,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.bind, address.port).start()
        except OSError as error:
            where = f"port {address.port} of {address.bind}"
            raise PortError(f"{where} cannot be had: {error.strerror}") from error
        port = runner.addresses[0][1]
        yield f"http://{_shown(address.bind)}:{port}"
    finally:
        await runner.cleanup()


def _shown(bind: str) -> str:
    """Return how a person reaches what we are bound to, from this machine."""
    if bind in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared with, not bound to
        return "127.0.0.1"
    return f"[{bind}]" if ":" in bind else bind
