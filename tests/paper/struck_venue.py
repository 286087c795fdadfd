"""A served venue whose plan of faults is posted over HTTP, and one client that trades there."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from paper.model import VenueSettings
from tests.paper.client_desk import KEY
from tests.paper.open_venue import Running, open_venue
from tests.paper.posted_orders import Asked, Client, address_of, body_v2, login_headers, to_bytes
from tests.paper.still_venue import TOKEN

DEADLINE_S = 10.0
QUICK = VenueSettings(
    mined_after_s=Decimal("0.1"),
    confirmed_after_s=Decimal("0.2"),
    filler_fills_per_s=Decimal(0),
)


@dataclass
class Struck:
    """Talks to one venue with one API key."""

    running: Running
    http: aiohttp.ClientSession
    client: Client

    async def plan(self, *rules: dict[str, object]) -> None:
        """Put a plan in force."""
        body = {"seed": 7, "rules": list(rules)}
        async with self.http.post(f"{self.running.clob}/_paper/faults", json=body) as response:
            assert response.status == 200, await response.text()

    async def struck(self) -> list[int]:
        """Return how often each rule has struck."""
        return [rule["struck"] for rule in (await self.get("/_paper/faults"))["rules"]]

    async def get(self, path: str) -> Any:
        headers = self.client.headers("GET", path.split("?", 1)[0])
        async with self.http.get(f"{self.running.clob}{path}", headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def order(self, asked: Asked | None = None) -> tuple[int, Any]:
        """Post an order; the default buys 10 shares at up to 0.50 and gets them at 0.45."""
        body, _ = body_v2(KEY, self.client.key, asked or Asked(TOKEN, timestamp=_now_ms()))
        data = to_bytes(body)
        headers = self.client.headers("POST", "/order", data)
        url = f"{self.running.clob}/order"
        async with self.http.post(url, data=data, headers=headers) as response:
            return response.status, await response.json()

    async def trades(self) -> list[Any]:
        rows = (await self.get("/data/trades"))["data"]
        assert isinstance(rows, list)
        return rows

    async def until(self, is_so: Callable[[list[Any]], bool]) -> list[Any]:
        """Poll the account's trades until they are as wanted."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                rows = await self.trades()
                if is_so(rows):
                    return rows
                await asyncio.sleep(0.01)

    async def until_status(self, *statuses: str) -> list[Any]:
        """Poll the account's trades until each of them has one of the statuses."""

        def have(rows: list[Any]) -> bool:
            return bool(rows) and all(row["status"] in statuses for row in rows)

        return await self.until(have)

    async def wallet(self) -> tuple[Decimal, dict[str, str]]:
        """Return the client's cash and tokens as the audit tells them."""
        for row in await self.get("/_paper/wallets"):
            if row["address"] == self.client.address:
                return Decimal(row["cash"]), row["tokens"]
        raise AssertionError(f"no account is named {self.client.address}")

    async def follow(self) -> aiohttp.ClientWebSocketResponse:
        """Open the user socket."""
        socket = await self.http.ws_connect(self.running.urls["ws_user"])
        auth = {
            "apiKey": self.client.key,
            "secret": self.client.secret,
            "passphrase": self.client.passphrase,
        }
        await socket.send_json({"type": "user", "auth": auth})
        await socket.send_str("PING")
        assert await socket.receive_str(timeout=DEADLINE_S) == "PONG"
        return socket

    async def rpc(self, method: str, *params: object) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        async with self.http.post(self.running.urls["rpc_http"], json=request) as response:
            return (await response.json())["result"]

    async def logs(self) -> list[Any]:
        """Return every log on the chain."""
        rows = await self.rpc("eth_getLogs", {"fromBlock": hex(80_000_000), "toBlock": "latest"})
        assert isinstance(rows, list)
        return rows


async def told(
    socket: aiohttp.ClientWebSocketResponse, is_last: Callable[[Any], bool]
) -> list[Any]:
    """Return the frames of a socket up to one that is wanted."""
    frames: list[Any] = []
    async with asyncio.timeout(DEADLINE_S):
        while not frames or not is_last(frames[-1]):
            frames.append(json.loads(await socket.receive_str()))
    return frames


@asynccontextmanager
async def struck_venue(home: Path, settings: VenueSettings = QUICK) -> AsyncIterator[Struck]:
    """Serve a venue and log a client in."""
    async with open_venue(home, settings) as running, aiohttp.ClientSession() as http:
        url = f"{running.clob}/auth/derive-api-key"
        async with http.get(url, headers=login_headers(KEY)) as response:
            row = await response.json()
        key = Client(address_of(KEY), row["apiKey"], row["secret"], row["passphrase"])
        yield Struck(running, http, key)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
