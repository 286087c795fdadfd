"""Paper mode against a second venue that plays the part of the real one."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.a_run import POLL_S, READY_S, ROOT, TIMEOUT, Run, environment_of

RPC = ("rpc_http", "rpc_ws")
SPEED = "5"
FILLS = 3
FILLED_WITHIN_S = 240.0
BEFORE_S, AFTER_S = 1.5, 0.5  # of a fill: when its book was looked at
STALE_S = 2.0
FROZEN_S = 15.0
FAULTS = ("hang", "error")  # frozen and cut


@dataclass
class Real:
    """The venue that stands for the real one, and what its books offered when."""

    urls: Mapping[str, str]
    http: aiohttp.ClientSession
    offered: list[tuple[float, str, set[tuple[str, Decimal]]]] = field(default_factory=list)

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the settings that name it."""
        plain = ("clob", "gamma", "data", "ws_market", "ws_user", "rtds")
        named = {f"WHALECOPY_{name.upper()}_URL": self.urls[name] for name in plain}
        rpc = {f"WHALECOPY_{name.upper()}_URLS": json.dumps([self.urls[name]]) for name in RPC}
        return {**named, **rpc}

    async def ask(self, path: str, body: object = None) -> Any:
        verb = "GET" if body is None else "POST"
        async with self.http.request(verb, f"{self.urls['clob']}{path}", json=body) as answer:
            return await answer.json()

    async def fault(self, *faults: str) -> None:
        """Break the reading of books; without a fault, mend it."""
        rules = [{"at": "read_book", "fault": fault, "delay_s": "30"} for fault in faults]
        await self.ask("/_paper/faults", {"rules": rules})

    async def watch_books(self) -> None:
        """Note what is offered, many times a second, until cancelled."""
        while True:
            markets = (await self.ask("/sampling-simplified-markets"))["data"]
            tokens = [token["token_id"] for market in markets for token in market["tokens"]]
            for book in await self.ask("/books", [{"token_id": token} for token in tokens]):
                levels = {("BUY", Decimal(level["price"])) for level in book["asks"]}
                levels |= {("SELL", Decimal(level["price"])) for level in book["bids"]}
                self.offered.append((time.time(), book["asset_id"], levels))
            await asyncio.sleep(0.1)

    def was_offered(self, fill: Mapping[str, str]) -> bool:
        """Tell whether a fill's price was in the book of its instant."""
        at, wanted = int(fill["at"]) / 1000, (fill["side"], Decimal(fill["price"]))
        books = [
            levels
            for seen_at, token, levels in self.offered
            if token == fill["token_id"] and at - BEFORE_S <= seen_at <= at + AFTER_S
        ]
        return any(wanted in levels for levels in books)


@asynccontextmanager
async def a_real_venue(home: Path) -> AsyncIterator[Real]:
    """Run a venue that holds the shipped tape until it is told to start."""
    words = ("-m", "paper", "--home", str(home), "--hold", "--speed", SPEED, "--port", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=None
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_S):
            urls = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            yield Real(urls, http)
    finally:
        process.terminate()
        await process.wait()


async def our_fills(run: Run, http: aiohttp.ClientSession) -> Sequence[Mapping[str, str]]:
    async with http.get(f"{run.venue_url}/_paper/fills") as answer:
        found: Sequence[Mapping[str, str]] = await answer.json()
    return found


async def until_filled(run: Run, real: Real, count: int) -> Sequence[Mapping[str, str]]:
    give_up_at = time.monotonic() + FILLED_WITHIN_S
    while len(fills := await our_fills(run, real.http)) < count:
        is_late = run.is_over or time.monotonic() > give_up_at
        assert not is_late, f"expected {count} fills, received {len(fills)}\n{run.explain()}"
        await asyncio.sleep(POLL_S)
    return fills


def since(orders: Iterable[Mapping[str, str]], at: float) -> list[Mapping[str, str]]:
    return [order for order in orders if int(order["received_at"]) > at * 1000]


@pytest.mark.acceptance
async def test_trades_are_filled_at_what_the_real_books_offer_and_stop_when_they_are_stale(
    tmp_path: Path,
) -> None:
    async with a_real_venue(tmp_path / "real") as real:
        settings = {**real.settings, "WHALECOPY_PROFILE": "replay"}
        run = Run(tmp_path / "home", "--mode", "paper", "--speed", SPEED, env=settings)
        try:
            await run.until_playing()
            assert run.venue_url != real.urls["clob"]
            assert "proposed by the leaderboard" in run.told()
            watching = asyncio.create_task(real.watch_books())
            await real.ask("/_paper/start", {})
            fills = await until_filled(run, real, FILLS)
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            assert [fill for fill in fills if not real.was_offered(fill)] == []
            for fault in FAULTS:
                await real.fault(fault)
                stale_at = time.time() + STALE_S
                await asyncio.sleep(FROZEN_S)
                assert since(await run.orders(), stale_at) == [], fault
                await real.fault()
            await until_filled(run, real, len(await our_fills(run, real.http)) + 1)
            answer = await asyncio.create_subprocess_exec(
                *(sys.executable, str(ROOT / "cli.py"), "reconcile", "--json"),
                env={**run_environment(run), "WHALECOPY_HOME": str(run.home)},
                stdout=asyncio.subprocess.PIPE,
            )
            told, _ = await answer.communicate()
            assert answer.returncode == 0, told.decode()
        finally:
            run.stop()


def run_environment(run: Run) -> Mapping[str, str]:
    """Return the settings under which the run's worker works."""
    (worker,) = run.pids("worker.py")
    return environment_of(worker)
