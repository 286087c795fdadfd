"""Chooses and orders the markets and events that a Gamma query asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from paper.catalogue import Catalogue, ListedEvent, ListedMarket
from paper.gamma_rows import Quote, version
from paper.notation import parse_time
from paper.query import QueryError, boolean, choice, decimal_micros, values


@dataclass(frozen=True, slots=True)
class Quoted:
    """A market with what its books say now."""

    listed: ListedMarket
    quote: Quote


ORDERS: dict[str, Callable[[Quoted], int]] = {
    "id": lambda quoted: quoted.listed.market_id,
    "volumeNum": lambda quoted: quoted.listed.market.volume,
    "volume": lambda quoted: quoted.listed.market.volume,
    "volume24hr": lambda quoted: quoted.listed.market.volume,
    "liquidityNum": lambda quoted: quoted.quote.liquidity,
    "liquidity": lambda quoted: quoted.quote.liquidity,
    "startDate": lambda quoted: quoted.listed.market.starts_at,
    "endDate": lambda quoted: quoted.listed.market.ends_at,
}
SELECTORS: dict[str, Callable[[ListedMarket], set[str]]] = {
    "id": lambda listed: {str(listed.market_id)},
    "slug": lambda listed: {listed.market.slug.lower()},
    "condition_ids": lambda listed: {listed.market.condition_id.lower()},
    "clob_token_ids": lambda listed: _tokens(listed, "v1"),
    "position_ids": lambda listed: _tokens(listed, "v2"),
    "version": lambda listed: {version(listed.market)},
}

TOKEN_SELECTORS = ("clob_token_ids", "position_ids")


def _tokens(listed: ListedMarket, wanted_version: str) -> set[str]:
    return set(listed.market.token_ids) if version(listed.market) == wanted_version else set()


def select_markets(request: web.Request, catalogue: Catalogue) -> list[ListedMarket]:
    """Return the markets that repeated flat parameters name; closed ones only when asked for.

    `closed` is false unless the query says otherwise, also where ids are given, and parameters
    that are not known are ignored, the bracketed forms of these too: both as in production.
    """
    is_closed = boolean(request, "closed", default=False)
    chosen = [(values(request, name), read) for name, read in SELECTORS.items()]
    tokens = [token for name in TOKEN_SELECTORS for token in values(request, name)]
    return [
        listed
        for listed in (catalogue.of_tokens(tokens) if tokens else catalogue.markets)
        if listed.market.closed is is_closed
        and all(not wanted or read(listed).intersection(wanted) for wanted, read in chosen)
    ]


def select_events(request: web.Request, catalogue: Catalogue) -> list[ListedEvent]:
    """Return the events that a query names, by rising id unless it says otherwise."""
    is_closed = boolean(request, "closed", default=False)
    slugs, ids = values(request, "slug"), values(request, "id")
    found = [
        event
        for event in catalogue.events
        if event.is_closed is is_closed
        and (not slugs or event.slug.lower() in slugs)
        and (not ids or str(event.event_id) in ids)
    ]
    return found if boolean(request, "ascending", default=True) else found[::-1]


def sort_markets(request: web.Request, found: Sequence[Quoted]) -> list[Quoted]:
    """Drop what lies outside the query's bounds and order the rest."""
    order = choice(request, "order", tuple(ORDERS), "id")
    bounds = [
        (ORDERS["startDate"], *_times(request, "start_date")),
        (ORDERS["endDate"], *_times(request, "end_date")),
        (ORDERS["liquidity"], *_sizes(request, "liquidity_num")),
        (ORDERS["volume"], *_sizes(request, "volume_num")),
    ]
    kept = [
        quoted
        for quoted in found
        if all(_lies_within(read(quoted), low, high) for read, low, high in bounds)
    ]
    is_rising = boolean(request, "ascending", default=order == "id")
    return sorted(kept, key=ORDERS[order], reverse=not is_rising)


def _lies_within(number: int, low: int | None, high: int | None) -> bool:
    return (low is None or low <= number) and (high is None or number <= high)


def _times(request: web.Request, name: str) -> tuple[int | None, int | None]:
    return _time(request, f"{name}_min"), _time(request, f"{name}_max")


def _time(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    at = parse_time(text)
    if at is None:
        raise QueryError(f"{name} must be an ISO 8601 time, got {text[:40]!r}")
    return at


def _sizes(request: web.Request, name: str) -> tuple[int | None, int | None]:
    return decimal_micros(request, f"{name}_min"), decimal_micros(request, f"{name}_max")
