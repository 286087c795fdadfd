"""Many signals at once on a wallet cap for twenty orders: the cap is filled and never passed.

    python bench/caps.py [--signals 100,500] [--json]

The whole stack runs. From outside, what is used of the wallet's limit is read a hundred times a
second. At the end the orders at the venue are counted, and what became of every signal.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._stand import (
    Stand,
    StandOptions,
    commit_signals,
    machine,
    open_stand,
    orders_at_venue,
    wait_decided,
)
from storage.lane import Lane
from storage.limits import audit_limits
from storage.port import StorageUnavailableError
from storage.statements import Statement
from trading.types import SignalState

PLACES = 20
NOTIONAL_USD = 5
COST_USD = Decimal(5)  # of one order at worst, with its fee; held against the records
MARKETS = 10
BETWEEN_SAMPLES_S = 0.01
USED = Statement("SELECT used FROM limits WHERE scope = 'WALLET'")
COSTS = Statement("SELECT max(cost_max) AS most, min(cost_max) AS least FROM intents")
REFUSED = (SignalState.RISK_REJECTED, SignalState.EXPIRED)


@dataclass(slots=True)
class Samples:
    """What was seen of the wallet's limit."""

    count: int = 0
    highest: Decimal = field(default_factory=Decimal)


@asynccontextmanager
async def sampled(stand: Stand) -> AsyncIterator[Samples]:
    """Read the use of the wallet's limit on a connection of its own."""
    lane, samples, over = (
        Lane(stand.running.addresses.database_url, size=1),
        Samples(),
        asyncio.Event(),
    )

    async def sample() -> None:
        while not over.is_set():
            with contextlib.suppress(StorageUnavailableError):
                row = await lane.row(USED)
                samples.count += 1
                samples.highest = max(
                    samples.highest, row["used"] if row is not None else Decimal()
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), BETWEEN_SAMPLES_S)

    sampling = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        over.set()
        await sampling
        await lane.close()


async def storm(count: int) -> dict[str, object]:
    """Commit signals at once on a fresh stack whose wallet may hold twenty orders."""
    cap = COST_USD * PLACES
    options = StandOptions(
        markets=MARKETS,
        notional_usd=NOTIONAL_USD,
        environment={"WHALECOPY_WALLET_MAX_USD": str(cap)},
    )
    async with open_stand(options) as stand, sampled(stand) as samples:
        committed = await commit_signals(stand, count)
        ends = Counter(
            each.state for each in (await wait_decided(stand, committed, ended=True)).values()
        )
        orders = len(await orders_at_venue(stand))
        drifts = len(await audit_limits(stand.store))
        costs = await stand.store.lane.row(COSTS)
    assert costs is not None, "an aggregate is always one row"
    places = int(cap / costs["most"]) if costs["most"] else PLACES
    copied = count - sum(ends[state] for state in REFUSED)
    return {
        "signals": count,
        "places": places,
        "orders_at_venue": orders,
        "cap_usd": str(cap),
        "cost_usd": [str(costs["least"]), str(costs["most"])],
        "highest_use_usd": str(samples.highest),
        "samples": samples.count,
        "breaches": int(samples.highest > cap) + drifts,
        "ends": {state.value: number for state, number in sorted(ends.items())},
        "is_filled": places - 1 <= orders <= places and orders == copied,
    }


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Run one storm after the other, each on a stack of its own."""
    runs = [await storm(int(count)) for count in options.signals.split(",")]
    return {
        "name": "caps",
        "runs": runs,
        "settings": {"workers": 1, "profile": "load"},
        **machine(),
    }


def main() -> int:
    """Print the figures, as one JSON line with --json; 1 if a cap was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", default="100,500")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    line = asyncio.run(run(options))
    print(json.dumps(line) if options.json else json.dumps(line, indent=2))
    return 0 if '"breaches": 0' in json.dumps(line) else 1


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stdout.flush()
    os._exit(code)
