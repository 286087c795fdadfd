"""Stop crossed at the venue -> exit order received by the venue, with many positions open.

    python bench/stops.py [--positions 1000] [--stops 200] [--every 1000] [--workers 2] [--quick]

The whole stack runs. Every position is bought through it; then the books of some fall below their
stops one after another, and stay there. An exit needs a second valid read one second after the
first, so `after_second_read_ms` is the whole way less that second: finding the fall, asking for the
second read and leaving are all in it. The stages of the way follow one another: `begun_ms` from
the fall until the exit is on record, `committed_ms` until its order is, `sent_ms` until the right
to send it is, `received_ms` until the venue has it.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._stand import (
    LEVELS,
    START_MS,
    Stand,
    StandOptions,
    fetch,
    list_tokens,
    make_signal,
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
from paper.tape import Snapshot
from process import leave
from storage.statements import Statement
from trading.rules import ExitRules
from trading.types import PositionState, TokenId

REFUSED = Statement(
    """
    SELECT state, coalesce(refusal_reason, '') AS reason, count(*) AS n
    FROM signals GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10
    """
)
UNFINISHED = Statement("SELECT count(*) AS n FROM signals WHERE finished_at IS NULL")
EXITS = Statement(
    """
    SELECT p.token_id, e.began_at, i.created_at AS committed_at, o.first_sent_at AS sent_at
    FROM exits e
    JOIN positions p USING (position_id)
    JOIN intents i ON i.position_id = e.position_id AND i.exit_epoch = e.exit_epoch
    JOIN orders o USING (intent_id)
    WHERE i.attempt = 1 AND o.first_sent_at IS NOT NULL
    """
)
CENT, DEPTH = 10_000, 20_000 * MICROS
BID, FALLEN_BID = 50 * CENT - CENT, 42 * CENT  # bought at 0.51: the stop is at 0.43
EVERY_MS = 1000  # between two falls
BATCH = 40  # signals at once; the next ones when these have ended
BATCH_MAX_S = 15.0
LOOK_S = 0.5
AFTER_S = 20.0  # for the last exit to arrive
SLOWEST = 8  # exits that are told of in stages
READS_APART_MS = ExitRules().reads_apart / timedelta(milliseconds=1)


def write_falling_tape(
    stops: int, ready_s: int, every_ms: int = EVERY_MS
) -> Callable[[Path, int], None]:
    """Return what writes a tape of still books, some of which fall once everything is bought."""
    falls = falls_of(stops, ready_s, every_ms)

    def write(path: Path, markets: int) -> None:
        listed = [still_market(number) for number in range(markets)]
        names = [market.condition_id for market in listed]
        write_books(path, "falling", listed, list(_snapshots(names, falls)))

    return write


def _snapshots(names: list[str], falls: list[int]) -> Iterator[Snapshot]:
    for name in names:
        yield _book(START_MS, name, BID)
    for name, fall_ms in zip(names, falls, strict=False):
        yield _book(START_MS + fall_ms, name, FALLEN_BID)


def falls_of(stops: int, ready_s: int, every_ms: int) -> list[int]:
    """Return when each of them falls, in ms of the tape: evenly, once everything is bought."""
    return [ready_s * 1000 + number * every_ms for number in range(stops)]


def _book(at: int, name: str, bid: int) -> Snapshot:
    bids = tuple(Level(bid - CENT * place, DEPTH) for place in range(LEVELS))
    asks = tuple(Level(bid + CENT * (place + 2), DEPTH) for place in range(LEVELS))
    return Snapshot(at, name, bids, asks)


async def buy_all(stand: Stand, ready_at_ms: float, batch: int = BATCH) -> int:
    """Have a position of every token bought; return how many are open with levels."""
    while True:
        held = await stand.store.list_open()
        has_levels = [p for p in held if p.stop_loss_price is not None and p.settled_size > 0]
        if len(has_levels) == len(stand.tokens) or now().timestamp() * 1000 > ready_at_ms - 5000:
            return sum(p.state is PositionState.OPEN for p in has_levels)
        known = {position.token_id for position in held}
        wanted = [token for token in stand.tokens if token.token_id not in known]
        for token in wanted[:batch]:
            await stand.store.record_signal(make_signal(token), now())
        await _until_finished(stand)


async def _until_finished(stand: Stand) -> None:
    """Wait for the signals that run: more at once than the machine can take are all too old."""
    give_up_at = time.monotonic() + BATCH_MAX_S
    await asyncio.sleep(LOOK_S)
    while time.monotonic() < give_up_at:
        (row,) = await stand.store.lane.rows(UNFINISHED)
        if not row["n"]:
            return
        await asyncio.sleep(LOOK_S)


async def exits_at_venue(stand: Stand) -> dict[TokenId, int]:
    """Return when the venue received the first order to sell of each token (Unix ms)."""
    rows = await fetch(f"{stand.venue_url}/_paper/orders")
    assert isinstance(rows, list)
    first: dict[TokenId, int] = {}
    for row in rows:
        if row["side"] == "SELL":
            at = int(row["received_at"])
            first[row["token_id"]] = min(at, first.get(row["token_id"], at))
    return first


async def measure(stand: Stand, options: argparse.Namespace) -> dict[str, object]:
    """Buy, wait for the falls, and hold the exits that arrived against them."""
    started_ms = await play_started_ms(stand)
    bought = await buy_all(stand, started_ms + options.ready * 1000)
    falls_ms = falls_of(options.stops, options.ready, options.every)
    tokens = (await list_tokens(stand.venue_url))[: options.stops]
    last_ms = started_ms + falls_ms[-1] + options.every
    await asyncio.sleep(max(last_ms / 1000 - now().timestamp(), 0))  # asks nothing meanwhile
    arrived: dict[TokenId, int] = {}
    deadline = time.monotonic() + AFTER_S
    while len(arrived) < len(tokens) and time.monotonic() < deadline:
        await asyncio.sleep(2)
        arrived = await exits_at_venue(stand)
    falls = {token: started_ms + ms for token, ms in zip(tokens, falls_ms, strict=True)}
    exits = [row for row in await stand.store.lane.rows(EXITS) if row["token_id"] in falls]
    ways = [Way.of(row, falls, arrived) for row in exits if row["token_id"] in arrived]
    whole = [arrived[token] - at for token, at in falls.items() if token in arrived]
    refused = await stand.store.lane.rows(REFUSED)
    return {
        "positions_open": bought,
        "entries_refused": {f"{row['state']} {row['reason']}": row["n"] for row in refused},
        "stops": len(tokens),
        "missing": len(tokens) - len(whole),
        "sold_without_a_fall": len(arrived.keys() - falls.keys()),
        "whole_ms": marks(whole),
        "after_second_read_ms": marks([ms - READS_APART_MS for ms in whole]),
        **{f"{stage}_ms": marks([getattr(way, stage) for way in ways]) for stage in Way._fields},
        "slowest_ms": sorted(ways, key=sum, reverse=True)[:SLOWEST],
    }


class Way(NamedTuple):
    """The stages of one exit in ms, each from the one before it; the first from the fall."""

    begun: float
    committed: float
    sent: float
    received: float

    @classmethod
    def of(
        cls, row: Mapping[str, Any], falls: Mapping[TokenId, float], arrived: Mapping[TokenId, int]
    ) -> "Way":
        """Take the stages from the records and from the venue."""
        begun, committed, sent = (
            row[name].timestamp() * 1000 for name in ("began_at", "committed_at", "sent_at")
        )
        fell, received = falls[row["token_id"]], arrived[row["token_id"]]
        stages = (begun - fell, committed - begun, sent - committed, received - sent)
        return cls(*(round(stage, 1) for stage in stages))


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Run the whole measurement on a stack of its own."""
    stand_options = StandOptions(
        markets=options.positions,
        workers=options.workers,
        write_tape=write_falling_tape(options.stops, options.ready, options.every),
    )
    async with open_stand(stand_options) as stand:
        found = await measure(stand, options)
    settings = {"workers": options.workers, "profile": "load", "falls_every_ms": options.every}
    return {**found, "settings": settings}


def main() -> int:
    """Print the figures, as one JSON line with --json; 1 if an exit is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=1000)
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--ready", type=int, default=450, help="s of the tape until books fall")
    parser.add_argument("--every", type=int, default=EVERY_MS, help="ms between two falls")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="20 positions, 10 stops, 60 s")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.positions, options.stops, options.ready = 20, 10, 60
    line = measured("stops", lambda: run(options))
    tell(line, as_json=options.json)
    return 0 if line["missing"] == 0 else 1


if __name__ == "__main__":
    leave(main())
