"""Decodes payloads for Temporal's UI: for who knows the token, and for that page only."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from codec import ENCODING, CodecError, SealedCodec
from codec_keys import CodecKeysError
from exchange.secret import Secret

BODY_BYTES_MAX = 4 * 1024 * 1024
WORKFLOWS_TOLD_MAX = 20
_OUR_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who may ask: who knows the token, from a program or from a page of these origins."""

    token: Secret
    origins: frozenset[str]
    namespace: str


def origins_of(ui_url: str) -> frozenset[str]:
    """Return the origins a browser may name for a page: its own, by either loopback name."""
    if not ui_url:
        return frozenset()
    parts = urlsplit(ui_url)
    names = {parts.hostname, *({"127.0.0.1", "localhost"} if parts.hostname in _OUR_NAMES else ())}
    port = f":{parts.port}" if parts.port is not None else ""
    return frozenset(f"{parts.scheme}://{name}{port}" for name in names)


def build_desk(codec: SealedCodec, visitors: Visitors) -> web.Application:
    """Build the application: `POST /decode` with a bearer token, `POST /TOKEN/decode` without.

    The second form is for Temporal's UI, which sends no header of ours. There is no encoding.
    """
    desk = _Desk(codec, visitors)
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[desk.border()])
    app.router.add_get("/readyz", desk.ready)
    for path in ("/decode", "/{token}/decode"):
        app.router.add_post(path, desk.decode)
        app.router.add_options(path, desk.preflight)
    return app


class _Desk:
    def __init__(self, codec: SealedCodec, visitors: Visitors) -> None:
        self._codec = codec
        self._visitors = visitors

    def border(self) -> Middleware:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            refusal = self._refusal(request)
            response = refusal if refusal is not None else await _answered(request, handler)
            response.headers["Cache-Control"] = "no-store"
            origin = request.headers.get("Origin", "")
            if origin in self._visitors.origins:
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Vary"] = "Origin"
            return response

        return middleware

    async def ready(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def preflight(self, _request: web.Request) -> web.Response:
        return web.Response(
            status=HTTPStatus.NO_CONTENT,
            headers={
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "authorization, content-type, x-namespace",
            },
        )

    async def decode(self, request: web.Request) -> web.Response:
        if not self._knows_token(request):
            return _refused(request, HTTPStatus.UNAUTHORIZED, "expected the codec's token")
        asked = request.headers.get("X-Namespace", self._visitors.namespace)
        if asked != self._visitors.namespace:
            return _refused(request, HTTPStatus.FORBIDDEN, "expected our namespace")
        try:
            payloads = Parse(await request.text(), Payloads()).payloads
        except (ParseError, UnicodeDecodeError):
            return _refused(request, HTTPStatus.BAD_REQUEST, "expected payloads as JSON")
        opened = Payloads(payloads=[await self._opened(payload) for payload in payloads])
        self._write_down(request, payloads)
        return web.Response(text=MessageToJson(opened), content_type="application/json")

    async def _opened(self, payload: Payload) -> Payload:
        """Return what a payload holds; what cannot be decoded is shown as it came."""
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        try:
            (opened,) = await self._codec.decode([payload])
        except (CodecError, CodecKeysError) as error:
            log.warning("payload_not_decoded", why=str(error))
            return payload
        return opened

    def _refusal(self, request: web.Request) -> web.Response | None:
        if urlsplit(f"//{request.host}").hostname not in _OUR_NAMES:
            return _refused(request, HTTPStatus.MISDIRECTED_REQUEST, "expected a loopback name")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._visitors.origins:
            return _refused(request, HTTPStatus.FORBIDDEN, "expected Temporal's UI")
        return None

    def _knows_token(self, request: web.Request) -> bool:
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        given = bearer.strip() if kind.lower() == "bearer" else request.match_info.get("token", "")
        wanted = self._visitors.token.get_secret_value()
        return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

    def _write_down(self, request: web.Request, payloads: Sequence[Payload]) -> None:
        bound = {payload.metadata.get("bound-to", b"") for payload in payloads}
        workflows = sorted(workflow_id.decode("utf-8", "replace") for workflow_id in bound)
        log.info(
            "payloads_decoded",
            count=len(payloads),
            workflows=workflows[:WORKFLOWS_TOLD_MAX],
            origin=request.headers.get("Origin", ""),
            peer=request.remote,
        )


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _refused(request, HTTPStatus(error.status), "expected POST /decode")


def _refused(request: web.Request, status: HTTPStatus, why: str) -> web.Response:
    log.warning(
        "decoding_refused",
        status=int(status),
        why=why,
        method=request.method,
        origin=request.headers.get("Origin", "")[:100],
        peer=request.remote,
    )
    return web.json_response({"error": why}, status=status)
