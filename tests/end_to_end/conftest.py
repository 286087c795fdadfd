"""Two plays of a still tape on one home, and two broken ones on another, shared by the tests."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.a_run import TIMEOUT, Ended, Orders, Run
from tests.end_to_end.records import Records, Trade
from tests.end_to_end.still_tape import SLUGS, SPEED, STANDARD, TAKER, write_still_tape

GONE_S = 20.0
RESTARTED_S = 60.0
AS_EOA = {"WHALECOPY_SIGNATURE_TYPE": "0"}


@dataclass(frozen=True, slots=True)
class Again:
    """The second play on one home, and what stood there of the first one when it began.

    `found` are the workflow ids that the searches for a whale, a market and a state found.
    """

    ended: Ended
    trades: Sequence[Trade]
    found: tuple[set[str], set[str], set[str]]
    ui_status: int
    orders: Orders
    trades_after: set[str]
    orders_after: Orders


@dataclass(frozen=True, slots=True)
class Broken:
    """A play whose `whalecopy up` was killed, and one after it whose worker was."""

    gone_after_s: float
    orders: Orders  # of the play whose supervisor was killed
    ended: Ended
    orders_after: Orders
    worker: int
    worker_after: int


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder with a short name, whose homes can hold sockets."""
    made = Path(tempfile.mkdtemp(prefix="wc-e2e-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def still_words(folder: Path) -> Sequence[str]:
    """Words that play the still tape."""
    tape = write_still_tape(folder / "still.tape")
    return ("--tape", str(tape), "--speed", str(SPEED))


@pytest.fixture(scope="session")
async def first_play(folder: Path, still_words: Sequence[str]) -> Ended:
    """The first play on a fresh home, with a wallet of type 3."""
    run = Run(folder / "three", *still_words)
    try:
        return await run.ended()
    finally:
        run.stop()


@pytest.fixture(scope="session")
async def second_play(folder: Path, still_words: Sequence[str], first_play: Ended) -> Again:
    """The same tape once more on the same home."""
    run = Run(folder / "three", *still_words)
    try:
        await run.until_playing()
        records = await Records.of(run.temporal_address)
        orders = await run.orders()
        trades = [t for t in await records.trades() if t.started_at < run.started_at]
        found = (
            await records.find(f"Whale='{TAKER}'"),
            await records.find(f"MarketSlug='{SLUGS[STANDARD]}'"),
            await records.find("TradeState='FILTERED'"),
        )
        ui_status = await _status_of(run.address("Temporal UI"))

        async def look() -> tuple[set[str], Orders]:
            return await records.find(), await run.orders()

        trades_after, orders_after = await run.last(look)
        ended = await run.ended()
        return Again(ended, trades, found, ui_status, orders, trades_after, orders_after)
    finally:
        run.stop()


async def _status_of(url: str) -> int:
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
        return answer.status


@pytest.fixture(scope="session")
async def broken_plays(folder: Path, still_words: Sequence[str]) -> Broken:
    """A wallet of type 0: `up` is killed at its first order, the next worker and signer later."""
    home = folder / "zero"
    gone_after_s, orders = await _killed(Run(home, *still_words, env=AS_EOA))
    run = Run(home, *still_words, env=AS_EOA)
    try:
        await run.until_playing()
        await run.until_ordered(len(orders))
        (worker,) = run.pids("worker.py")
        for signer in run.pids("signer"):  # closed to all but root
            os.kill(signer, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        (worker_after,) = await run.until(
            lambda: [pid for pid in run.pids("worker.py") if pid != worker],
            RESTARTED_S,
            "another worker",
        )
        orders_after = await run.last(run.orders)
        ended = await run.ended()
        return Broken(gone_after_s, orders, ended, orders_after, worker, worker_after)
    finally:
        run.stop()


async def _killed(run: Run) -> tuple[float, Orders]:
    """Kill `whalecopy up` at its first order; return how long its processes stayed."""
    try:
        await run.until_playing()
        orders = await run.until_ordered()
        run.kill()
        killed_at = time.monotonic()
        await run.until(lambda: not run.pids(), GONE_S, "no process left")
        return time.monotonic() - killed_at, orders
    finally:
        run.stop()
