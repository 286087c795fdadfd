"""Gamma, the venue's catalogue service: markets and events by id, slug, condition and token."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web

from paper.catalogue import Catalogue, ListedEvent, ListedMarket
from paper.gamma_filters import Quoted, select_events, select_markets, sort_markets
from paper.gamma_rows import event_row, market_row, quote
from paper.query import Page, QueryError, integer, next_cursor, page
from paper.venue import Venue

PAGE_MAX = 100
PAGE_DEFAULT = 20
ListedT = TypeVar("ListedT", ListedMarket, ListedEvent)
FoundT = TypeVar("FoundT")
Route = Callable[[web.Request], Awaitable[web.Response]]


def add_gamma_routes(app: web.Application, venue: Venue, prefix: str) -> None:
    """Add Gamma's routes below a prefix."""
    gamma = Gamma(venue)
    routes: tuple[tuple[str, Callable[[web.Request], web.Response]], ...] = (
        ("/markets/keyset", gamma.markets_keyset),
        ("/markets/slug/{slug}", gamma.market_by_slug),
        ("/markets/{id}", gamma.market_by_id),
        ("/markets", gamma.markets_offset),
        ("/events/keyset", gamma.events_keyset),
        ("/events/slug/{slug}", gamma.event_by_slug),
        ("/events/{id}", gamma.event_by_id),
        ("/events", gamma.events_offset),
    )
    for path, answer in routes:
        app.router.add_get(f"{prefix}{path}", _route(answer))


def _route(answer: Callable[[web.Request], web.Response]) -> Route:
    async def respond(request: web.Request) -> web.Response:
        try:
            return answer(request)
        except QueryError as error:
            body = {"type": "validation error", "error": str(error)}
            return web.json_response(body, status=422)

    return respond


class Gamma:
    """Answers about the catalogue; of it nothing but its numbers is kept between two requests."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._catalogue = Catalogue(venue)

    def markets_keyset(self, request: web.Request) -> web.Response:
        """List markets by cursor."""
        found = self._markets(request)
        wanted = page(request, "after_cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX)
        rows = self._market_rows(_cut(found, wanted))
        return _keyset("markets", rows, next_cursor(wanted, len(found)))

    def markets_offset(self, request: web.Request) -> web.Response:
        """List markets by offset, deprecated in production."""
        found = self._markets(request)
        return web.json_response(self._market_rows(_cut(found, _offset(request))))

    def market_by_id(self, request: web.Request) -> web.Response:
        """Answer with one market, closed or not."""
        wanted = request.match_info["id"]
        return self._one_market(lambda listed: str(listed.market_id) == wanted)

    def market_by_slug(self, request: web.Request) -> web.Response:
        """Answer with the newest market of a slug, closed or not."""
        wanted = request.match_info["slug"].lower()
        return self._one_market(lambda listed: listed.market.slug.lower() == wanted)

    def events_keyset(self, request: web.Request) -> web.Response:
        """List events by cursor."""
        found = self._events(request)
        wanted = page(request, "after_cursor", default=PAGE_DEFAULT, at_most=PAGE_MAX)
        rows = [self._event_row(event) for event in _cut(found, wanted)]
        return _keyset("events", rows, next_cursor(wanted, len(found)))

    def events_offset(self, request: web.Request) -> web.Response:
        """List events by offset, deprecated in production."""
        found = self._events(request)
        return web.json_response(
            [self._event_row(event) for event in _cut(found, _offset(request))]
        )

    def event_by_id(self, request: web.Request) -> web.Response:
        """Answer with one event, closed or not."""
        wanted = request.match_info["id"]
        return self._one_event(lambda event: str(event.event_id) == wanted)

    def event_by_slug(self, request: web.Request) -> web.Response:
        """Answer with the newest event of a slug, closed or not."""
        wanted = request.match_info["slug"].lower()
        return self._one_event(lambda event: event.slug.lower() == wanted)

    def _markets(self, request: web.Request) -> list[Quoted]:
        selected = select_markets(request, self._catalogue)
        quoted = [Quoted(listed, quote(self._venue, listed.market)) for listed in selected]
        return sort_markets(request, quoted)

    def _events(self, request: web.Request) -> list[ListedEvent]:
        return select_events(request, self._catalogue)

    def _one_market(self, is_wanted: Callable[[ListedMarket], bool]) -> web.Response:
        listed = _newest(self._catalogue.markets, is_wanted)
        if listed is None:
            return _not_found()
        quoted = Quoted(listed, quote(self._venue, listed.market))
        return web.json_response(self._market_rows([quoted])[0])

    def _one_event(self, is_wanted: Callable[[ListedEvent], bool]) -> web.Response:
        event = _newest(self._catalogue.events, is_wanted)
        return _not_found() if event is None else web.json_response(self._event_row(event))

    def _market_rows(self, found: Sequence[Quoted]) -> list[dict[str, object]]:
        event_of = self._catalogue.event
        return [
            market_row(quoted.listed, quoted.quote, event_of(quoted.listed.event_id))
            for quoted in found
        ]

    def _event_row(self, event: ListedEvent) -> dict[str, object]:
        return event_row(event, [quote(self._venue, listed.market) for listed in event.markets])


def _cut(found: Sequence[FoundT], wanted: Page) -> Sequence[FoundT]:
    return found[wanted.start : wanted.start + wanted.limit]


def _offset(request: web.Request) -> Page:
    limit = min(max(integer(request, "limit", PAGE_DEFAULT), 1), PAGE_MAX)
    return Page(integer(request, "offset", 0), limit)


def _newest(listed: Sequence[ListedT], is_wanted: Callable[[ListedT], bool]) -> ListedT | None:
    return next((entry for entry in reversed(listed) if is_wanted(entry)), None)


def _keyset(name: str, rows: list[dict[str, object]], cursor: str | None) -> web.Response:
    body: dict[str, object] = {name: rows}
    if cursor is not None:
        body["next_cursor"] = cursor
    return web.json_response(body)


def _not_found() -> web.Response:
    return web.json_response({"type": "not found error", "error": "id not found"}, status=404)
