"""The CLOB's market WebSocket: books, their changes, last trades, and what happens to markets."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from paper.catalogue import Catalogue
from paper.fanout import Fanout
from paper.faults import Fault, Point
from paper.market_faults import FALSE_BOOKS, NO_SNAPSHOT, false_book, truth_after_s
from paper.market_frames import (
    best_frame,
    book_frame,
    last_trade_frame,
    new_market_frame,
    price_change_frame,
    resolved_frame,
    tick_size_frame,
)
from paper.model import (
    BookChanged,
    Market,
    MarketOpened,
    MarketResolved,
    TickSizeChanged,
    Trade,
    Traded,
    VenueEvent,
)
from paper.notation import as_object, as_strings, read_json, write_json
from paper.replica import Best, Replica
from paper.sockets import OpenSockets, Outlet, SocketRules, serve_socket
from paper.stream_faults import Line, Lines
from paper.venue import Venue

SNAPSHOT_ASSETS_MAX = 500  # beyond it a socket gets no initial books (seen in production)
BOOKS_PER_FRAME = 20
ASSETS_MAX = 20_000
INVALID_OPERATION = "INVALID OPERATION"


@dataclass(eq=False, slots=True)
class MarketSession:
    """One client: the tokens it watches and whether it asked for the extra events."""

    feed: "MarketFeed"
    outlet: Outlet
    line: Line
    tokens: set[str] = field(default_factory=set)
    wants_custom: bool = False

    def watched(self, market: Market) -> list[str]:
        """Return which of a market's tokens this client watches."""
        return [token_id for token_id in market.token_ids if token_id in self.tokens]

    def receive(self, text: str) -> None:
        """Act on a subscribe or unsubscribe frame."""
        try:
            frame = as_object(read_json(text))
        except ValueError:
            frame = None
        tokens = None if frame is None else as_strings(frame.get("assets_ids", []))
        if frame is None or tokens is None:
            self.outlet.send(INVALID_OPERATION)
            return
        self._act(frame, tokens)

    def _act(self, frame: dict[str, object], tokens: tuple[str, ...]) -> None:
        operation = frame.get("operation", "subscribe")
        if operation == "unsubscribe":
            self.tokens.difference_update(tokens)
        elif operation == "subscribe" and _is_market(frame):
            self._subscribe(frame, tokens)
        else:
            self.outlet.send(INVALID_OPERATION)

    def _subscribe(self, frame: dict[str, object], tokens: tuple[str, ...]) -> None:
        wants_custom = frame.get("custom_feature_enabled")
        if isinstance(wants_custom, bool):
            self.wants_custom = wants_custom
        added = [token for token in dict.fromkeys(tokens) if token not in self.tokens]
        if len(self.tokens) + len(added) > ASSETS_MAX:
            self.outlet.send(INVALID_OPERATION)
            return
        self.feed.fanout.drain()
        self.tokens.update(added)
        self.feed.send_books(self, added)


def _is_market(frame: dict[str, object]) -> bool:
    kind = frame.get("type", "market")
    return isinstance(kind, str) and kind.lower() == "market"


class MarketFeed:
    """What all clients of the market socket share."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._catalogue = Catalogue(venue)
        self._replicas: dict[str, Replica] = {}
        self._lines = Lines(venue.faults, Point.MARKET_STREAM)
        self.sockets: OpenSockets[MarketSession] = OpenSockets()
        self.fanout = Fanout(venue, self)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one client."""
        outlet = Outlet()
        session = MarketSession(self, outlet, self._lines.open(outlet))
        with self.sockets.opened(session):
            return await serve_socket(request, session, SocketRules())

    def handle(self, event: VenueEvent) -> None:
        """Turn an event of the venue into frames."""
        match event:
            case BookChanged():
                self._book_changed(event)
            case Traded(trade):
                self._traded(trade)
            case TickSizeChanged():
                self._tick_size_changed(event)
            case MarketOpened(market):
                self._market_opened(market)
            case MarketResolved(market):
                self._resolved(market)
            case _:
                pass

    def cut_off(self) -> None:
        """Forget the books and close every socket: events were lost."""
        self._replicas.clear()
        self.sockets.close_all("events were lost, subscribe again")

    def send_books(self, session: MarketSession, tokens: Sequence[str]) -> None:
        """Send the books of tokens as they are now, and follow their markets from here on.

        Unknown tokens have no book, and a socket with too many tokens is sent none at all.
        """
        books = [frame for token in tokens if (frame := self._book(token)) is not None]
        if len(session.tokens) > SNAPSHOT_ASSETS_MAX:
            return
        told = [frame for frame in books if not session.line.is_struck(NO_SNAPSHOT, frame)]
        for start in range(0, len(told), BOOKS_PER_FRAME):
            self._send_whole(session, told[start : start + BOOKS_PER_FRAME])

    def _send_whole(self, session: MarketSession, books: Sequence[dict[str, object]]) -> None:
        fault = session.line.draw(books[0], *FALSE_BOOKS)
        tokens = [str(book["asset_id"]) for book in books]
        if not self._is_lied_to(session, tokens, fault):
            session.line.carry(write_json(books), fault)

    def _is_lied_to(
        self, session: MarketSession, tokens: Sequence[str], fault: Fault | None
    ) -> bool:
        if fault is None or fault.fault not in FALSE_BOOKS:
            return False
        false = [self._book(token, fault) for token in tokens]
        session.line.carry(write_json(false), None)
        loop = asyncio.get_running_loop()
        loop.call_later(truth_after_s(fault), self._tell_truth, session, tokens)
        return True

    def _tell_truth(self, session: MarketSession, tokens: Sequence[str]) -> None:
        wanted = [token for token in tokens if token in session.tokens]
        self.fanout.drain()
        books = [book for token in wanted if (book := self._book(token)) is not None]
        if books:
            session.line.carry(write_json(books), None)

    def _book(self, token_id: str, fault: Fault | None = None) -> dict[str, object] | None:
        market, book = self._venue.market_of(token_id), self._venue.book(token_id)
        if market is None or book is None:
            return None
        self._follow(market)
        shown = book if fault is None else false_book(book, fault, market.tick_size)
        return book_frame(market, shown)

    def _follow(self, market: Market) -> None:
        book = self._venue.book(market.token_ids[0])
        if book is not None and market.condition_id not in self._replicas:
            replica = self._replicas[market.condition_id] = Replica()
            replica.load(book)

    def _book_changed(self, event: BookChanged) -> None:
        market = self._venue.market(event.condition_id)
        if market is None:
            return
        replica = self._replicas.get(market.condition_id)
        watchers = self._watchers(market.token_ids)
        if replica is None:
            for session in watchers:  # they waited for a market that had no book yet
                self.send_books(session, session.watched(market))
            return
        before = (replica.best(0), replica.best(1))
        changes = replica.apply(event)
        if changes and watchers:
            frame = price_change_frame(market, replica, changes, event.at)
            self._send_levels(watchers, market, frame)
            self._send_best(market, before, (replica.best(0), replica.best(1)), event.at)

    def _send_levels(
        self, watchers: Sequence[MarketSession], market: Market, frame: dict[str, object]
    ) -> None:
        text = write_json(frame)
        for session in watchers:
            tokens = session.watched(market)
            fault = session.line.draw({**frame, "token_id": tokens[0]}, *FALSE_BOOKS)
            if not self._is_lied_to(session, tokens, fault):
                session.line.carry(text, fault)

    def _send_best(
        self, market: Market, before: tuple[Best, Best], after: tuple[Best, Best], at: int
    ) -> None:
        for index, token_id in enumerate(market.token_ids):
            if before[index] != after[index]:
                watchers = [s for s in self._watchers([token_id]) if s.wants_custom]
                _send(watchers, best_frame(market, token_id, after[index], at))

    def _traded(self, trade: Trade) -> None:
        watchers = self._watchers([trade.token_id])
        if watchers:
            _send(watchers, last_trade_frame(trade))

    def _tick_size_changed(self, event: TickSizeChanged) -> None:
        market = self._venue.market(event.condition_id)
        if market is None:
            return
        for token_id in market.token_ids:
            watchers = self._watchers([token_id])
            _send(watchers, tick_size_frame(event, token_id))
            for session in watchers:
                self._send_next_book(session, token_id, event.snapshot_after_ms)

    def _send_next_book(self, session: MarketSession, token_id: str, after_ms: int) -> None:
        if after_ms:
            loop = asyncio.get_running_loop()
            loop.call_later(after_ms / 1000, self._tell_truth, session, [token_id])
        else:
            self.send_books(session, [token_id])

    def _market_opened(self, market: Market) -> None:
        _send(
            [session for session in self.sockets.sessions if session.wants_custom],
            new_market_frame(market, self._gamma_id(market), self._venue.now()),
        )

    def _resolved(self, market: Market) -> None:
        watchers = [s for s in self._watchers(market.token_ids) if s.wants_custom]
        _send(watchers, resolved_frame(market, self._gamma_id(market), self._venue.now()))
        self._replicas.pop(market.condition_id, None)

    def _gamma_id(self, market: Market) -> str:
        return str(self._catalogue.list_market(market).market_id)

    def _watchers(self, token_ids: Iterable[str]) -> list[MarketSession]:
        wanted = tuple(token_ids)
        return [
            session
            for session in self.sockets.sessions
            if any(token in session.tokens for token in wanted)
        ]


def _send(sessions: Sequence[MarketSession], frame: dict[str, object]) -> None:
    if sessions:
        text = write_json(frame)
        for session in sessions:
            session.line.send(text, frame)
