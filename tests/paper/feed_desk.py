"""Serves the feeds of a told venue on a free port, and reads what their sockets send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import TestClient, TestServer

from paper.data_api import DataSettings
from paper.feeds import add_feed_routes
from tests.paper.told_venue import KEY, OTHER_KEY, ToldVenue

DEADLINE_S = 5.0


@dataclass
class FeedDesk:
    http: TestClient[web.Request, web.Application]
    venue: ToldVenue

    @property
    def url(self) -> str:
        return str(self.http.make_url("")).rstrip("/")

    async def get(self, path: str) -> Any:
        response = await self.http.get(path)
        assert response.status == 200, await response.text()
        return await response.json()

    async def refused(self, path: str) -> tuple[int, Any]:
        response = await self.http.get(path)
        return response.status, await response.json()

    async def socket(self, path: str, frame: object | None = None) -> ClientWebSocketResponse:
        socket = await self.http.ws_connect(path)
        if frame is not None:
            await socket.send_str(json.dumps(frame))
        return socket

    async def settled(self, socket: ClientWebSocketResponse) -> None:
        """Return when the server has read everything sent so far; nothing may come before."""
        await socket.send_str("PING")
        assert await socket.receive_str(timeout=DEADLINE_S) == "PONG"


async def next_frame(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=DEADLINE_S))


async def frames_until_pong(socket: ClientWebSocketResponse) -> list[Any]:
    """Return everything that comes before the answer to a ping sent now."""
    await asyncio.sleep(0)
    await socket.send_str("PING")
    frames: list[Any] = []
    while (text := await socket.receive_str(timeout=DEADLINE_S)) != "PONG":
        frames.append(json.loads(text))
    return frames


async def closed(socket: ClientWebSocketResponse) -> str:
    """Wait for the close and return its reason."""
    message = await socket.receive(timeout=DEADLINE_S)
    assert message.type.name in {"CLOSE", "CLOSED"}, message
    return str(message.extra or "")


@asynccontextmanager
async def open_feeds(venue: ToldVenue | None = None) -> AsyncIterator[FeedDesk]:
    venue = venue or ToldVenue()
    app = web.Application()
    add_feed_routes(app, venue, api_keys=lambda: [KEY, OTHER_KEY], data=DataSettings())
    async with TestClient(TestServer(app)) as http:
        yield FeedDesk(http, venue)
