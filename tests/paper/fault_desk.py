"""A venue with a matching engine behind HTTP, a clock that tests turn, and one client."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from paper.model import VenueSettings
from paper.server import build_app
from paper.venue import Venue
from tests.paper.engine_room import NO, QUIET, YES, Clock, Room, is_balanced, levels, open_room
from tests.paper.posted_orders import (
    Asked,
    Client,
    address_of,
    body_v2,
    key_number,
    login_headers,
    to_bytes,
)

KEY = key_number(31)
OWNER = address_of(KEY)
BUY, SELL = "BUY", "SELL"


def asked(
    price: str = "0.45",
    size: int = 10,
    *,
    side: str = BUY,
    order_type: str = "FAK",
    token_id: str = YES,
    post_only: bool = False,
) -> Asked:
    """Return an order to sign, its size in whole shares and its price in cents."""
    dollars = int(price.removeprefix("0.")) * 10_000 * size
    making, taking = dollars, size * 1_000_000
    if side == SELL:
        making, taking = taking, making
    return Asked(token_id, side, making, taking, order_type=order_type, post_only=post_only)


@dataclass
class FaultDesk:
    """Talks to a venue over HTTP as a client does, and to its audit."""

    http: TestClient[Request, Application]
    room: Room
    client: Client

    async def plan(self, *rules: dict[str, object], seed: int = 1) -> dict[str, Any]:
        """Put rules in force; return the answer."""
        status, answer = await self.ask("POST", "/_paper/faults", {"seed": seed, "rules": rules})
        assert status == 200, answer
        return dict(answer)

    async def struck(self) -> list[int]:
        """Return how often each rule has struck."""
        _, told = await self.get("/_paper/faults")
        return [rule["struck"] for rule in told["rules"]]

    def signed(self, wish: Asked) -> tuple[dict[str, Any], str]:
        """Return the body of a POST and the id of its order."""
        return body_v2(KEY, self.client.key, wish)

    async def post(self, wish: Asked) -> tuple[int, Any]:
        return await self.ask("POST", "/order", self.signed(wish)[0])

    async def cancel(self, order_id: str) -> tuple[int, Any]:
        return await self.ask("DELETE", "/order", {"orderID": order_id})

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a request, signed; return status and JSON."""
        status, text, _ = await self.raw(method, path, body)
        return status, json.loads(text)

    async def raw(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Send a request, signed; return status, bytes and headers."""
        data = b"" if body is None else to_bytes(body)
        at = self.room.clock.at // 1000
        headers = self.client.headers(method, path.split("?", 1)[0], data, at=at)
        async with self.http.request(
            method, path, data=io.BytesIO(data), headers=headers
        ) as response:
            return response.status, await response.read(), dict(response.headers)

    async def lose(self, method: str, path: str, body: object = None) -> None:
        """Send a request that is never answered."""
        with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
            await self.raw(method, path, body)

    async def orders(self) -> list[dict[str, Any]]:
        """Return the audit of orders, which never shows one twice."""
        _, rows = await self.get("/_paper/orders")
        ids = [row["order_id"] for row in rows]
        assert len(ids) == len(set(ids))
        assert is_balanced(self.room.venue)
        return list(rows)

    async def order(self) -> dict[str, Any]:
        """Return the one order of the audit."""
        (row,) = await self.orders()
        return row

    async def fills(self) -> list[dict[str, Any]]:
        _, rows = await self.get("/_paper/fills")
        return list(rows)


def open_books(room: Room, bid: str = "100", ask: str = "100") -> None:
    """Record a book of one level at 0.43 and one at 0.45."""
    room.book(bids=levels(("0.43", bid)), asks=levels(("0.45", ask)))


@asynccontextmanager
async def open_fault_desk(
    home: Path, settings: VenueSettings | None = None
) -> AsyncIterator[FaultDesk]:
    """Serve a venue with one market while the context lasts; the client owns YES and NO tokens."""
    room = open_room(home)
    app = build_app(room.venue, settings or VenueSettings(), room.venue.store)
    try:
        async with TestClient(TestServer(app)) as http:
            headers = login_headers(KEY, at=room.clock.at // 1000)
            async with http.get("/auth/derive-api-key", headers=headers) as response:
                row = await response.json()
            for token_id in (YES, NO):
                room.own(OWNER, token_id, "1000")
            open_books(room)
            yield FaultDesk(
                http, room, Client(OWNER, row["apiKey"], row["secret"], row["passphrase"])
            )
    finally:
        room.venue.close()


def reopened(room: Room, home: Path) -> Room:
    """Close a venue and open it again from its file, with the same clock and book."""
    room.venue.close()
    clock = Clock(room.clock.at)
    again = Room(Venue(None, QUIET, home=home, clock=clock), clock)
    open_books(again)
    return again
