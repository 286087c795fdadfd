"""Guards every request: whose name it came for, which page made it, how it fails, its headers."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from dashboard.errors import DashboardError, ForeignRequestError, TooLargeError, error_response
from dashboard.gauges import Gauges
from storage.port import StorageError, StorageUnavailableError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_BYTES_MAX = 1024
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Border:
    """The host names we answer to; another name in `Host` is a page that rebound its DNS name."""

    hosts: frozenset[str]
    gauges: Gauges

    def middleware(self) -> Middleware:
        """Return the one middleware that all requests pass."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = time.perf_counter()
            response = await self._answer(request, handler)
            self.gauges.answered(_route(request), response.status, time.perf_counter() - started)
            return response

        return guard

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self.check(request)
            return await handler(request)
        except DashboardError as error:
            return error_response(error.status, str(error))
        except web.HTTPException as error:
            return _http_error(request, error)
        except StorageUnavailableError as error:
            log.warning("records_unavailable", path=request.path, error=str(error))
            return error_response(503, "the database does not answer")
        except StorageError:
            log.exception("records_refused", path=request.path)
            return error_response(500, "the records could not be read; the log says why")
        except Exception:  # the outermost place of a request: the log tells, the answer does not
            log.exception("request_failed", path=request.path)
            return error_response(500, "a fault of ours; the log says why")

    def check(self, request: web.Request) -> None:
        """Refuse what is not for us.

        Raises:
            ForeignRequestError: another host's name, or another site's page.
            TooLargeError: a body beyond any question's need.
        """
        if host_name(request.host) not in self.hosts:
            raise ForeignRequestError("this host name is not served here")
        if _is_foreign(request):
            raise ForeignRequestError("requests by other sites' pages are not answered")
        if (request.content_length or 0) > BODY_BYTES_MAX:
            raise TooLargeError(f"expected at most {BODY_BYTES_MAX} bytes of body")


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on every answer, streams and errors included."""
    response.headers.update(SECURITY_HEADERS)
    response.headers["Server"] = "whalecopy"


def served_hosts(bind: str) -> frozenset[str]:
    """Return the names we answer to: loopback's, and the address we are bound to."""
    return LOOPBACK_NAMES if bind in WILDCARDS else LOOPBACK_NAMES | {bind.lower()}


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_foreign(request: web.Request) -> bool:
    """Tell whether another site's page asks; following a link to us is no such thing."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in {"same-origin", "none"}:
        return request.headers.get("Sec-Fetch-Mode") != "navigate"
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()


def _http_error(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    message = {
        404: "nothing is here",
        405: f"{request.method} is not understood here",
        413: "the request is too large",
    }.get(error.status, error.reason)
    response = error_response(error.status, message)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


def _route(request: web.Request) -> str:
    """Return the route's pattern: a bounded set of labels, whatever paths are asked for."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
