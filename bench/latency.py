"""Signal committed -> order received by the venue, serial and in a burst, against bare calls.

    python bench/latency.py [--serial 40] [--burst 100] [--quick] [--json]

The whole stack runs: PostgreSQL, Valkey, Temporal, one worker, the local venue with one deep book
that never moves.
The floor is the same reads, reservation, signature and POST as plain awaited calls, in the same
run and on the same stack, without Temporal. The latency is the venue's receipt less the commit.
"""

import argparse
import asyncio
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from account import open_account
from activities.markets import MarketDesk
from activities.pricing import PricingActivities
from activities.records import Attempt
from activities.risk import RiskActivities, RiskPorts
from bench._stand import (
    WAIT_S,
    Stand,
    StandOptions,
    commit_signals,
    latencies,
    make_signal,
    marks,
    measured,
    now,
    open_stand,
    percentile,
    tell,
    wait_decided,
)
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from process import leave
from storage.lease import WalletLease
from storage.port import StorageUnavailableError
from trading.types import Shares, Side, SignalId


async def measure_serial(stand: Stand, count: int) -> list[float]:
    """Commit one signal at a time and wait for its order."""
    committed: dict[SignalId, datetime] = {}
    for _ in range(count):
        one = make_signal(stand.tokens[0])
        committed[one.signal_id] = at = now()
        await stand.store.record_signal(one, at)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            await asyncio.sleep(0.005)
            if await stand.store.orders_of_signal(one.signal_id):
                break
        await asyncio.sleep(0.3)
    return await latencies(stand, committed)


async def measure_burst(stand: Stand, count: int) -> list[float]:
    """Commit many signals at once."""
    committed = await commit_signals(stand, count)
    await wait_decided(stand, committed)
    return await latencies(stand, committed)


async def measure_floor(stand: Stand, serial: int, burst: int) -> tuple[list[float], list[float]]:
    """Do the same reads, reservation, signature and POST as bare calls, serially and at once.

    The worker is gone by then, so that nobody else trades these signals.
    """
    await stand.running.stack.remove("worker-1")
    async with aiohttp.ClientSession() as session:
        access = VenueAccess(stand.settings.endpoints, session, now)
        opened = await open_account(stand.settings, access)
        lease = WalletLease(stand.store, opened.trading.funder, stand.settings.stack_id, now)
        await lease.acquire()  # the stack's own: the bench shares its name
        account = opened.under(lease)
        gateway = PolymarketGateway(access, account.trading, account.signer)
        desk = MarketDesk(PolymarketMarketData(access), stand.store, now)
        store, rules = stand.store, stand.settings.rules
        pricing = PricingActivities(store, store, desk, rules, now)
        risk = RiskActivities(RiskPorts(gateway, store, store, store, desk), rules, now)

        token = stand.tokens[0]

        async def trade() -> float | None:
            one = make_signal(token)
            await store.record_signal(one, now())
            begun = time.perf_counter()
            await desk.quote(one.token_id)
            attempt = Attempt(
                1, Side.BUY, Shares(Decimal(10)), token.price, signal_id=one.signal_id
            )
            ticket = await risk.check_risk(attempt, await pricing.estimate_slippage(attempt))
            if ticket.order_hash is None:
                return None  # too old by then, like a signal that expires
            intent = await store.load_intent(ticket.order_hash)
            assert intent is not None, "a ticket's intent is committed"
            if not await store.begin_sending(ticket.order_hash, lease.epoch, now()):
                return None
            await gateway.post_order(intent)
            return (time.perf_counter() - begun) * 1000

        async def in_time() -> float | None:
            try:
                return await trade()
            except StorageUnavailableError:
                return None  # with everything at once, some wait for the database too long

        alone = [await in_time() for _ in range(serial)]
        together = await asyncio.gather(*(in_time() for _ in range(burst)))
        return [t for t in alone if t is not None], [t for t in together if t is not None]


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Run all parts on one stack."""
    async with open_stand(StandOptions()) as stand:
        await measure_serial(stand, 5)  # warm-up
        serial = await measure_serial(stand, options.serial)
        burst = await measure_burst(stand, options.burst)
        floor, floor_burst = await measure_floor(stand, options.serial, options.burst)
    return {
        "unit": "ms, signal committed -> order received",
        "serial": marks(serial),
        "serial_floor": marks(floor),
        "serial_ratio": round(percentile(serial, 0.5) / percentile(floor, 0.5), 2),
        "burst": marks(burst),
        "burst_floor": marks(floor_burst),
        "burst_late_or_refused": options.burst - len(burst),
        "settings": {"workers": 1, "profile": "load"},
    }


def main() -> int:
    """Print the figures, as one JSON line with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serial", type=int, default=40)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="10 alone, 20 at once")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.serial, options.burst = 10, 20
    tell(measured("latency", lambda: run(options)), as_json=options.json)
    return 0


if __name__ == "__main__":
    leave(main())
