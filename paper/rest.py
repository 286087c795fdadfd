"""How a CLOB request becomes an answer: credentials, bodies, and errors in the venue's words."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web

from paper.accounts import Accounts
from paper.auth import ApiKey, KeyRing, SignedRequest, check_login, check_request
from paper.faults import Fault
from paper.heartbeats import Heartbeats, StaleHeartbeatError
from paper.intake import Intake
from paper.look import Look
from paper.model import OrderRefusedError, VenueSettings
from paper.trades import OwnTrades
from paper.venue import Venue
from paper.wire import Json

MAX_BODY_BYTES = 1 << 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What every handler works with."""

    venue: Venue
    settings: VenueSettings
    keys: KeyRing
    accounts: Accounts
    intake: Intake
    heartbeats: Heartbeats
    own_trades: OwnTrades


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read completely."""

    site: Site
    query: Mapping[str, str]
    path: Mapping[str, str]
    body: bytes
    fault: Fault | None = None  # that strikes this request, where it is for the venue to act on

    @property
    def look(self) -> Look:
        """The venue as this caller sees it, which may be the past."""
        site, as_of = self.site, None
        if self.fault is not None and self.fault.fault == "lag":
            as_of = site.venue.now() - self.fault.delay_ms
        return Look(site.venue, site.own_trades, as_of)

    def required(self, name: str, complaint: str) -> str:
        """Return a query parameter, or raise OrderRefusedError: 400 with `complaint`."""
        value = self.query.get(name, "")
        if not value:
            raise OrderRefusedError(400, complaint)
        return value


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PublicHandler = Callable[[Call], Json]
KeyedHandler = Callable[[Call, ApiKey], Json]
LoginHandler = Callable[[Call, str, int], Json]

SITE = web.AppKey("site", Site)
FAULT = web.RequestKey("fault", Fault)


def public(handler: PublicHandler) -> Handler:
    """Serve a route that asks for no credentials (L0)."""

    async def serve(request: web.Request) -> web.Response:
        return answer(handler(await _call(request)))

    return serve


def login(handler: LoginHandler) -> Handler:
    """Serve a route that asks for a signed login (L1): the handler gets address and nonce."""

    async def serve(request: web.Request) -> web.Response:
        call = await _call(request)
        address, nonce = check_login(request.headers, call.site.venue.now())
        return answer(handler(call, address, nonce))

    return serve


def keyed(handler: KeyedHandler) -> Handler:
    """Serve a route that asks for an API key (L2)."""

    async def serve(request: web.Request) -> web.Response:
        call = await _call(request)
        signed = SignedRequest(request.method, request.rel_url.raw_path, call.body, request.headers)
        key = check_request(signed, call.site.keys, call.site.venue.now())
        return answer(handler(call, key))

    return serve


def answer(value: Json, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.json_response(value, status=status)


@web.middleware
async def venue_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what was refused in the venue's words: `{"error": text}` with its status."""
    try:
        return await handler(request)
    except OrderRefusedError as error:
        _log.info("request_refused", path=request.path, status=error.status, error=str(error))
        return answer({"error": str(error)}, error.status)
    except StaleHeartbeatError as error:
        stale = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": error.expected}
        return answer(stale, 400)
    except web.HTTPRequestEntityTooLarge:
        return answer({"error": "request body too large"}, 400)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return answer({"error": error.reason.lower()}, error.status)


async def _call(request: web.Request) -> Call:
    body = await request.read()
    return Call(request.app[SITE], request.query, request.match_info, body, request.get(FAULT))
