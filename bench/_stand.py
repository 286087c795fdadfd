"""What the benches stand on: the whole stack over books that never move, and signals for it."""

import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import aiohttp

from launch import Running, UpOptions, running_stack, start_play
from narrate import Narrator
from paper.model import MICROS, Dialect
from paper.model import Level as TapeLevel
from paper.tape import Snapshot, TapeHeader, TapeMarket
from paper.tape_format import VERSION
from paper.tape_writer import write_tape
from settings import Settings, TradingMode
from storage.port import StoredSignal, WhaleRecord
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
LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Quoted:
    """A token whose book is good, and its best ask."""

    token_id: TokenId
    price: Price


@dataclass(frozen=True, slots=True)
class Stand:
    """A running stack, its records, and what can be traded on it."""

    running: Running
    settings: Settings
    store: PostgresStore
    venue_url: str
    tokens: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class StandOptions:
    """How the stack is set up; with no worker the bench starts its own."""

    markets: int = 1
    workers: int = 1
    notional_usd: int = 5
    environment: Mapping[str, str] | None = None
    write_tape: Callable[[Path, int], None] | None = None  # still books if none is given


@asynccontextmanager
async def open_stand(options: StandOptions) -> AsyncIterator[Stand]:
    """Bring a stack up under a home of its own, follow the bench's whale, find good books."""
    with (
        tempfile.TemporaryDirectory(prefix="whalecopy-bench-") as home,
        _environment(home, options),
    ):
        tape = Path(home) / "still.tape"
        (options.write_tape or write_still_tape)(tape, options.markets)
        up = UpOptions(
            mode=TradingMode.REPLAY,
            tape=tape,
            speed=Decimal(1),
            workers=options.workers,
            markets=None,
            bankroll=Decimal(1_000_000),
            resume=False,
            until_done=False,
            as_json=True,
        )
        async with running_stack(up, Settings(), Narrator(sys.stderr)) as running:
            os.environ |= dict(running.env)
            settings = Settings()
            await start_play(running)
            wallet = Wallet(json.loads((settings.home / "api-user.json").read_text())["funder"])
            url, risk = running.addresses.database_url, settings.rules.risk
            store = PostgresStore(url, risk, wallet, pool_size=POOL_SIZE)
            await _follow_whale(store)
            tokens = await _quoted(running.venue_url, options.markets)
            yield Stand(running, settings, store, running.venue_url, tokens)
            await store.close()


@contextmanager
def _environment(home: str, options: StandOptions) -> Iterator[None]:
    before = dict(os.environ)
    os.environ |= {
        "WHALECOPY_HOME": home,
        "WHALECOPY_PROFILE": "load",
        "WHALECOPY_SIZING_MODE": "FIXED",
        "WHALECOPY_FIXED_NOTIONAL_USD": str(options.notional_usd),
        **(options.environment or {}),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def write_still_tape(path: Path, markets: int = 1) -> None:
    """Write a synthetic tape: a few markets with deep books that never move, three hours long."""
    cents = range(1, LEVELS + 1)
    bids = tuple(TapeLevel((50 - cent) * 10_000, 20_000 * MICROS) for cent in cents)
    asks = tuple(TapeLevel((50 + cent) * 10_000, 20_000 * MICROS) for cent in cents)
    listed = [still_market(number) for number in range(markets)]
    books = [Snapshot(START_MS, market.condition_id, bids, asks) for market in listed]
    write_books(path, "still", listed, books)


def write_books(
    path: Path, how: str, listed: Sequence[TapeMarket], books: Sequence[Snapshot]
) -> None:
    """Write a tape of three hours with these markets and books; `how` says what they do."""
    header = TapeHeader(
        name=f"{how} synthetic books",
        format_version=VERSION,
        attribution="synthetic",
        licence="none",
        invented=("everything",),
        starts_at=START_MS,
        ends_at=START_MS + 3 * HOUR_MS,
    )
    write_tape(path, header, list(listed), [], list(books))


def still_market(number: int) -> TapeMarket:
    """Return one of the bench's markets."""
    return TapeMarket(
        condition_id=f"0x{0xBE00 + number:064x}",
        question=f"Will bench {number} finish?",
        slug=f"bench-{number}",
        event_slug=f"bench-{number}",
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


async def _follow_whale(store: PostgresStore) -> None:
    standing = WhaleStanding(
        WHALE,
        is_followed=True,
        is_paused=False,
        quality_score=Decimal("0.9"),
        win_rate=Decimal("0.8"),
        closed_trades=100,
    )
    whale = WhaleRecord(standing, "bench", Usd(Decimal(0)), 0, None, None, None, None, None)
    await store.save_whale(whale, now())


async def _quoted(venue_url: str, count: int) -> tuple[Quoted, ...]:
    deadline = time.monotonic() + WAIT_S
    found: dict[TokenId, Quoted] = {}
    while len(found) < count and time.monotonic() < deadline:
        for token_id in await list_tokens(venue_url):
            if token_id in found:
                continue
            book = await fetch(f"{venue_url}/book?token_id={token_id}")
            if isinstance(book, dict) and book.get("asks") and book.get("bids"):
                found[token_id] = Quoted(token_id, Price(Decimal(book["asks"][-1]["price"])))
        await asyncio.sleep(0.2)
    if len(found) < count:
        raise SystemExit(f"expected {count} markets with books, found {len(found)}")
    return tuple(found.values())


async def list_tokens(venue_url: str) -> tuple[TokenId, ...]:
    """Return the first token of every listed market, in the order of the tape."""
    found: dict[str, TokenId] = {}
    cursor = ""
    while True:
        page = await fetch(f"{venue_url}/gamma/markets/keyset?limit=100{cursor}")
        assert isinstance(page, dict)
        for row in page["markets"]:
            tokens = json.loads(row["clobTokenIds"]) or row.get("positionIds", [])
            found[row["slug"]] = TokenId(tokens[0])
        if not page.get("next_cursor"):
            return tuple(found[slug] for slug in sorted(found, key=lambda s: (len(s), s)))
        cursor = f"&after_cursor={page['next_cursor']}"


def now() -> datetime:
    """Return the wall clock."""
    return datetime.now(UTC)


def percentile(numbers: Sequence[float], rank: float) -> float:
    """Return the nearest-rank percentile, 0 of nothing."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(rank * len(ordered)))] if ordered else 0.0


def marks(numbers: Sequence[float]) -> dict[str, float]:
    """Return n and the percentiles in ms."""
    ranks = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {"n": len(numbers), **{k: round(percentile(numbers, r), 1) for k, r in ranks.items()}}


def machine() -> dict[str, object]:
    """Return what a figure was measured on, and the load of the last minute before and after."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


async def play_started_ms(stand: Stand) -> float:
    """Return when the tape began to play (Unix ms)."""
    play = await fetch(f"{stand.venue_url}/_paper/play")
    assert isinstance(play, dict)
    return float(play["started_at"])


def tell(line: Mapping[str, object], *, as_json: bool) -> None:
    """Print a bench's figures, as one line with --json."""
    print(json.dumps(line) if as_json else json.dumps(line, indent=2))


def measured(
    name: str, figures: Callable[[], Coroutine[None, None, Mapping[str, object]]]
) -> Mapping[str, object]:
    """Measure, and return the figures with the machine's load before and after."""
    before = machine()
    found = asyncio.run(figures())
    return {"name": name, **found, **before, "load_after": machine()["load_1min"]}


async def fetch(url: str) -> object:
    """GET some JSON."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.json()


async def post(url: str, body: object) -> object:
    """POST some JSON."""
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


def make_signal(token: Quoted) -> WhaleSignal:
    """Return a fresh whale signal at the present ask."""
    at = now()
    return WhaleSignal(
        signal_id=SignalId(uuid4().hex),
        wallet=WHALE,
        token_id=token.token_id,
        side=Side.BUY,
        size=Shares(Decimal(5000)),
        price=token.price,
        fill_count=1,
        traded_at=at,
        detected_at=at,
        source=Source.CHAIN,
        transaction_hash="0x" + uuid4().hex * 2,
    )


async def commit_signals(stand: Stand, count: int, first: int = 0) -> dict[SignalId, datetime]:
    """Commit many signals at once, spread over the tokens from the `first` on; return when."""
    committed: dict[SignalId, datetime] = {}

    async def commit(number: int) -> None:
        one = make_signal(stand.tokens[(first + number) % len(stand.tokens)])
        committed[one.signal_id] = at = now()
        await stand.store.record_signal(one, at)

    await asyncio.gather(*(commit(number) for number in range(count)))
    return committed


async def orders_at_venue(stand: Stand) -> dict[str, int]:
    """Return, by order hash, when the venue received each order (Unix ms)."""
    rows = await fetch(f"{stand.venue_url}/_paper/orders")
    assert isinstance(rows, list)
    return {row["order_id"]: int(row["received_at"]) for row in rows}


async def wait_decided(
    stand: Stand, committed: Mapping[SignalId, datetime], *, ended: bool = False
) -> dict[SignalId, StoredSignal]:
    """Wait until every signal has an order or its end (`ended`: its end), a minute at most."""
    waiting, known = set(committed), dict[SignalId, StoredSignal]()
    deadline = time.monotonic() + WAIT_S
    while waiting and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_EVERY_S)
        for signal_id in sorted(waiting):
            stored = await stand.store.load_signal(signal_id)
            assert stored is not None, "a committed signal is in the records"
            known[signal_id] = stored
            has_order = not ended and await stand.store.orders_of_signal(signal_id)
            if has_order or stored.state.is_terminal:
                waiting.discard(signal_id)
    return known


async def latencies(stand: Stand, committed: Mapping[SignalId, datetime]) -> list[float]:
    """Return, in ms, how long after its commit each signal's first order reached the venue."""
    arrived = await orders_at_venue(stand)
    found: list[float] = []
    for signal_id, at in committed.items():
        hashes = await stand.store.orders_of_signal(signal_id)
        times = [arrived[order] for order in hashes if order in arrived]
        found += [min(times) - at.timestamp() * 1000] if times else []
    return found
