"""The real-time data socket: everyone's matches with wallet and name, the `activity` topic."""

import secrets
from dataclasses import dataclass, field

from aiohttp import web

from paper.fanout import Fanout
from paper.faults import Point
from paper.fills import PublicFill, public_fills
from paper.model import Trade, Traded, TradeStatus, TradeUpdated, VenueEvent
from paper.names import Names
from paper.notation import as_object, json_number, read_json, write_json
from paper.sockets import OpenSockets, Outlet, SocketRules, serve_socket
from paper.stream_faults import Line, Lines
from paper.venue import Venue

TAKER_ONLY, BOTH_SIDES = "orders_matched", "trades"
TYPES = (TAKER_ONLY, BOTH_SIDES)
SUBSCRIPTIONS_MAX = 100
AWAITING_HASH_MAX = 10_000
INVALID_REQUEST = write_json({"body": {"message": "Invalid request body"}, "statusCode": 400})


@dataclass(eq=False, slots=True)
class RtdsSession:
    """One client and the kinds of message it asked for."""

    outlet: Outlet
    line: Line
    connection_id: str = field(default_factory=lambda: secrets.token_hex(8))
    types: set[str] = field(default_factory=set)

    def receive(self, text: str) -> None:
        """Act on a subscribe or unsubscribe frame; topics other than `activity` stay silent."""
        try:
            frame = as_object(read_json(text)) or {}
        except ValueError:
            frame = {}
        listed = frame.get("subscriptions")
        action = frame.get("action")
        if action not in {"subscribe", "unsubscribe"} or not isinstance(listed, list):
            self.outlet.send(INVALID_REQUEST)
            return
        types = {kind for item in listed[:SUBSCRIPTIONS_MAX] for kind in _types(as_object(item))}
        if action == "subscribe":
            self.types |= types
        else:
            self.types -= types


def _types(subscription: dict[str, object] | None) -> tuple[str, ...]:
    """Return the kinds that a subscription names.

    A filter leaves nothing over, as in production, where filtered subscriptions of this topic
    were seen to get no message at all: clients filter for themselves.
    """
    if subscription is None or subscription.get("topic") != "activity":
        return ()
    if subscription.get("filters"):
        return ()
    kind = subscription.get("type")
    return TYPES if kind == "*" else tuple(name for name in TYPES if name == kind)


class RtdsFeed:
    """What all clients of the socket share."""

    def __init__(self, venue: Venue, names: Names) -> None:
        self._venue = venue
        self._names = names
        self._lines = Lines(venue.faults, Point.RTDS)
        self._awaiting_hash: dict[str, Trade] = {}
        self._stamp = 0  # of the last message, ms
        self.sockets: OpenSockets[RtdsSession] = OpenSockets()
        self.fanout = Fanout(venue, self)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one client."""
        outlet = Outlet()
        session = RtdsSession(outlet, self._lines.open(outlet))
        with self.sockets.opened(session):
            return await serve_socket(request, session, SocketRules())

    def handle(self, event: VenueEvent) -> None:
        """Tell about a match as soon as its transaction is known."""
        match event:
            case Traded(trade) if trade.transaction_hash or trade.invented:
                self._tell(trade)
            case Traded(trade):
                self._await_hash(trade)
            case TradeUpdated(trade) if trade.trade_id in self._awaiting_hash:
                self._hash_known(trade)
            case _:
                pass

    def cut_off(self) -> None:
        """Close every socket: messages were lost."""
        self._awaiting_hash.clear()
        self.sockets.close_all("messages were lost, connect again")

    def _await_hash(self, trade: Trade) -> None:
        if len(self._awaiting_hash) >= AWAITING_HASH_MAX:
            del self._awaiting_hash[next(iter(self._awaiting_hash))]
        self._awaiting_hash[trade.trade_id] = trade

    def _hash_known(self, trade: Trade) -> None:
        if trade.status is TradeStatus.FAILED:
            del self._awaiting_hash[trade.trade_id]
        elif trade.transaction_hash and trade.status is not TradeStatus.RETRYING:
            del self._awaiting_hash[trade.trade_id]
            self._tell(trade)

    def _tell(self, trade: Trade) -> None:
        sessions = [session for session in self.sockets.sessions if session.types]
        if not sessions:
            return
        for fill in public_fills(trade):
            # Like fills of one transaction are told apart by nothing else than when they are sent.
            self._stamp = max(self._venue.now(), self._stamp + 1)
            payload = self._payload(fill)
            kinds = TYPES if fill.is_taker else (BOTH_SIDES,)
            for session in sessions:
                for kind in session.types.intersection(kinds):
                    message = self._message(session, kind, payload)
                    session.line.send(message, {"type": kind, **payload})

    def _message(self, session: RtdsSession, kind: str, payload: dict[str, object]) -> str:
        return write_json(
            {
                "connection_id": session.connection_id,
                "timestamp": self._stamp,
                "topic": "activity",
                "type": kind,
                "payload": payload,
            }
        )

    def _payload(self, fill: PublicFill) -> dict[str, object]:
        market = self._venue.market(fill.trade.condition_id)
        name = self._names.of(fill.wallet, is_invented=fill.has_invented_wallet)
        payload: dict[str, object] = {
            "asset": fill.token_id,
            "conditionId": fill.trade.condition_id,
            "eventSlug": market.event_slug if market else "",
            "slug": market.slug if market else "",
            "title": market.question if market else "",
            "icon": "",
            "outcome": fill.outcome,
            "outcomeIndex": market.token_ids.index(fill.token_id) if market else 0,
            "price": json_number(fill.price),
            "size": json_number(fill.size),
            "side": fill.side.value,
            "proxyWallet": fill.wallet,
            "name": name,
            "pseudonym": name,
            "bio": "",
            "profileImage": "",
            "timestamp": fill.trade.matched_at // 1000,
            "transactionHash": fill.trade.transaction_hash,
        }
        if fill.has_invented_wallet:
            payload["invented"] = True
        return payload
