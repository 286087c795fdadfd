"""Ours against two common designs of copy traders, on one venue with the same delays.

    python bench/peers.py [--burst 100] [--drops 40] [--json]

Every read waits 80 ms and every POST 73 ms on its way to the venue.

burst    Signals at once. Ours, against the loop that handles one signal after the other: three
         reads, then the POST. The latency is the venue's receipt less the commit.
drops    The venue works a part of the orders and drops the connection without an answer. Ours,
         against the design that sends a new order whenever no answer came: orders beyond one a
         signal.
kills    The worker is killed (SIGKILL) before its order has left, and after the venue has it but
         before the answer has come. Copies and orders of that one signal.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from account import open_account
from bench._delays import Relay, relayed
from bench._stand import (
    Quoted,
    Stand,
    StandOptions,
    commit_signals,
    latencies,
    machine,
    marks,
    now,
    open_stand,
    orders_at_venue,
    post,
    wait_decided,
)
from embedded.ports import free_port
from embedded.services import Service
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.port import OrderDraft
from launch import ROOT
from storage.limits import audit_limits
from storage.statements import Statement
from trading.orders import Intent
from trading.types import (
    IntentId,
    Market,
    OrderType,
    PositionId,
    Shares,
    Side,
    SignalId,
    SignalState,
    TokenId,
)

READ_S, POST_S = 0.080, 0.073
DELAYS = {b"GET ": READ_S, b"POST /order ": POST_S}
IN_TIME_MS = 5000.0
MARKETS = 10
READS = 3
TRIES = 3
DROP_SHARE = "0.3"
SIZE = Shares(Decimal(10))
HELD_S = 1.5
NEVER_S = 600.0
SEEN_WITHIN_S = 20.0
CLAIMER = Statement("SELECT claimed_by FROM signals WHERE signal_id = :signal_id")


@dataclass(frozen=True, slots=True)
class Site:
    """Our stack, and the relay through which ours and theirs reach the venue."""

    stand: Stand
    relay: Relay

    @property
    def url(self) -> str:
        """Return where the order book answers late."""
        return f"http://127.0.0.1:{self.relay.port}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A copy trader without records: it reads, it sends."""

    gateway: PolymarketGateway
    market_data: PolymarketMarketData
    markets: dict[TokenId, Market]

    async def read(self, token: Quoted) -> None:
        """Read the book as often as we read something."""
        for _ in range(READS):
            await self.market_data.fetch_book(token.token_id)

    async def send(self, token: Quoted, name: str) -> bool:
        """POST a new order; tell whether an answer came."""
        market, at, intent_id = self.markets[token.token_id], now(), IntentId(name)
        draft = OrderDraft(
            intent_id, market, token.token_id, Side.BUY, SIZE, token.price, OrderType.FAK, at
        )
        intent = Intent(
            intent_id=intent_id,
            signal_id=None,
            position_id=PositionId(""),
            attempt=1,
            exit_epoch=0,
            condition_id=market.condition_id,
            whale=self.gateway.wallet,
            order_type=OrderType.FAK,
            order=self.gateway.prepare(draft),
            reference_price=token.price,
            created_at=at,
            expires_at=at + timedelta(seconds=5),
        )
        return (await self.gateway.post_order(intent)).http_status is not None


@asynccontextmanager
async def open_peer(site: Site) -> AsyncIterator[Peer]:
    """Let a peer trade with our wallet, through the same relay, its key in its own process."""
    settings = site.stand.settings.model_copy(update={"signer_socket": None})
    async with aiohttp.ClientSession() as session:
        account = await open_account(settings, VenueAccess(settings.endpoints, session, now))
        access = VenueAccess(replace(settings.endpoints, clob=site.url), session, now)
        gateway = PolymarketGateway(access, account.trading, account.signer)
        market_data = PolymarketMarketData(access)
        markets = {}
        for token in site.stand.tokens:
            market = await market_data.fetch_market(token.token_id)
            assert market is not None, "the bench trades known markets"
            markets[token.token_id] = market
        yield Peer(gateway, market_data, markets)


@asynccontextmanager
async def open_site(workers: int) -> AsyncIterator[Site]:
    """Bring our stack up with workers that reach the order book through the relay only."""
    async with open_stand(StandOptions(markets=MARKETS, workers=0)) as stand:
        venue_port = urlsplit(stand.venue_url).port
        assert venue_port is not None, stand.venue_url
        async with relayed(venue_port, DELAYS) as relay:
            site = Site(stand, relay)
            for number in range(1, workers + 1):
                await stand.running.stack.add(worker_service(site, number))
            await wait_decided(stand, await commit_signals(stand, 2 * workers))  # warm-up
            yield site


def worker_service(site: Site, number: int) -> Service:
    """Return a worker of our own that trades through the relay."""
    port = free_port()

    async def is_ready() -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}/readyz") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    environment = {"WHALECOPY_CLOB_URL": site.url, "WHALECOPY_METRICS_PORT": str(port)}
    return Service(
        name=f"worker-{number}",
        command=(sys.executable, "worker.py"),
        env={**site.stand.running.env, **environment},
        ready=is_ready,
        ready_timeout_s=90.0,
        cwd=ROOT,
    )


async def compare_burst(count: int) -> dict[str, object]:
    """Give both a burst of signals."""
    async with open_site(1) as site:
        committed = await commit_signals(site.stand, count)
        known = await wait_decided(site.stand, committed, ended=True)
        ours = await latencies(site.stand, committed)
        drifts = await audit_limits(site.stand.store)
        async with open_peer(site) as peer:
            theirs = await one_by_one(site, peer, count)
    return {
        "signals": count,
        "ours": {**marks(ours), "in_time": share_in_time(ours, count), "breaches": len(drifts)},
        "one_by_one": {**marks(theirs), "in_time": share_in_time(theirs, count)},
        "ends": Counter(each.state.value for each in known.values()),
    }


async def one_by_one(site: Site, peer: Peer, count: int) -> list[float]:
    """Handle one signal after the other, as a loop does; return the latencies in ms."""
    before = set(await orders_at_venue(site.stand))
    began = now()
    for number in range(count):
        token = site.stand.tokens[number % MARKETS]
        await peer.read(token)
        await peer.send(token, f"loop {number}")
    arrived = await orders_at_venue(site.stand)
    return [at - began.timestamp() * 1000 for order, at in arrived.items() if order not in before]


def share_in_time(latencies_ms: list[float], count: int) -> float:
    """Return the share of all signals that reached the venue within five seconds."""
    return round(sum(each <= IN_TIME_MS for each in latencies_ms) / count, 3)


async def compare_drops(count: int) -> dict[str, object]:
    """Drop connections after the order was worked, and count orders beyond one a signal."""
    async with open_site(1) as site:
        rule = {"at": "post_order", "fault": "drop_after", "share": DROP_SHARE}
        await post(f"{site.stand.venue_url}/_paper/faults", {"seed": 7, "rules": [rule]})
        before = set(await orders_at_venue(site.stand))
        committed: dict[SignalId, datetime] = {}
        for _ in range(count):
            committed |= await commit_signals(site.stand, 1)
            await asyncio.sleep(READS * READ_S)
        known = await wait_decided(site.stand, committed, ended=True)
        after = set(await orders_at_venue(site.stand))
        async with open_peer(site) as peer:
            for number in range(count):
                await new_order_each_try(peer, site.stand.tokens[number % MARKETS], number)
        theirs = set(await orders_at_venue(site.stand)) - after
    ended = Counter(each.state.value for each in known.values())
    copied = count - ended[SignalState.EXPIRED.value]
    return {
        "signals": count,
        "drop_share": DROP_SHARE,
        "ours": {"orders": len(after - before), "doubles": max(len(after - before) - copied, 0)},
        "new_order_each_try": {"orders": len(theirs), "doubles": len(theirs) - count},
        "ends": ended,
    }


async def new_order_each_try(peer: Peer, token: Quoted, number: int) -> None:
    """Send another order whenever no answer came."""
    for attempt in range(TRIES):
        if await peer.send(token, f"try {number} {attempt}"):
            return


async def kill_before_sending(site: Site) -> dict[str, object]:
    """Kill the worker while it reads the book."""
    first = MARKETS - 1  # of which no book was read yet
    read = f"GET /book?token_id={site.stand.tokens[first].token_id}".encode()
    site.relay.before_s = {read: HELD_S, **DELAYS}
    committed = await commit_signals(site.stand, 1, first)
    await asyncio.wait_for(site.relay.wait_for(read), SEEN_WITHIN_S)
    await kill_worker(site, next(iter(committed)))
    site.relay.before_s = DELAYS
    return await outcome(site, committed)


async def kill_after_sending(site: Site) -> dict[str, object]:
    """Kill the worker when the venue has its order and the answer is under way."""
    before = len(await orders_at_venue(site.stand))
    site.relay.after_s = {b"POST /order ": NEVER_S}
    committed = await commit_signals(site.stand, 1)
    async with asyncio.timeout(SEEN_WITHIN_S):
        while len(await orders_at_venue(site.stand)) == before:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.02)
    await kill_worker(site, next(iter(committed)))
    site.relay.after_s = {}
    return await outcome(site, committed)


async def kill_worker(site: Site, signal_id: SignalId) -> None:
    """Kill the worker that claimed a signal; its claim says host and process."""
    row = await site.stand.store.lane.row(CLAIMER, signal_id=signal_id)
    assert row is not None, "a committed signal is in the records"
    os.kill(int(row["claimed_by"].rpartition(":")[2]), signal.SIGKILL)


async def outcome(site: Site, committed: dict[SignalId, datetime]) -> dict[str, object]:
    """Wait for the signal's end; return it with its orders at the venue."""
    known = await wait_decided(site.stand, committed, ended=True)
    at_venue = set(await orders_at_venue(site.stand))
    [signal_id] = committed
    ours = set(await site.stand.store.orders_of_signal(signal_id))
    state = known[signal_id].state
    return {
        "copies": int(state is SignalState.FILLED),
        "orders": len(ours & at_venue),
        "end": state.value,
    }


async def compare_kills() -> dict[str, object]:
    """Kill one of two workers, before and after its order has left."""
    async with open_site(2) as site:
        return {
            "before_sending": await kill_before_sending(site),
            "after_sending": await kill_after_sending(site),
        }


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Run the three comparisons, each on a stack of its own."""
    burst = await compare_burst(options.burst)
    drops = await compare_drops(options.drops)
    kills = await compare_kills()
    settings = {"read_ms": READ_S * 1000, "post_ms": POST_S * 1000, "markets": MARKETS}
    figures = {"burst": burst, "drops": drops, "kills": kills}
    return {"name": "peers", **figures, "settings": settings, **machine()}


def table(line: dict[str, Any]) -> str:
    """Return the figures for people."""
    burst, drops, kills = line["burst"], line["drops"], line["kills"]
    rows = [("", "ours", "the other design")]
    rows += [
        (f"burst {name}", burst["ours"][name], burst["one_by_one"][name])
        for name in ("p50", "p99", "in_time")
    ]
    rows.append(("burst limit breaches", burst["ours"]["breaches"], "no limits"))
    theirs = drops["new_order_each_try"]
    rows.append(("drops: orders doubled", drops["ours"]["doubles"], theirs["doubles"]))
    rows += [
        (f"killed {name}", f"{each['copies']}/1, orders {each['orders']}", "")
        for name, each in kills.items()
    ]
    return "\n".join(f"{name:<24}{ours!s:>20}{other!s:>20}" for name, ours, other in rows)


def main() -> int:
    """Print the figures: a table and one JSON line, or with --json the line alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--drops", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    line = asyncio.run(run(options))
    if not options.json:
        print(table(line))
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stdout.flush()
    os._exit(code)
