"""Serves one WebSocket: a bounded way out, PING and PONG, and an end to silent or slow clients."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aiohttp import WSMsgType, web

OUTBOX_FRAMES = 5_000  # a client this far behind is cut off, as nothing is ever merged or dropped
MESSAGE_BYTES_MAX = 1 << 20
CLOSE_TIMEOUT_S = 2.0
PONGS = {"PING": "PONG", "ping": "pong"}  # the CLOB sockets use capitals, RTDS small letters


class Outlet:
    """The way out of one socket; `send` never waits, a full outlet closes its socket."""

    def __init__(self, capacity: int = OUTBOX_FRAMES) -> None:
        self._frames: asyncio.Queue[str] = asyncio.Queue(capacity)
        self._told_to_close = asyncio.Event()
        self.reason = ""
        self.is_cut = False

    @property
    def is_closed(self) -> bool:
        """Tell whether the socket was told to close."""
        return self._told_to_close.is_set()

    def send(self, frame: str) -> None:
        """Queue a text frame; close the socket when its client reads too slowly."""
        if self.is_closed:
            return
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.close("slow consumer")

    def close(self, reason: str) -> None:
        """Tell the socket to close; frames still queued may be lost."""
        if not self.is_closed:
            self.reason = reason
            self._told_to_close.set()

    def cut(self) -> None:
        """Tell the socket to end as if the line had broken: without a close frame."""
        if not self.is_closed:
            self.is_cut = True
            self.close("cut")

    async def next_frame(self) -> str:
        """Wait for the next frame to write."""
        return await self._frames.get()

    async def wait_closed(self) -> None:
        """Wait until the socket is told to close."""
        await self._told_to_close.wait()


class Session(Protocol):
    """What a client's frames are handed to."""

    outlet: Outlet

    def receive(self, text: str) -> None:
        """Act on one text frame; answers go to the outlet."""


SessionT = TypeVar("SessionT", bound=Session)


@dataclass(frozen=True, slots=True)
class SocketRules:
    """How long a silent client is kept, and whether the server itself sends protocol pings."""

    idle_s: float | None = 30.0
    server_ping_s: float | None = None


class OpenSockets(Generic[SessionT]):
    """The sessions of one feed, so that all of them can be told something at once."""

    def __init__(self) -> None:
        self.sessions: set[SessionT] = set()

    @contextlib.contextmanager
    def opened(self, session: SessionT) -> Iterator[None]:
        """Count a session in while its socket is served."""
        self.sessions.add(session)
        try:
            yield
        finally:
            self.sessions.discard(session)

    def close_all(self, reason: str) -> None:
        """Tell every socket to close."""
        for session in tuple(self.sessions):
            session.outlet.close(reason)


async def serve_socket(
    request: web.Request, session: Session, rules: SocketRules
) -> web.WebSocketResponse:
    """Run a socket until either side ends it."""
    socket = web.WebSocketResponse(
        timeout=CLOSE_TIMEOUT_S, heartbeat=rules.server_ping_s, max_msg_size=MESSAGE_BYTES_MAX
    )
    await socket.prepare(request)
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(_write(socket, session.outlet))
        closer = tasks.create_task(_close_when_told(request, socket, session.outlet))
        await _read(socket, session, rules.idle_s)
        session.outlet.close("client left")
        await closer
        writer.cancel()
    return socket


async def _read(socket: web.WebSocketResponse, session: Session, idle_s: float | None) -> None:
    while not session.outlet.is_closed:
        try:
            message = await socket.receive(timeout=idle_s)
        except TimeoutError:
            session.outlet.close("idle")
            return
        if message.type is not WSMsgType.TEXT:
            return
        pong = PONGS.get(message.data)
        if pong is None:
            session.receive(message.data)
        else:
            session.outlet.send(pong)


async def _write(socket: web.WebSocketResponse, outlet: Outlet) -> None:
    while True:
        frame = await outlet.next_frame()
        try:
            await socket.send_str(frame)
        except ConnectionResetError:
            outlet.close("connection lost")
            return


async def _close_when_told(
    request: web.Request, socket: web.WebSocketResponse, outlet: Outlet
) -> None:
    await outlet.wait_closed()
    if outlet.is_cut:
        _abort(request)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
            await socket.close(code=1008, message=outlet.reason.encode())
    # A client that does not read keeps the close frame from leaving; then the line is cut.
    if outlet.reason == "slow consumer":
        _abort(request)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
