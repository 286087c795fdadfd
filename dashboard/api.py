"""The JSON API and the event stream: questions in, sections out."""

import re
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar

from aiohttp import ClientConnectionResetError, web
from aiohttp_sse import sse_response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from dashboard.board import Board
from dashboard.errors import BadRequestError, NotFoundError, error_response, json_response
from dashboard.gauges import Gauges
from dashboard.live import Pulse
from dashboard.notation import Json, to_json
from storage.port import StorageError
from storage.views import TradeFilter
from trading.types import SignalId, SignalState, Wallet

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
SIGNAL_ID_MAX = 200
PING_EVERY_S = 15.0
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")

Choice = TypeVar("Choice", bound=StrEnum)


class Api:
    """The handlers; everything is a GET and changes nothing."""

    def __init__(self, board: Board, pulse: Pulse, gauges: Gauges) -> None:
        self._board = board
        self._pulse = pulse
        self._gauges = gauges

    def add_routes(self, app: web.Application) -> None:
        """Add the routes; a wrong method is answered with 405 by the router."""
        app.router.add_get("/api/status", self._status)
        app.router.add_get("/api/positions", self._positions)
        app.router.add_get("/api/trades", self._trades)
        app.router.add_get("/api/signals/{signal_id:.+}", self._signal)
        app.router.add_get("/api/orders", self._orders)
        app.router.add_get("/api/risk", self._risk)
        app.router.add_get("/api/feeds", self._feeds)
        app.router.add_get("/api/reviews", self._reviews)
        app.router.add_get("/api/equity", self._equity)
        app.router.add_get("/api/pnl", self._pnl)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/events", self._stream, allow_head=False)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)

    async def _status(self, request: web.Request) -> web.Response:
        question(request)
        status = await self._board.status()
        assert isinstance(status, dict), "the status is an object"
        return self._answer({**status, "play": await self._board.play()})

    async def _positions(self, request: web.Request) -> web.Response:
        question(request)
        return self._answer({"positions": await self._board.positions()})

    async def _trades(self, request: web.Request) -> web.Response:
        asked = question(request, "limit", "state", "whale")
        wanted = TradeFilter(
            limit=read_limit(asked),
            state=read_choice(asked, "state", SignalState),
            whale=read_wallet(asked),
        )
        return self._answer({"trades": await self._board.trades(wanted)})

    async def _signal(self, request: web.Request) -> web.Response:
        question(request)
        signal_id = request.match_info["signal_id"]
        if len(signal_id) > SIGNAL_ID_MAX or not signal_id.isprintable():
            raise NotFoundError("there is no such signal")
        detail = await self._board.trade(SignalId(signal_id))
        if detail is None:
            raise NotFoundError(f"there is no signal {signal_id}")
        return self._answer({"signal": detail})

    async def _orders(self, request: web.Request) -> web.Response:
        question(request)
        return self._answer({"orders": await self._board.orders()})

    async def _risk(self, request: web.Request) -> web.Response:
        question(request)
        risk = await self._board.risk()
        assert isinstance(risk, dict), "the risk is an object"
        return self._answer(risk)

    async def _feeds(self, request: web.Request) -> web.Response:
        question(request)
        return self._answer({"feeds": await self._board.feeds()})

    async def _reviews(self, request: web.Request) -> web.Response:
        question(request)
        return self._answer({"reviews": await self._board.reviews()})

    async def _equity(self, request: web.Request) -> web.Response:
        question(request)
        return self._answer({"equity": await self._board.equity()})

    async def _pnl(self, request: web.Request) -> web.Response:
        question(request)
        return self._answer({"pnl": await self._board.pnl()})

    async def _events(self, request: web.Request) -> web.Response:
        limit = read_limit(question(request, "limit"))
        return self._answer({"events": await self._board.events(limit)})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Send every section once, then each again when it has changed."""
        with self._pulse.watch() as watcher:
            await self._pulse.wake()
            async with sse_response(request, ping_interval=PING_EVERY_S) as stream:
                try:
                    while stream.is_connected() and (changes := await watcher.next()):
                        for change in changes:
                            await stream.send(change.text, event=change.name)
                except ClientConnectionResetError:
                    pass  # the page was closed
        return stream

    async def _healthz(self, _request: web.Request) -> web.Response:
        return json_response({"ok": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        try:
            await self._board.ping()
        except StorageError:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer")
        return json_response({"ok": True})

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._gauges.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _answer(self, thing: Mapping[str, Json]) -> web.Response:
        return json_response({"at": to_json(self._board.now()), **thing})


def question(request: web.Request, *names: str) -> Mapping[str, str]:
    """Return the parameters of a request, each at most once and none that we do not know.

    Raises:
        BadRequestError: another parameter, or one twice.
    """
    for name in request.query:
        if name not in names:
            expected = ", ".join(names) if names else "no parameters"
            raise BadRequestError(f"expected {expected}, received {name[:50]!r}")
    if len(request.query) != len(set(request.query)):
        raise BadRequestError("expected each parameter once")
    return request.query


def read_limit(asked: Mapping[str, str]) -> int:
    """Return how many rows are asked for, 50 when nothing is said."""
    text = asked.get("limit", str(LIMIT_DEFAULT))
    if text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise BadRequestError(f"expected limit from 1 to {LIMIT_MAX}, received {text[:50]!r}")


def read_choice(asked: Mapping[str, str], name: str, choices: type[Choice]) -> Choice | None:
    """Return one of a closed set, None when nothing is said; case does not matter."""
    text = asked.get(name)
    if text is None:
        return None
    try:
        return choices(text.upper())
    except ValueError:
        known = ", ".join(choice.value for choice in choices)
        raise BadRequestError(f"expected {name} in {known}, received {text[:50]!r}") from None


def read_wallet(asked: Mapping[str, str]) -> Wallet | None:
    """Return a whale's address, None when nothing is said."""
    text = asked.get("whale")
    if text is None:
        return None
    if _ADDRESS.fullmatch(text.lower()) is None:
        raise BadRequestError(f"expected whale as 0x and 40 hex digits, received {text[:50]!r}")
    return Wallet(text.lower())
