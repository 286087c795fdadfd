"""What every Data API route shares: its envelope, its page marks and how it refuses a query."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from eth_utils.address import is_address, to_checksum_address

from paper.data_rows import Row
from paper.query import Page, QueryError, listed, next_cursor

PAGE_DEFAULT = 100
PAGE_MAX = 1000
CONDITIONS_MAX = 20
CONDITION_NAMES = ("condition", "condition_id")  # documented and sent by the client, both work
# What the network in front of production keeps: callers who want news must vary their query.
CACHE_HEADERS = {"Cache-Control": "public, max-age=300"}

Answer = Callable[[web.Request], Row]
Route = Callable[[web.Request], Awaitable[web.Response]]


def route(answer: Answer) -> Route:
    """Serve an answer as JSON; a query that cannot be read gets 400 and the reason."""

    async def respond(request: web.Request) -> web.Response:
        if "offset" in request.query:
            return refused("offset is not supported, use cursor")
        try:
            return web.json_response(answer(request), headers=CACHE_HEADERS)
        except QueryError as error:
            return refused(str(error))

    return respond


def refused(reason: str, status: int = 400) -> web.Response:
    """Answer with an error."""
    return web.json_response({"error": reason}, status=status)


def paged(rows: Sequence[Row], wanted: Page) -> Row:
    """Put one page of a list into the envelope."""
    cut = rows[wanted.start : wanted.start + wanted.limit]
    return enveloped(cut, wanted, next_cursor(wanted, len(rows)))


def enveloped(rows: Sequence[Row], wanted: Page, cursor: str | None) -> Row:
    """Put the rows of a page into the envelope."""
    pagination = {
        "limit": wanted.limit,
        "offset": 0,
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }
    return {"data": list(rows), "pagination": pagination}


def required_user(request: web.Request) -> str:
    """Read the wallet that a query must name, checksummed."""
    user = optional_user(request)
    if user is None:
        raise QueryError("user is required")
    return user


def optional_user(request: web.Request) -> str | None:
    """Read the wallet that a query may name, checksummed."""
    user = request.query.get("user")
    if not user:
        return None
    if not is_address(user):
        raise QueryError(f"user must be an address, got {user[:60]!r}")
    return to_checksum_address(user)


def conditions(request: web.Request) -> tuple[str, ...]:
    """Read the markets that a query names, in lower case."""
    return listed(request, CONDITION_NAMES, CONDITIONS_MAX)
