"""JSON-RPC over a WebSocket: the answers of HTTP, and subscriptions to logs and heads."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from paper.chain_faults import FailingNode, facts_of_log
from paper.fanout import Fanout
from paper.faults import Point
from paper.log_filter import LogFilter, log_row, parse_filter
from paper.model import BlockMined, ChainLog, LogsRemoved, VenueEvent
from paper.rpc import answer_method
from paper.rpc_answers import ChainAnswers
from paper.rpc_wire import (
    INVALID_PARAMS,
    LIMIT_EXCEEDED,
    RpcError,
    notification,
    param,
    respond,
)
from paper.sockets import OpenSockets, Outlet, SocketRules, serve_socket
from paper.stream_faults import Line, Lines
from paper.venue import Venue

SUBSCRIPTIONS_MAX = 100
# Nodes keep a silent subscriber; protocol pings find out whether it is still there.
RULES = SocketRules(idle_s=None, server_ping_s=30.0)


@dataclass(eq=False, slots=True)
class RpcSession:
    """One client and its subscriptions by id; None stands for new heads."""

    feed: "RpcFeed"
    outlet: Outlet
    line: Line
    subscriptions: dict[str, LogFilter | None] = field(default_factory=dict)

    def receive(self, text: str) -> None:
        """Answer a request or a batch."""
        self.outlet.send(respond(text, self._answer))

    def _answer(self, method: str, params: Sequence[object]) -> object:
        self.feed.node.check(method, is_http=False)
        if method == "eth_subscribe":
            return self._subscribe(params)
        if method == "eth_unsubscribe":
            return self._unsubscribe(params)
        return answer_method(self.feed.answers, method, params)

    def _subscribe(self, params: Sequence[object]) -> str:
        if len(self.subscriptions) >= SUBSCRIPTIONS_MAX:
            raise RpcError(LIMIT_EXCEEDED, f"at most {SUBSCRIPTIONS_MAX} subscriptions")
        wanted = _parse_subscription(params)
        self.feed.fanout.drain()
        name = "0x" + secrets.token_hex(16)
        self.subscriptions[name] = wanted
        return name

    def _unsubscribe(self, params: Sequence[object]) -> bool:
        name = param(params, 0)
        if not isinstance(name, str) or name not in self.subscriptions:
            return False
        del self.subscriptions[name]
        return True


def _parse_subscription(params: Sequence[object]) -> LogFilter | None:
    match param(params, 0):
        case "newHeads":
            return None
        case "logs":
            return parse_filter({} if len(params) == 1 else param(params, 1))
        case _:
            raise RpcError(INVALID_PARAMS, "expected a subscription to logs or newHeads")


class RpcFeed:
    """What all clients of the socket share."""

    def __init__(self, venue: Venue, answers: ChainAnswers, node: FailingNode) -> None:
        self.answers = answers
        self.node = node
        self._lines = Lines(venue.faults, Point.CHAIN)
        self.sockets: OpenSockets[RpcSession] = OpenSockets()
        self.fanout = Fanout(venue, self)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one client."""
        outlet = Outlet()
        session = RpcSession(self, outlet, self._lines.open(outlet))
        with self.sockets.opened(session):
            return await serve_socket(request, session, RULES)

    def handle(self, event: VenueEvent) -> None:
        """Tell subscribers about a block and its logs, and about logs that are gone."""
        match event:
            case BlockMined(number, logs):
                self._tell(logs, self.answers.header(number))
            case LogsRemoved(logs):
                self._tell(logs, None)
            case _:
                pass

    def cut_off(self) -> None:
        """Close every socket: blocks were lost, and clients fill the gap by eth_getLogs."""
        self.sockets.close_all("blocks were lost, connect again")

    def _tell(self, logs: Sequence[ChainLog], header: dict[str, object] | None) -> None:
        for session in self.sockets.sessions:
            for name, wanted in session.subscriptions.items():
                if wanted is not None:
                    _tell_logs(session.line, name, wanted, logs)
                elif header is not None:
                    session.line.send(notification(name, header), {"subscription": "newHeads"})


def _tell_logs(line: Line, name: str, wanted: LogFilter, logs: Sequence[ChainLog]) -> None:
    for log in logs:
        if wanted.matches(log):
            line.send(notification(name, log_row(log)), facts_of_log(log))
