"""Signal committed -> order received by the venue, serial and in a burst, against bare calls.

    python bench/latency.py [--serial 40] [--burst 100] [--json]

The whole stack runs: PostgreSQL, Valkey, Temporal, one worker, the local venue with one deep book
that never moves.
The floor is the same reads, reservation, signature and POST as plain awaited calls, in the same
run and on the same stack, without Temporal. The latency is the venue's receipt less the commit.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from account import open_account
from activities.markets import MarketDesk
from activities.pricing import PricingActivities
from activities.records import Attempt
from activities.risk import RiskActivities, RiskPorts
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from launch import Running, UpOptions, running_stack, start_play
from narrate import Narrator
from paper.model import MICROS, Dialect
from paper.model import Level as TapeLevel
from paper.tape import Snapshot, TapeHeader, TapeMarket
from paper.tape_format import VERSION
from paper.tape_writer import write_tape
from settings import Settings, TradingMode
from storage.port import WhaleRecord
from storage.postgres import PostgresStore
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

WHALE = Wallet("0x" + "ab" * 20)
START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
LEVELS = 20
POOL_SIZE = 30
WAIT_S = 60.0
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What the bench works with: the store, one token and its best ask."""

    store: PostgresStore
    venue_url: str
    token_id: TokenId
    price: Price


def now() -> datetime:
    """Return the wall clock."""
    return datetime.now(UTC)


def percentile(numbers: list[float], rank: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(rank * len(ordered)))]


def marks(numbers: list[float]) -> dict[str, float]:
    """Return n and the percentiles in ms."""
    ranks = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {"n": len(numbers), **{k: round(percentile(numbers, r), 1) for k, r in ranks.items()}}


async def fetch(url: str) -> object:
    """GET some JSON."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.json()


def write_still_tape(path: Path) -> None:
    """Write a synthetic tape: one market, one deep book that never moves, three hours long."""
    market = TapeMarket(
        condition_id="0x" + "be" * 32,
        question="Will the bench finish?",
        slug="bench",
        event_slug="bench",
        outcomes=("Yes", "No"),
        dialect=Dialect.CLOB_V2,
        neg_risk=False,
        tick_size=10_000,
        min_size=5 * MICROS,
        fee_rate=Decimal("0.07"),
        fee_exponent=1,
        starts_at=START_MS,
        ends_at=START_MS + 3 * HOUR_MS,
        resolves_at=START_MS + 3 * HOUR_MS,
        payouts=(MICROS, 0),
    )
    header = TapeHeader(
        name="a still synthetic book",
        format_version=VERSION,
        attribution="synthetic",
        licence="none",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=START_MS + 3 * HOUR_MS,
    )
    cents = range(1, LEVELS + 1)
    bids = tuple(TapeLevel((50 - cent) * 10_000, 20_000 * MICROS) for cent in cents)
    asks = tuple(TapeLevel((50 + cent) * 10_000, 20_000 * MICROS) for cent in cents)
    book = Snapshot(START_MS, market.condition_id, bids, asks)
    write_tape(path, header, [market], [], [book])


async def prepare(running: Running, settings: Settings) -> Bench:
    """Start the still tape, follow the bench's whale, and find a token whose book is good."""
    await start_play(running)
    wallet = Wallet(json.loads((settings.home / "api-user.json").read_text())["funder"])
    store = PostgresStore(
        running.addresses.database_url, settings.rules.risk, wallet, pool_size=POOL_SIZE
    )
    standing = WhaleStanding(
        WHALE,
        is_followed=True,
        is_paused=False,
        quality_score=Decimal("0.9"),
        win_rate=Decimal("0.8"),
        closed_trades=100,
    )
    await store.save_whale(
        WhaleRecord(standing, "bench", Usd(Decimal(0)), 0, None, None, None, None, None), now()
    )
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        markets = await fetch(f"{running.venue_url}/gamma/markets/keyset?limit=10")
        assert isinstance(markets, dict)
        for row in markets["markets"]:
            tokens = json.loads(row["clobTokenIds"]) or row.get("positionIds", [])
            book = await fetch(f"{running.venue_url}/book?token_id={tokens[0]}")
            if isinstance(book, dict) and book.get("asks") and book.get("bids"):
                ask = Price(Decimal(book["asks"][-1]["price"]))
                return Bench(store, running.venue_url, TokenId(tokens[0]), ask)
        await asyncio.sleep(0.2)
    raise SystemExit("expected a market with a book, found none")


def signal(bench: Bench) -> WhaleSignal:
    """Return a fresh whale signal at the present ask."""
    at = now()
    return WhaleSignal(
        signal_id=SignalId(uuid4().hex),
        wallet=WHALE,
        token_id=bench.token_id,
        side=Side.BUY,
        size=Shares(Decimal(5000)),
        price=bench.price,
        fill_count=1,
        traded_at=at,
        detected_at=at,
        source=Source.CHAIN,
        transaction_hash="0x" + uuid4().hex * 2,
    )


async def received(bench: Bench) -> dict[str, int]:
    """Return, by order hash, when the venue received each order (Unix ms)."""
    rows = await fetch(f"{bench.venue_url}/_paper/orders")
    assert isinstance(rows, list)
    return {row["order_id"]: int(row["received_at"]) for row in rows}


async def wait_for(bench: Bench, signals: dict[str, datetime]) -> list[float]:
    """Return the latency of every signal whose order arrived, in ms."""
    hashes: dict[str, str] = {}
    waiting = set(signals)
    deadline = time.monotonic() + WAIT_S
    while waiting and time.monotonic() < deadline:
        await asyncio.sleep(SETTLE_S)
        for signal_id in sorted(waiting):
            stored = await bench.store.load_signal(SignalId(signal_id))
            orders = await bench.store.orders_of_signal(SignalId(signal_id))
            hashes |= {signal_id: orders[0]} if orders else {}
            if orders or (stored is not None and stored.state.is_terminal):
                waiting.discard(signal_id)
    arrived = await received(bench)
    return [
        arrived[order] - signals[signal_id].timestamp() * 1000
        for signal_id, order in hashes.items()
        if order in arrived
    ]


async def measure_serial(bench: Bench, count: int) -> list[float]:
    """Commit one signal at a time and wait for its order."""
    found: list[float] = []
    for _ in range(count):
        one = signal(bench)
        committed = now()
        await bench.store.record_signal(one, committed)
        hashes: tuple[str, ...] = ()
        deadline = time.monotonic() + WAIT_S
        while not hashes and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
            hashes = tuple(await bench.store.orders_of_signal(one.signal_id))
        await asyncio.sleep(0.3)
        arrived = await received(bench)
        found += [arrived[h] - committed.timestamp() * 1000 for h in hashes if h in arrived]
    return found


async def measure_burst(bench: Bench, count: int) -> list[float]:
    """Commit many signals at once."""
    signals: dict[str, datetime] = {}

    async def commit() -> None:
        one = signal(bench)
        signals[one.signal_id] = committed = now()
        await bench.store.record_signal(one, committed)

    await asyncio.gather(*(commit() for _ in range(count)))
    return await wait_for(bench, signals)


async def measure_floor(
    bench: Bench, settings: Settings, serial: int, burst: int
) -> tuple[list[float], list[float]]:
    """Do the same reads, reservation, signature and POST as bare calls, serially and at once."""
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(settings.endpoints, session, now)
        account = await open_account(settings, access)
        gateway = PolymarketGateway(access, account.trading, account.signer)
        desk = MarketDesk(PolymarketMarketData(access), bench.store, now)
        store, rules = bench.store, settings.rules
        pricing = PricingActivities(store, store, desk, rules, now)
        risk = RiskActivities(RiskPorts(gateway, store, store, store, desk), rules, now)

        epoch = await store.acquire_lease(gateway.wallet, settings.stack_id, now())
        assert epoch is not None, "the bench shares the stack's lease"

        async def trade() -> float | None:
            one = signal(bench)
            await store.record_signal(one, now())
            await store.claim_signals("bench-floor", 1000, now())
            begun = time.perf_counter()
            await desk.quote(one.token_id)
            attempt = Attempt(
                1, Side.BUY, Shares(Decimal(10)), bench.price, signal_id=one.signal_id
            )
            ticket = await risk.check_risk(attempt, await pricing.estimate_slippage(attempt))
            if ticket.order_hash is None:
                return None  # too old by then, like a signal that expires
            intent = await store.load_intent(ticket.order_hash)
            assert intent is not None, "a ticket's intent is committed"
            if not await store.begin_sending(ticket.order_hash, epoch, now()):
                return None
            await gateway.post_order(intent)
            return (time.perf_counter() - begun) * 1000

        alone = [await trade() for _ in range(serial)]
        together = await asyncio.gather(*(trade() for _ in range(burst)))
        return [t for t in alone if t is not None], [t for t in together if t is not None]


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Run all parts on one stack."""
    with tempfile.TemporaryDirectory(prefix="whalecopy-bench-") as home:
        os.environ |= {
            "WHALECOPY_HOME": home,
            "WHALECOPY_PROFILE": "load",
            "WHALECOPY_SIZING_MODE": "FIXED",
            "WHALECOPY_FIXED_NOTIONAL_USD": "5",
        }
        tape = Path(home) / "still.tape"
        write_still_tape(tape)
        up = UpOptions(
            mode=TradingMode.REPLAY,
            tape=tape,
            speed=Decimal(1),
            workers=1,
            markets=None,
            bankroll=Decimal(1_000_000),
            resume=False,
            until_done=False,
            as_json=True,
        )
        async with running_stack(up, Settings(), Narrator(sys.stderr)) as running:
            os.environ |= dict(running.env)
            settings = Settings()
            bench = await prepare(running, settings)
            await measure_serial(bench, 5)  # warm-up
            serial = await measure_serial(bench, options.serial)
            burst = await measure_burst(bench, options.burst)
            floor, floor_burst = await measure_floor(bench, settings, options.serial, options.burst)
            await bench.store.close()
    return {
        "name": "latency",
        "unit": "ms, signal committed -> order received",
        "serial": marks(serial),
        "serial_floor": marks(floor),
        "serial_ratio": round(percentile(serial, 0.5) / percentile(floor, 0.5), 2),
        "burst": marks(burst),
        "burst_floor": marks(floor_burst),
        "burst_expired": options.burst - len(burst),
        "burst_ratio": round(percentile(burst, 0.5) / percentile(floor_burst, 0.5), 2),
        "settings": {"workers": 1, "profile": "load", "python": platform.python_version()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def main() -> int:
    """Print the figures, as one JSON line with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serial", type=int, default=40)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    line = asyncio.run(run(options))
    print(json.dumps(line) if options.json else json.dumps(line, indent=2))
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stdout.flush()
    os._exit(code)
