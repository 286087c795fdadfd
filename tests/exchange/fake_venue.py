"""Stand-ins for the venue: canned HTTP answers, and a socket whose other end a test holds."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from tests.exchange.samples import clock

LIMIT_S = 5


@dataclass
class Asked:
    """One request that the stand-in received."""

    method: str
    path: str
    query: dict[str, str]
    body: str
    headers: dict[str, str]


@dataclass
class FakeHttp:
    """Answers by path; an answer is JSON, text, or a function of the request."""

    answers: dict[str, object] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        asked = Asked(
            request.method, request.path, dict(request.query), body, dict(request.headers)
        )
        self.asked.append(asked)
        if request.path not in self.answers:
            return web.json_response({"error": "not found"}, status=404)
        answer = self.answers[request.path]
        if answer is HANG:
            await asyncio.sleep(60)
        if answer is RESET:
            assert request.transport is not None
            request.transport.abort()
        if callable(answer):
            answer = answer(asked)
        text = answer if isinstance(answer, str) else json.dumps(answer, default=str)
        return web.Response(
            text=text,
            status=self.statuses.get(request.path, 200),
            headers=self.headers.get(request.path, {}),
        )


HANG = object()
RESET = object()
Answer = Callable[[Asked], object]


@asynccontextmanager
async def serving(fake: FakeHttp) -> AsyncIterator[VenueAccess]:
    """Serve every HTTP service of the venue from one stand-in."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fake.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    endpoints = VenueEndpoints(clob=url, gamma=url, data=url, rpc_http=(url + "/rpc",))
    async with aiohttp.ClientSession() as session:
        try:
            yield VenueAccess(endpoints, session, clock)
        finally:
            await runner.cleanup()


class FakeSocket:
    """The venue's end of sockets: tests await connections, read what was said, and answer."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Connection] = asyncio.Queue()
        self.url = ""

    async def serve(self, socket: ServerConnection) -> None:
        connection = Connection(socket)
        await self.connections.put(connection)
        async for frame in socket:
            await connection.heard.put(str(frame))

    async def next(self) -> "Connection":
        return await asyncio.wait_for(self.connections.get(), LIMIT_S)


class Connection:
    """One client's connection as the venue sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def next_text(self) -> str:
        return await asyncio.wait_for(self.heard.get(), LIMIT_S)

    async def next_frame(self) -> dict[str, object]:
        """Return the next JSON frame, answering pings on the way."""
        while True:
            text = await self.next_text()
            if text.startswith("{"):
                frame: dict[str, object] = json.loads(text)
                return frame
            await self._socket.send(text.replace("I", "O").replace("i", "o"))

    async def say(self, frame: object) -> None:
        text = frame if isinstance(frame, (str, bytes)) else json.dumps(frame, default=str)
        await self._socket.send(text)

    async def drop(self) -> None:
        await self._socket.close()


@asynccontextmanager
async def listening() -> AsyncIterator[FakeSocket]:
    """Listen on a free port."""
    fake = FakeSocket()
    async with serve(fake.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        fake.url = f"ws://127.0.0.1:{port}"
        yield fake
