"""Firehose of the venue's activity -> stored fill -> committed signal, on one core.

    python bench/firehose.py [--minutes 2] [--events 2000] [--whale-fills 100] [--json]

Another process serves the real-time socket: so many events a second, of which some are fills of
followed whales, four to an order. The listener's own parts run here as in production: the feed
with its two sockets, the follower, the recorder, PostgreSQL. A fill is received when its frame is
read; it is recorded when its transaction is committed. A window is due 250 ms after its last fill
(1 s after its first); its signal is committed when that transaction is.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import resource
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp
import structlog
import uvloop
from prometheus_client import CollectorRegistry
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench._stand import machine, marks
from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.processes import Supervisor, SupervisorSettings
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.rtds import RtdsFeed, RtdsTalk
from ingest.follow import Follower
from ingest.health import FeedHealth
from ingest.record import Recorder
from ingest.wanted import Wanted
from storage.migrate import migrate
from storage.postgres import PostgresStore
from trading.rules import AggregationRules, RiskRules
from trading.types import Wallet, WhaleFill, WhaleSignal

WHALES = tuple(Wallet("0x" + f"{n:02x}" * 20) for n in range(1, 101))
FILLS_PER_ORDER = 4
TICKS_PER_S = 50
SAMPLE_EVERY_S = 5.0
RULES = AggregationRules()
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Flow:
    """What the server tells: how many events a second, and of whom."""

    events: int
    whale_fills: int
    sent: int = 0
    sockets: set[ServerConnection] = field(default_factory=set)

    async def serve(self, socket: ServerConnection) -> None:
        """Add a socket to those that hear everything."""
        self.sockets.add(socket)
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass
        self.sockets.discard(socket)

    async def run(self) -> None:
        """Tell everything at its time, in ticks of 20 ms, until cancelled."""
        began, number = time.monotonic(), 0
        while True:
            tick = int((time.monotonic() - began) * TICKS_PER_S)
            while number < tick:
                number += 1
                for frame in self._frames(number):
                    self._tell(frame)
            await asyncio.sleep(0.002)

    def _tell(self, frame: str) -> None:
        for socket in tuple(self.sockets):
            if len(self.sockets) and socket.state == 1:
                socket.transport.write(_text_frame(frame))

    def _frames(self, tick: int) -> list[str]:
        whales = self.whale_fills // TICKS_PER_S
        return [
            self._frame(tick, n, is_whale=n < whales) for n in range(self.events // TICKS_PER_S)
        ]

    def _frame(self, tick: int, n: int, *, is_whale: bool) -> str:
        self.sent += 1
        fill = (tick * (self.whale_fills // TICKS_PER_S) + n) if is_whale else self.sent
        order = fill // FILLS_PER_ORDER
        wallet = WHALES[order % len(WHALES)] if is_whale else f"0x{self.sent:040x}"
        payload = {
            "asset": str(10**76 + (order % 97 if is_whale else n)),
            "bio": "",
            "conditionId": "0x" + "ab" * 32,
            "eventSlug": "will-it-rain-in-london-tomorrow",
            "icon": "https://example.org/an-icon-of-the-event-that-is-a-little-long.png",
            "name": "Somebody",
            "outcome": "Yes",
            "outcomeIndex": 0,
            "price": 0.53,
            "profileImage": "",
            "proxyWallet": wallet,
            "pseudonym": "Long-Pseudonym-Of-Somebody",
            "side": "BUY",
            "size": 120.5 + (fill % FILLS_PER_ORDER),
            "slug": "will-it-rain-in-london-tomorrow-by-noon",
            "timestamp": int(time.time()),
            "title": "Will it rain in London tomorrow by noon?",
            "transactionHash": f"0x{order if is_whale else self.sent:064x}",
        }
        message = {
            "connection_id": "abcdef",
            "timestamp": int(time.time() * 1000),
            "topic": "activity",
            "type": "orders_matched",
            "payload": payload,
        }
        return json.dumps(message, separators=(",", ":"))


def _text_frame(text: str) -> bytes:
    data = text.encode()
    return b"\x81\x7e" + len(data).to_bytes(2, "big") + data


async def run_server(flow: Flow) -> None:
    """Serve the socket on a free port, which is told on standard output."""
    async with serve(flow.serve, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await flow.run()


class TimedStore:
    """The store, with the time from reading a frame to its fill, and from due to its signal."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.fills_ms = array("d")  # eight bytes each: the memory that is measured is not its own
        self.signals_ms = array("d")

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def record_fill(self, fill: WhaleFill, ordinal: int = 0) -> bool:
        """Store a fill and note how long ago its frame was read."""
        is_new = await self._store.record_fill(fill, ordinal)
        self.fills_ms.append((_now() - fill.seen_at) / timedelta(milliseconds=1))
        return is_new

    async def record_signal(
        self, signal: WhaleSignal, now: datetime, fills: Sequence[WhaleFill] = ()
    ) -> bool:
        """Commit a signal and note how long ago its window was due."""
        is_new = await self._store.record_signal(signal, now, fills)
        first, last = min(f.seen_at for f in fills), max(f.seen_at for f in fills)
        due_at = min(last + RULES.quiet, first + RULES.longest)
        self.signals_ms.append((_now() - due_at) / timedelta(milliseconds=1))
        return is_new


def _now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def database(home: Path) -> AsyncIterator[PostgresStore]:
    """A PostgreSQL of this run alone, with the schema."""
    (home / "logs").mkdir()
    supervisor = Supervisor(SupervisorSettings(home / "logs"), lambda _: None)
    await supervisor.open()
    try:
        server = await prepare_postgres(PostgresSettings(home))
        await supervisor.start(server.service)
        await server.create_database("firehose")
        await migrate(server.url("firehose"))
        store = PostgresStore(server.url("firehose"), RiskRules(), WHALES[0])
        try:
            yield store
        finally:
            await store.close()
    finally:
        await supervisor.stop()


@contextlib.asynccontextmanager
async def firehose(options: argparse.Namespace) -> AsyncIterator[str]:
    """The server in a process of its own."""
    flags = ["--serve", "--events", str(options.events), "--whale-fills", str(options.whale_fills)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, *flags, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None, "expected the server's output"
    try:
        yield f"ws://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


async def measure(options: argparse.Namespace) -> dict[str, object]:
    """Listen for so long and return the figures."""
    with tempfile.TemporaryDirectory(prefix="wc-") as home:
        async with (
            database(Path(home)) as store,
            firehose(options) as url,
            aiohttp.ClientSession() as session,
        ):
            access = VenueAccess(replace(VenueEndpoints(), rtds=url), session, _now)
            return await _listen(access, TimedStore(store), options.minutes * 60)


async def _listen(access: VenueAccess, store: TimedStore, seconds: float) -> dict[str, object]:
    health = FeedHealth(CollectorRegistry(), _now)
    recorder = Recorder(store, store, health, _now)  # type: ignore[arg-type]  # it passes on
    follower = Follower([RtdsFeed(access)], recorder, health, RULES, _now)
    frames = count_frames()
    task = asyncio.create_task(follower.run(Wanted(frozenset(WHALES))))
    await asyncio.sleep(min(5.0, seconds / 4))  # warm-up
    del store.fills_ms[:], store.signals_ms[:]
    frames.clear()
    began, cpu, memory = time.monotonic(), time.process_time(), [_resident_mb()]
    while (left := seconds - (time.monotonic() - began)) > 0:
        await asyncio.sleep(min(SAMPLE_EVERY_S, left))
        assert not task.done(), task
        memory.append(_resident_mb())
    lasted, used = time.monotonic() - began, time.process_time() - cpu
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {
        "machine": machine(),
        "seconds": round(lasted, 1),
        "frames_per_s": round(frames["heard"] / lasted),
        "whale_fills_per_s": round(len(store.fills_ms) / lasted, 1),
        "received_to_recorded_ms": marks(store.fills_ms),
        "due_to_signal_ms": marks(store.signals_ms),
        "cores_used": round(used / lasted, 3),
        "resident_mb": {
            "begin": memory[0],
            "middle": memory[len(memory) // 2],
            "end": memory[-1],
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
    }


def count_frames() -> Counter[str]:
    """Count what both sockets hear from now on."""
    frames, hear = Counter[str](), RtdsTalk.hear

    async def counted(talk: RtdsTalk, text: str) -> bool:
        frames["heard"] += 1
        return await hear(talk, text)

    RtdsTalk.hear = counted  # type: ignore[method-assign, assignment]
    return frames


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * PAGE_BYTES / 2**20, 1)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--events", type=int, default=2_000, help="a second, on each socket")
    parser.add_argument("--whale-fills", type=int, default=100, help="of them")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(run_server(Flow(options.events, options.whale_fills)))
        return 0
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    found = uvloop.run(measure(options))
    lines = [json.dumps(found)] if options.json else [f"{k}: {v}" for k, v in found.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
