"""What a mirroring venue does before it answers: looks for itself, or passes the question on."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from paper.mirror import Mirror
from paper.notation import as_object
from paper.rest import SITE, Handler

MIRROR = web.AppKey("mirror", Mirror)
TOKENS_MAX = 500

_FORWARDED = ("/markets", "/clob-markets/", "/simplified-markets", "/sampling-", "/prices-history")
_BOOK_READERS = ("/book", "/price", "/midpoint", "/spread", "/last-trade-price")
_BOOKS_READERS = ("/books", "/prices", "/midpoints", "/spreads", "/last-trades-prices")
_TERMS_READERS = ("/tick-size", "/neg-risk", "/fee-rate")
_POSTS = ("/order", "/orders")


def add_mirror(app: web.Application, mirror: Mirror) -> None:
    """Let an application mirror another venue; `mirrored_calls` has to be its middleware."""

    async def keep(_: web.Application) -> AsyncIterator[None]:
        async with mirror.upstream.opened(), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(mirror.run())
            yield
            running.cancel()
            await mirror.close()

    app[MIRROR] = mirror
    app.cleanup_ctx.append(keep)


@web.middleware
async def mirrored_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Freshen what a request reads or trades; pass on what is not of a wallet of this venue."""
    mirror = request.app.get(MIRROR)
    if mirror is None:
        return await handler(request)
    elsewhere = _elsewhere(mirror, request)
    if elsewhere is not None:
        return await mirror.upstream.forward(elsewhere, request)
    await _prepare(mirror, request)
    return await handler(request)


def _elsewhere(mirror: Mirror, request: web.Request) -> str | None:
    """Return the address that answers a request, None where this venue does."""
    path, urls = request.path, mirror.upstream.urls
    if path.startswith("/gamma/"):
        return urls.gamma + path.removeprefix("/gamma")
    if path.startswith("/data/v2/") or path == "/data/":
        return None if _is_ours(request) else urls.data + path.removeprefix("/data")
    if request.method == "GET" and path.startswith(_FORWARDED):
        return urls.clob + path
    return None


async def _prepare(mirror: Mirror, request: web.Request) -> None:
    path, token_id = request.path, request.query.get("token_id", "")
    if request.method == "GET" and path in _BOOK_READERS and token_id:
        await mirror.freshen(token_id)
    elif request.method == "GET" and path in _TERMS_READERS and token_id:
        await mirror.list_market(token_id)
    elif request.method == "POST" and path in _BOOKS_READERS:
        await mirror.freshen_all(_tokens(await request.read(), "token_id"))
    elif request.method == "POST" and path in _POSTS:
        since = request.app[SITE].venue.now()
        tokens = _tokens(await request.read(), "order", "tokenId")
        await mirror.freshen_all(tokens, since=since)


def _is_ours(request: web.Request) -> bool:
    """Tell whether a request is about a wallet that trades here."""
    user = request.query.get("user", "")
    return bool(user) and request.app[SITE].venue.knows_wallet(user)


def _tokens(body: bytes, *names: str) -> Sequence[str]:
    """Return the tokens that a body names; the route itself says what is wrong with a body."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    found: list[str] = []
    for row in value if isinstance(value, list) else [value]:
        inner: object = row
        for name in names:
            fields = as_object(inner)
            inner = None if fields is None else fields.get(name)
        if isinstance(inner, str) and inner not in found:
            found.append(inner)
    return found[:TOKENS_MAX]
