"""One stack for all runs: the venue, and lanes with a wallet, a database and a namespace each."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from sqlalchemy import text
from temporalio.client import Client

from embedded.ports import free_port
from embedded.services import Service, Stage
from storage.port import WhaleRecord
from storage.postgres import PostgresStore
from tests.chaos.crash_nursery import ROOT, Child, Nursery
from tests.chaos.crash_traps import Orders
from trading.decide import WhaleStanding
from trading.types import (
    Price,
    Shares,
    Side,
    SignalId,
    Source,
    TokenId,
    Usd,
    Wallet,
    WhaleSignal,
)

Row = Mapping[str, Any]
Rows = Sequence[Row]
TIMEOUT = aiohttp.ClientTimeout(total=10)
READY_S = 60.0
POLL_S = 0.05
NOTIONAL_USD = 40
AHEAD = timedelta(seconds=5)
"""How far signals are dated ahead: a busy machine has ten seconds instead of five to send."""

WHALE_PRICE = Price(Decimal("0.52"))


@dataclass(slots=True)
class Venue:
    """The local venue of all lanes, as seen from outside."""

    url: str
    session: aiohttp.ClientSession
    _tokens: list[str] = field(default_factory=list)

    async def rows(self, path: str) -> Rows:
        """Return a list of the venue's own books."""
        async with self.session.get(f"{self.url}/_paper/{path}", timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            found: Rows = await answer.json()
        return found

    async def plan_faults(self, *rules: Mapping[str, object]) -> None:
        """Replace the plan of faults."""
        plan = {"seed": 1, "rules": list(rules)}
        async with self.session.post(f"{self.url}/_paper/faults", json=plan) as answer:
            assert answer.status == 200, await answer.text()

    async def list_tokens(self) -> None:
        """Learn every market's first token; each is handed out once."""
        cursor = ""
        while True:
            query = f"limit=100&after_cursor={cursor}" if cursor else "limit=100"
            url = f"{self.url}/gamma/markets/keyset?{query}"
            async with self.session.get(url, timeout=TIMEOUT) as answer:
                page = await answer.json()
            for row in page["markets"]:
                self._tokens.append((json.loads(row["clobTokenIds"]) or row["positionIds"])[0])
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return

    def take_token(self) -> TokenId:
        """Hand out a market that nobody has traded."""
        return TokenId(self._tokens.pop())


def venue_service(home: Path, tape: Path, port: int) -> Service:
    """Describe the venue's process."""
    words = ("-m", "paper", "--port", str(port), "--home", str(home), "--tape", str(tape))
    return Service(
        name="crash-venue",
        command=(sys.executable, *words),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ready=lambda: answers(f"http://127.0.0.1:{port}/ok"),
        stage=Stage.SERVER,
        ready_timeout_s=READY_S,
        cwd=ROOT,
    )


async def answers(url: str) -> bool:
    """Tell whether something serves this address."""
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def venue_environment(port: int) -> dict[str, str]:
    """Return the settings that send everything to the local venue."""
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    return {
        "WHALECOPY_CLOB_URL": http,
        "WHALECOPY_GAMMA_URL": f"{http}/gamma",
        "WHALECOPY_DATA_URL": f"{http}/data",
        "WHALECOPY_WS_MARKET_URL": f"{ws}/ws/market",
        "WHALECOPY_WS_USER_URL": f"{ws}/ws/user",
        "WHALECOPY_RTDS_URL": f"{ws}/rtds",
        "WHALECOPY_RPC_HTTP_URLS": json.dumps([f"{http}/rpc"]),
        "WHALECOPY_RPC_WS_URLS": json.dumps([f"{ws}/rpc"]),
    }


@dataclass(slots=True)
class Lane:
    """One wallet with its records and its namespace; it plays one run after the other."""

    name: str
    env: Mapping[str, str]
    home: Path
    wallet: Wallet
    store: PostgresStore
    temporal: Client
    venue: Venue
    nursery: Nursery

    async def hire(self, name: str, order_type: str, orders: Orders | None = None) -> Child:
        """Start a worker and wait until it is ready."""
        port = free_port()
        env = {
            **self.env,
            "WHALECOPY_ENTRY_ORDER_TYPE": order_type,
            "WHALECOPY_METRICS_PORT": str(port),
        }
        log = self.home / f"{name}.log"
        child = await self.nursery.fork("worker", env, log, orders=orders)
        await until_ready(child, port)
        return child

    async def tell(self, whale: Wallet, token_id: TokenId, side: Side) -> SignalId:
        """Commit a whale's order as a signal, as the listener does."""
        now = datetime.now(UTC) + AHEAD
        signal = WhaleSignal(
            signal_id=SignalId(uuid4().hex),
            wallet=whale,
            token_id=token_id,
            side=side,
            size=Shares(Decimal(5_000)),
            price=WHALE_PRICE,
            fill_count=1,
            traded_at=now,
            detected_at=now,
            source=Source.CHAIN,
            transaction_hash="0x" + uuid4().hex * 2,
        )
        await self.store.record_signal(signal, now)
        return signal.signal_id

    async def follow(self, whale: Wallet) -> None:
        """Know a whale that is worth copying."""
        standing = WhaleStanding(
            whale,
            is_followed=True,
            is_paused=False,
            quality_score=Decimal("0.9"),
            win_rate=Decimal("0.8"),
            closed_trades=100,
        )
        record = WhaleRecord(standing, "crash", Usd(Decimal(0)), 0, None, None, None, None, None)
        await self.store.save_whale(record, datetime.now(UTC))

    async def rows(self, query: str, **given: object) -> Rows:
        """Return what a query finds."""
        async with self.store.transaction() as connection:
            found = await connection.execute(text(query), given)
            return [dict(row) for row in found.mappings()]

    async def do(self, statement: str) -> None:
        """Change the records as a person with a database client does."""
        async with self.store.transaction() as connection:
            await connection.execute(text(statement))


async def until_ready(child: Child, port: int) -> None:
    """Wait until a process says that it is ready; fail with its words when it ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_S):
            while not child.is_over:
                if await answers(f"http://127.0.0.1:{port}/readyz"):
                    return
                await asyncio.sleep(POLL_S)
    raise AssertionError(f"expected a ready process\n{child.told()}")
