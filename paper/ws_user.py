"""The CLOB's user WebSocket: what happens to one API key's own orders and trades."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

from paper.fanout import Fanout
from paper.faults import Point
from paper.model import OrderUpdated, TradeUpdated, VenueEvent
from paper.notation import as_object, as_strings, read_json, write_json
from paper.sockets import OpenSockets, Outlet, SocketRules, serve_socket
from paper.stream_faults import Line, Lines
from paper.user_frames import order_frame, owns_trade, trade_frame
from paper.venue import Venue

MARKETS_MAX = 20_000
INVALID_OPERATION = "INVALID OPERATION"

ApiKeyRow = tuple[str, str, str, str]  # wallet, key, secret, passphrase
ApiKeys = Callable[[], Iterable[ApiKeyRow]]


@dataclass(eq=False, slots=True)
class UserSession:
    """One client: silent until it names a key; `markets` None means every market."""

    feed: "UserFeed"
    outlet: Outlet
    line: Line
    owner: str | None = None
    markets: set[str] | None = field(default=None)

    def receive(self, text: str) -> None:
        """Act on the frame that names the key, or on a later change of markets."""
        try:
            frame = as_object(read_json(text))
        except ValueError:
            frame = None
        if frame is None:
            self.outlet.send(INVALID_OPERATION)
        elif self.owner is None:
            self._log_in(frame)
        else:
            self._change_markets(frame)

    def wants(self, condition_id: str) -> bool:
        """Tell whether events of a market are to be sent."""
        return self.markets is None or condition_id.lower() in self.markets

    def _log_in(self, frame: dict[str, object]) -> None:
        markets = _markets(frame)
        owner = self.feed.authenticate(as_object(frame.get("auth")) or {})
        if owner is None or markets is None:
            self.outlet.close("invalid credentials" if owner is None else "invalid markets")
            return
        self.feed.fanout.drain()
        self.owner = owner
        self.markets = markets or None

    def _change_markets(self, frame: dict[str, object]) -> None:
        operation, markets = frame.get("operation"), _markets(frame)
        if markets is None or operation not in {"subscribe", "unsubscribe"}:
            self.outlet.send(INVALID_OPERATION)
        elif operation == "subscribe":
            self._add(markets)
        elif self.markets is not None:
            # Naming no market any more means all of them, as it does at the start.
            self.markets = self.markets - markets or None

    def _add(self, markets: set[str]) -> None:
        known = self.markets or set()
        if len(known | markets) > MARKETS_MAX:
            self.outlet.send(INVALID_OPERATION)
        else:
            self.markets = known | markets or None


def _markets(frame: dict[str, object]) -> set[str] | None:
    named = frame.get("markets")
    names = as_strings([] if named is None else named)
    if names is None or len(names) > MARKETS_MAX:
        return None
    return {name.lower() for name in names}


class UserFeed:
    """What all clients of the user socket share."""

    def __init__(self, venue: Venue, api_keys: ApiKeys) -> None:
        self._api_keys = api_keys
        self._lines = Lines(venue.faults, Point.USER_STREAM)
        self.sockets: OpenSockets[UserSession] = OpenSockets()
        self.fanout = Fanout(venue, self)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one client."""
        outlet = Outlet()
        session = UserSession(self, outlet, self._lines.open(outlet))
        with self.sockets.opened(session):
            return await serve_socket(request, session, SocketRules())

    def authenticate(self, auth: dict[str, object]) -> str | None:
        """Return the API key when its secret and passphrase are right."""
        claimed = [auth.get(name) for name in ("apiKey", "secret", "passphrase")]
        for _wallet, *known in self._api_keys():
            if all(_is_same(*pair) for pair in zip(claimed, known, strict=True)):
                return known[0]
        return None

    def handle(self, event: VenueEvent) -> None:
        """Tell the owners of an order or a trade about it."""
        match event:
            case OrderUpdated(record):
                self._tell(record.condition_id, record.owner, order_frame(event))
            case TradeUpdated(trade):
                for owner in self._owners():
                    if owns_trade(trade, owner):
                        self._tell(trade.condition_id, owner, trade_frame(trade, owner))
            case _:
                pass

    def cut_off(self) -> None:
        """Close every socket: events were lost, and clients reconcile after a reconnect."""
        self.sockets.close_all("events were lost, connect again")

    def _owners(self) -> set[str]:
        return {session.owner for session in self.sockets.sessions if session.owner is not None}

    def _tell(self, condition_id: str, owner: str, frame: dict[str, object]) -> None:
        for session in self.sockets.sessions:
            if session.owner == owner and session.wants(condition_id):
                session.line.send(write_json(frame), frame)


def _is_same(claimed: object, known: str) -> bool:
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode(), known.encode())
