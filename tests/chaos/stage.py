"""Brings the real parts up for a run, and down again: servers, venue, workers, a listener."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from embedded.addresses import Addresses
from embedded.ports import free_port
from embedded.services import ProcessEvent, Service, Stage
from embedded.stack import Stack, StackSettings
from paper.server import addresses as venue_addresses
from storage.migrate import migrate
from tests.chaos.load_plan import COPIED_USD, LoadPlan
from tests.chaos.nursery import ROOT, Nursery, open_nursery
from tests.chaos.options import ChaosOptions
from tests.chaos.tape import WALLETS, write_load_tape
from workflows.names import SEARCH_ATTRIBUTES

NAMESPACE = "default"
BANKROLL = 1_000_000
WORKERS = ("worker-1", "worker-2")
INGEST = "ingest"
TIMEOUT = aiohttp.ClientTimeout(total=10)
OURS = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that runs, and where it is."""

    home: Path
    stack: Stack
    addresses: Addresses
    venue_url: str
    nursery: Nursery
    plan: LoadPlan

    @property
    def wallet(self) -> str:
        """Return the wallet that trades, in small letters."""
        kept = json.loads((self.home / "api-user.json").read_text())
        return str(kept["funder"]).lower()


@asynccontextmanager
async def open_scene(options: ChaosOptions, plan: LoadPlan, home: Path) -> AsyncIterator[Scene]:
    """Start all parts; the tape is held. Nothing is left running at the end, come what may."""
    deaths = (home / "deaths.log").open("a")
    stack = Stack(
        StackSettings(home=home, temporal_namespace=NAMESPACE, search_attributes=SEARCH_ATTRIBUTES),
        on_event=lambda event: _tell(deaths.write, event),
    )
    try:
        addresses = await stack.start()
        await migrate(addresses.database_url)
        venue_url = await _start_venue(stack, write_load_tape(home / "chaos.tape", plan), home)
        async with open_nursery(home / "logs") as nursery:
            scene = Scene(home, stack, addresses, venue_url, nursery, plan)
            await _start_children(scene, options)
            yield scene
    finally:
        await stack.stop()
        deaths.close()


async def post(venue_url: str, path: str, body: Mapping[str, object] | None = None) -> int:
    """POST to the venue and return the status."""
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.post(f"{venue_url}{path}", json=body) as answer,
    ):
        return answer.status


def child_environment(scene: Scene, order_type: str) -> dict[str, str]:
    """Return the environment of a worker or a listener; nothing of ours is inherited."""
    venue = venue_addresses(int(scene.venue_url.rpartition(":")[2]))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    caps = scene.plan.caps
    return inherited | {
        "DATABASE_URL": scene.addresses.database_url,
        "REDIS_URL": scene.addresses.redis_url,
        "TEMPORAL_ADDRESS": scene.addresses.temporal_address,
        "TEMPORAL_NAMESPACE": NAMESPACE,
        "TRADING_MODE": "replay",
        "WHALECOPY_HOME": str(scene.home),
        "WHALECOPY_PROFILE": "load",
        "WHALECOPY_STACK_ID": "chaos",
        "WHALECOPY_WHALES": json.dumps(WALLETS),
        "WHALECOPY_ENTRY_ORDER_TYPE": order_type,
        "WHALECOPY_SIZING_MODE": "FIXED",
        "WHALECOPY_FIXED_NOTIONAL_USD": str(COPIED_USD),
        "WHALECOPY_WALLET_MAX_USD": str(caps.wallet),
        "WHALECOPY_WHALE_MAX_USD": str(caps.whale),
        "WHALECOPY_MARKET_MAX_USD": str(caps.market),
        "WHALECOPY_POSITION_MAX_USD": str(caps.position),
        "WHALECOPY_CLOB_URL": str(venue["clob"]),
        "WHALECOPY_GAMMA_URL": str(venue["gamma"]),
        "WHALECOPY_DATA_URL": str(venue["data"]),
        "WHALECOPY_WS_MARKET_URL": str(venue["ws_market"]),
        "WHALECOPY_WS_USER_URL": str(venue["ws_user"]),
        "WHALECOPY_RTDS_URL": str(venue["rtds"]),
        "WHALECOPY_RPC_HTTP_URLS": json.dumps([venue["rpc_http"]]),
        "WHALECOPY_RPC_WS_URLS": json.dumps([venue["rpc_ws"]]),
        "PYTHONUNBUFFERED": "1",
    }


async def _start_venue(stack: Stack, tape: Path, home: Path) -> str:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = ["-m", "paper", "--port", str(port), "--home", str(home / "paper"), "--hold"]
    words += ["--tape", str(tape), "--bankroll", str(BANKROLL)]
    await stack.add(
        Service(
            name="paper",
            command=(sys.executable, *words),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            ready=lambda: _answers(f"{url}/ok"),
            stage=Stage.SERVER,
            cwd=ROOT,
        )
    )
    return url


async def _start_children(scene: Scene, options: ChaosOptions) -> None:
    """Start the first worker alone: it makes the wallet and its API user for everybody."""
    nursery = scene.nursery
    before = f"tests.chaos.plants:{options.plant.replace('-', '_')}" if options.plant else ""
    for name, order_type in zip(WORKERS, options.order_types, strict=True):
        nursery.start(name, "worker", child_environment(scene, order_type), before)
        if name == WORKERS[0]:
            await nursery.until_said(name, "worker_ready")
    nursery.start(INGEST, "ingest", child_environment(scene, "FAK"))
    async with asyncio.TaskGroup() as group:
        group.create_task(nursery.until_said(WORKERS[1], "worker_ready"))
        group.create_task(nursery.until_said(INGEST, "ingest_ready"))


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _tell(write: Callable[[str], object], event: ProcessEvent) -> None:
    write(f"{event.name} {event.kind} {event.pid} {event.exit_code} {event.detail}\n")
