"""Price event at the venue -> mark in the cache and in the records, of everything that is held.

    python bench/marks.py [--tokens 500] [--positions 2000] [--seconds 60] [--quick] [--json]

The local venue and the listener run as processes of their own, with Valkey and PostgreSQL; no
worker trades. Each token's best bid changes once a second to a price that tells which change it
was. Valkey's MONITOR says when a mark was kept, a look at the records every 50 ms when it was
committed; the latency is that less the moment at which the tape has the change.
"""

import argparse
import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench._stand import (
    START_MS,
    Stand,
    StandOptions,
    list_tokens,
    marks,
    measured,
    now,
    open_stand,
    play_started_ms,
    still_market,
    tell,
    write_books,
)
from paper.model import MICROS, Level
from paper.tape import Snapshot, TapeMarket
from process import leave
from storage.lane import Lane
from storage.statements import Statement
from trading.types import TokenId

STEPS = 20  # prices of one token before they repeat
FIRST_PRICE, STEP_PRICE, DEPTH = 480_000, 1_000, 20_000 * MICROS
LEVELS = 10
LOWEST_PRICE, ASK_PRICE = FIRST_PRICE - LEVELS * STEP_PRICE, FIRST_PRICE + STEPS * STEP_PRICE
LEAD_S = 150  # of the tape, while everything starts
LOOK_EVERY_S = 0.05
MARK = re.compile(r'SET mark:(\d+) \{"price": "([\d.]+)"')

OPEN_POSITIONS = Statement(
    """
    INSERT INTO positions (position_id, user_address, source_whale, condition_id, token_id, n,
        status, size, settled_size, avg_entry_price, exposure, opened_at)
    SELECT 'bench-' || token_id || '-' || whale, :wallet, '0xbench' || whale, '0x' || token_id,
        token_id, 1, 'OPEN', 100, 100, 0.49, 49, now()
    FROM unnest(CAST(:tokens AS text[])) WITH ORDINALITY AS held (token_id, place)
    CROSS JOIN generate_series(1, :whales) AS whale
    WHERE (whale - 1) * :count + place <= :positions
    """
)
MARKED = Statement("SELECT token_id, current_price FROM positions WHERE source_whale = '0xbench1'")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which token's change comes when: token `i` of `count` changes at (k + i / count) s."""

    tokens: tuple[TokenId, ...]
    started_ms: float

    def change_at(self, token: int, number: int) -> float:
        """Return the wall-clock ms of a token's change."""
        return self.started_ms + number * 1000 + 1000 * token // len(self.tokens)

    def change_of(self, token: int, price: Decimal, at_ms: float) -> int:
        """Return the newest change to a price at a time."""
        step = (int(price * MICROS) - FIRST_PRICE) // STEP_PRICE
        newest = int((at_ms - self.change_at(token, 0)) // 1000)
        return newest - (newest - step) % STEPS


@dataclass(slots=True)
class Sightings:
    """When each change was first seen, in ms after it."""

    plan: Plan
    places: Mapping[str, int]
    from_ms: float
    until_ms: float
    seen: dict[tuple[int, int], float] = field(default_factory=dict)

    def see(self, token_id: str, price: Decimal, at_ms: float) -> None:
        """Note that a token's price is there."""
        token = self.places.get(token_id)
        if token is None:
            return
        number = self.plan.change_of(token, price, at_ms)
        changed_at = self.plan.change_at(token, number)
        if self.from_ms <= changed_at < self.until_ms:
            self.seen.setdefault((token, number), at_ms - changed_at)

    def summary(self) -> dict[str, float]:
        """Return the percentiles in ms, and how many changes were never seen."""
        changes = len(self.places) * (self.until_ms - self.from_ms) / 1000
        return {**marks(list(self.seen.values())), "missed": round(changes - len(self.seen))}


def write_moving_tape(seconds: int) -> Callable[[Path, int], None]:
    """Return what writes a tape whose books all move once a second."""

    def write(path: Path, markets: int) -> None:
        listed = [_fine_market(number) for number in range(markets)]
        names = [market.condition_id for market in listed]
        write_books(path, "moving", listed, list(_snapshots(names, seconds)))

    return write


def _fine_market(number: int) -> TapeMarket:
    return replace(still_market(number), tick_size=STEP_PRICE)


def _snapshots(names: list[str], seconds: int) -> Iterator[Snapshot]:
    for number in range(seconds):
        bid = FIRST_PRICE + STEP_PRICE * (number % STEPS)
        bids = tuple(Level(price, DEPTH) for price in range(bid, LOWEST_PRICE, -STEP_PRICE))
        asks = tuple(Level(ASK_PRICE + STEP_PRICE * place, DEPTH) for place in range(LEVELS))
        for token, name in enumerate(names):
            at = START_MS + number * 1000 + 1000 * token // len(names)
            yield Snapshot(at, name, bids, asks)


async def measure(stand: Stand, options: argparse.Namespace) -> dict[str, object]:
    """Hold positions of every token, wait until all are marked, then watch the marks."""
    tokens = await list_tokens(stand.venue_url)
    plan = Plan(tokens, await play_started_ms(stand))
    lane = Lane(stand.running.addresses.database_url, size=1)
    await lane.rows(
        OPEN_POSITIONS,
        wallet=stand.store.wallet,
        tokens=list(tokens),
        whales=-(-options.positions // len(tokens)),
        count=len(tokens),
        positions=options.positions,
    )
    await _until_marked(lane, len(tokens))
    places: dict[str, int] = {token: place for place, token in enumerate(tokens)}
    from_ms = now().timestamp() * 1000 + 2000
    until_ms = from_ms + options.seconds * 1000
    cached = Sightings(plan, places, from_ms, until_ms)
    stored = Sightings(plan, places, from_ms, until_ms)
    over_at = now() + timedelta(seconds=options.seconds + 5)
    async with asyncio.timeout((over_at - now()).total_seconds() + 30):
        monitoring = asyncio.create_task(_monitor(stand.running.addresses.redis_url, cached))
        while now() < over_at:
            for row in await lane.rows(MARKED):
                if row["current_price"] is not None:
                    stored.see(row["token_id"], row["current_price"], now().timestamp() * 1000)
            await asyncio.sleep(LOOK_EVERY_S)
        monitoring.cancel()
        await asyncio.gather(monitoring, return_exceptions=True)
    await lane.close()
    return {"cached_ms": cached.summary(), "stored_ms": stored.summary()}


async def _monitor(redis_url: str, cached: Sightings) -> None:
    client = Redis.from_url(redis_url)
    with contextlib.suppress(RedisError):
        async with client.monitor() as monitor:
            async for command in monitor.listen():
                found = MARK.match(command["command"])
                if found is not None:
                    cached.see(found[1], Decimal(found[2]), float(command["time"]) * 1000)
    await client.aclose()


async def _until_marked(lane: Lane, count: int) -> None:
    deadline = time.monotonic() + LEAD_S
    while time.monotonic() < deadline:
        rows = await lane.rows(MARKED)
        if sum(row["current_price"] is not None for row in rows) == count:
            return
        await asyncio.sleep(0.5)
    raise SystemExit("expected every position to be marked, some never were")


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Run the whole measurement on a stack of its own."""
    stand_options = StandOptions(
        markets=options.tokens,
        workers=0,
        write_tape=write_moving_tape(LEAD_S + options.seconds + 30),
    )
    async with open_stand(stand_options) as stand:
        found = await measure(stand, options)
    sizes = {"tokens": options.tokens, "positions": options.positions, "seconds": options.seconds}
    return {**found, "settings": sizes}


def main() -> int:
    """Print the figures, as one JSON line with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--positions", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="50 tokens, 200 positions, 10 s")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.tokens, options.positions, options.seconds = 50, 200, 10
    tell(measured("marks", lambda: run(options)), as_json=options.json)
    return 0


if __name__ == "__main__":
    leave(main())
