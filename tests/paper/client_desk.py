"""A client desk at the local venue: an application on a free port and keys to sign with."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from paper.model import VenueSettings
from paper.server import build_app
from tests.paper.posted_orders import (
    Asked,
    Client,
    address_of,
    body_v1,
    body_v2,
    key_number,
    login_headers,
    to_bytes,
)
from tests.paper.still_venue import KeyBox, StillVenue

KEY, SECOND_KEY = key_number(11), key_number(12)
OWNER = address_of(KEY)


@dataclass
class Desk:
    """Talks to one application over HTTP, with the venue's clock in every header."""

    http: TestClient[Request, Application]
    venue: StillVenue
    store: KeyBox = field(default_factory=KeyBox)

    async def log_in(self, private_key: str = KEY, *, nonce: int = 0) -> Client:
        headers = login_headers(private_key, nonce=nonce, at=self.venue.at // 1000)
        response = await self.http.get("/auth/derive-api-key", headers=headers)
        row = await response.json()
        assert response.status == 200, row
        return Client(address_of(private_key), row["apiKey"], row["secret"], row["passphrase"])

    async def get(self, path: str, client: Client | None = None) -> tuple[int, Any]:
        return await self.ask("GET", path, client)

    async def ask(
        self, method: str, path: str, client: Client | None = None, body: object = None
    ) -> tuple[int, Any]:
        """Send a request, signed when a client is given; return status and JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else to_bytes(body)
        signed_path, at = path.split("?", 1)[0], self.venue.at // 1000
        headers = client.headers(method, signed_path, data, at=at) if client else {}
        return await self.send(method, path, data, headers)

    async def send(
        self, method: str, path: str, data: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        stream = io.BytesIO(data)  # aiohttp warns of large bytes
        response = await self.http.request(method, path, data=stream, headers=headers)
        return response.status, await response.json()

    async def post(self, client: Client, asked: Asked, private_key: str = KEY) -> tuple[int, Any]:
        return await self.ask("POST", "/order", client, body_v2(private_key, client.key, asked)[0])

    async def post_v1(self, client: Client, asked: Asked) -> tuple[int, Any]:
        return await self.ask("POST", "/order", client, body_v1(KEY, client.key, asked)[0])


@asynccontextmanager
async def open_desk(
    settings: VenueSettings | None = None,
    venue: StillVenue | None = None,
    store: KeyBox | None = None,
) -> AsyncIterator[Desk]:
    """Serve a still venue while the context lasts."""
    venue, store = venue or StillVenue(), store or KeyBox()
    app = build_app(venue, settings or VenueSettings(), store)
    async with TestClient(TestServer(app)) as http:
        yield Desk(http, venue, store)
