"""A client that trades at a venue which mirrors another one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs, OrderType

from tests.paper.open_venue import Running, open_mirror, open_venue
from tests.paper.posted_orders import address_of, key_number

KEY = key_number(31)
OWNER = address_of(KEY)
Result = TypeVar("Result")


@dataclass(frozen=True)
class MirrorDesk:
    """Both venues; `here` mirrors `there`."""

    here: Running
    there: Running
    http: aiohttp.ClientSession

    async def fault(self, **rule: object) -> None:
        """Break the mirrored venue; without a rule, mend it."""
        body = {"seed": 7, "rules": [rule] if rule else []}
        async with self.http.post(f"{self.there.clob}/_paper/faults", json=body) as response:
            assert response.status == 200, await response.text()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"{self.here.clob}{path}") as response:
            return response.status, await response.json()

    async def buy(self, token_id: str, price: float, kind: OrderType = OrderType.FAK) -> Any:
        """Order ten shares with the unmodified client; return the venue's answer."""

        def work() -> Any:
            client = ClobClient(self.here.clob, 137, key=KEY, signature_type=0)
            client.set_api_creds(client.create_or_derive_api_key())
            args = OrderArgs(token_id=token_id, price=price, size=10, side="BUY")
            return client.post_order(client.create_order(args), kind)

        return await drive(work)


async def drive(work: Callable[[], Result]) -> Result:
    """Run a synchronous client in a thread, while the venues run here."""
    return await asyncio.to_thread(work)


@asynccontextmanager
async def open_mirror_desk(home: Path) -> AsyncIterator[MirrorDesk]:
    """Serve both venues while the context lasts."""
    async with (
        open_venue(home / "there") as there,
        open_mirror(home / "here", there) as here,
        aiohttp.ClientSession() as http,
    ):
        yield MirrorDesk(here, there, http)
