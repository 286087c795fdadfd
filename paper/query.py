"""Reads query strings of the public REST services; what cannot be read is refused with its name."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aiohttp import web

from paper.model import MICROS

NUMBER_LENGTH_MAX = 30
PLAIN_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?", re.ASCII)
CURSOR_MARK = "from:"


class QueryError(Exception):
    """A query parameter cannot be used; the message names it and what came."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of a list are wanted."""

    start: int
    limit: int


def integer(request: web.Request, name: str, default: int) -> int:
    """Read a non-negative integer."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise QueryError(f"{name} must be a non-negative integer, got {text[:40]!r}")
    return int(text)


def decimal_micros(request: web.Request, name: str) -> int | None:
    """Read a plain decimal number as micros, rounded down."""
    text = request.query.get(name)
    if text is None:
        return None
    if len(text) > NUMBER_LENGTH_MAX or not PLAIN_NUMBER.fullmatch(text):
        raise QueryError(f"{name} must be a number, got {text[:40]!r}")
    return int(Decimal(text) * MICROS)


def boolean(request: web.Request, name: str, *, default: bool | None) -> bool | None:
    """Read `true` or `false`."""
    text = request.query.get(name)
    if text is None:
        return default
    if text.lower() not in {"true", "false"}:
        raise QueryError(f"{name} must be true or false, got {text[:40]!r}")
    return text.lower() == "true"


def choice(request: web.Request, name: str, allowed: Sequence[str], default: str) -> str:
    """Read one of a set of words."""
    text = request.query.get(name, default)
    if text not in allowed:
        raise QueryError(f"{name} must be one of {', '.join(allowed)}, got {text[:40]!r}")
    return text


def values(request: web.Request, name: str) -> tuple[str, ...]:
    """Read every value of a repeated parameter, in lower case."""
    return tuple(text.lower() for text in request.query.getall(name, ()))


def listed(request: web.Request, names: Sequence[str], at_most: int) -> tuple[str, ...]:
    """Read comma-separated values under any of the names, in lower case."""
    texts = [text for name in names for text in request.query.getall(name, ())]
    items = tuple(
        dict.fromkeys(item.strip().lower() for text in texts for item in text.split(",") if item)
    )
    if len(items) > at_most:
        raise QueryError(f"{names[0]} takes at most {at_most} values, got {len(items)}")
    return items


def page(request: web.Request, cursor_name: str, *, default: int, at_most: int) -> Page:
    """Read a limit, held to its maximum, and an opaque cursor of `next_cursor`."""
    limit = min(max(integer(request, "limit", default), 1), at_most)
    cursor = request.query.get(cursor_name)
    return Page(0 if not cursor else _position(cursor_name, cursor), limit)


def next_cursor(wanted: Page, count: int) -> str | None:
    """Return the cursor of the following page of a list of `count` rows; None at its end."""
    following = wanted.start + wanted.limit
    return cursor_at(following) if following < count else None


def cursor_at(place: int) -> str:
    """Return the cursor that leads to a place in a list."""
    return base64.urlsafe_b64encode(f"{CURSOR_MARK}{place}".encode()).decode()


def _position(name: str, cursor: str) -> int:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise QueryError(f"{name} is not a cursor of this list") from error
    mark, _, digits = text.partition(":")
    if f"{mark}:" != CURSOR_MARK or not digits.isdecimal() or len(digits) > 12:
        raise QueryError(f"{name} is not a cursor of this list")
    return int(digits)
