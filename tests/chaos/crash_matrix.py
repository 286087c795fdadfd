"""Opens the stage and plays runs on several lanes at once; most of a run's time is waiting."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from account import load_account
from embedded.errors import EmbeddedError
from embedded.ports import free_port
from embedded.processes import Supervisor
from embedded.temporal_client import NamespaceNeeds, prepare_namespace
from settings import Settings
from storage.postgres import PostgresStore
from tests.chaos.crash_nursery import Nursery
from tests.chaos.crash_play import Outcome, play
from tests.chaos.crash_points import Kind, Run
from tests.chaos.crash_stage import (
    NOTIONAL_USD,
    Lane,
    Venue,
    until_ready,
    venue_environment,
    venue_service,
)
from tests.chaos.crash_tape import write_still_tape
from tests.servers import DatabaseServer
from trading.profiles import LOAD
from workflows.names import SEARCH_ATTRIBUTES

MARKETS = 120
QUARANTINE_S = 3
VISIBLE_S = 40.0
POLL_S = 0.2


class Servers:
    """The real servers of this test run, as the fixtures of `tests/servers.py` offer them."""

    def __init__(
        self,
        supervisor: Supervisor,
        database: DatabaseServer,
        template: str,
        redis_url: str,
        temporal: Client,
    ) -> None:
        self.supervisor = supervisor
        self.database = database
        self.template = template
        self.redis_url = redis_url
        self.temporal = temporal

    @property
    def temporal_address(self) -> str:
        """Return Temporal's host and port."""
        return self.temporal.service_client.config.target_host


@asynccontextmanager
async def open_stage(servers: Servers, home: Path, lanes: int) -> AsyncIterator[Sequence[Lane]]:
    """Start the venue, a zygote and the lanes with a listener each; end all of them."""
    home.mkdir()  # noqa: ASYNC240 - a test's own folder
    tape, port = write_still_tape(home / "crash.tape", MARKETS), free_port()
    nursery = Nursery(home / "zygote.log")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(servers.supervisor.start(venue_service(home / "venue", tape, port)))
            await nursery.open()
        async with aiohttp.ClientSession() as session:
            venue = Venue(f"http://127.0.0.1:{port}", session)
            await venue.list_tokens()
            opened = await asyncio.gather(
                *(
                    _open_lane(servers, home, f"lane-{n}", venue, port, nursery)
                    for n in range(lanes)
                )
            )
            yield opened
            for lane in opened:
                await lane.store.close()
    finally:
        await nursery.close()
        await servers.supervisor.remove("crash-venue")


async def play_all(lanes: Sequence[Lane], runs: Sequence[Run]) -> Mapping[str, Outcome]:
    """Play every run once, each on the lane that is free first; longest runs first."""
    waiting = sorted(enumerate(runs, 1), key=lambda numbered: numbered[1].kind is Kind.ENTRY)
    outcomes: dict[str, Outcome] = {}

    async def work(lane: Lane) -> None:
        while waiting:
            number, run = waiting.pop(0)
            outcomes[run.name] = await play(lane, run, number)

    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(work(lane))
    return outcomes


async def _open_lane(
    servers: Servers, home: Path, name: str, venue: Venue, port: int, nursery: Nursery
) -> Lane:
    lane_home = home / name
    lane_home.mkdir()
    url = servers.database.url(await servers.database.create(servers.template))
    env = _environment(servers, lane_home, name, url) | venue_environment(port)
    temporal = await _open_namespace(servers, name)
    prepared = await nursery.fork("worker", env, lane_home / "prepare.log", words=["--prepare"])
    assert await prepared.wait() == 0, prepared.told()
    wallet = load_account(Settings(home=lane_home)).funder
    store = PostgresStore(url, LOAD.risk, wallet, pool_size=4)
    await _listen(nursery, env, lane_home)
    return Lane(name, env, lane_home, wallet, store, temporal, venue, nursery)


async def _listen(nursery: Nursery, env: Mapping[str, str], home: Path) -> None:
    port = free_port()
    words = {**env, "WHALECOPY_METRICS_PORT": str(port)}
    await until_ready(await nursery.fork("ingest", words, home / "ingest.log"), port)


def _environment(servers: Servers, home: Path, name: str, url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "REDIS_URL": servers.redis_url,
        "TEMPORAL_ADDRESS": servers.temporal_address,
        "TEMPORAL_NAMESPACE": name,
        "TRADING_MODE": "replay",
        "WHALECOPY_HOME": str(home),
        "WHALECOPY_PROFILE": "load",
        "WHALECOPY_STACK_ID": name,
        "WHALECOPY_SIZING_MODE": "FIXED",
        "WHALECOPY_FIXED_NOTIONAL_USD": str(NOTIONAL_USD),
        "WHALECOPY_QUARANTINE_S": str(QUARANTINE_S),
        "WHALECOPY_LOG_JSON": "true",
        "TZ": "UTC",
    }


async def _open_namespace(servers: Servers, name: str) -> Client:
    kept = Duration(seconds=int(timedelta(days=1).total_seconds()))
    await servers.temporal.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
    )
    async with asyncio.timeout(VISIBLE_S):  # the server's own caches hear of it a little later
        while True:
            try:
                needs = NamespaceNeeds(SEARCH_ATTRIBUTES, None)
                await prepare_namespace(servers.temporal_address, name, needs)
                break
            except (EmbeddedError, RPCError):
                await asyncio.sleep(POLL_S)
    return await Client.connect(
        servers.temporal_address, namespace=name, data_converter=pydantic_data_converter
    )
