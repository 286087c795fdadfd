"""Temporal is away for an hour: no signal is lost, and none that became too old is copied."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

import ingest.dispatch
from embedded.ports import free_port
from embedded.processes import Supervisor, SupervisorSettings
from embedded.temporal import TemporalPorts, temporal_service
from embedded.temporal_client import NamespaceNeeds, prepare_namespace
from ingest.dispatch import Dispatcher, DispatchPorts
from ingest.pace import Pace
from storage.bell import PostgresBell
from storage.postgres import PostgresStore
from tests.beside import beside
from tests.fakes import FakeClock
from tests.ingest.desk import until, utc_now
from tests.storage.builders import market, signal
from trading.profiles import DEFAULT
from trading.risk import entry_deadline
from trading.types import Market, SignalId, SignalState, TokenId
from workflows import names
from workflows.names import SEARCH_ATTRIBUTES

HOUR = timedelta(hours=1)
LATE, FRESH = range(20, 40), range(40, 45)
"""While Temporal was away, and after it came back."""


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll often and repeat at once."""
    monkeypatch.setattr(ingest.dispatch, "POLL", timedelta(milliseconds=50))
    monkeypatch.setattr(ingest.dispatch, "PAUSE_S", 0.01)


class Server:
    """A Temporal of this test alone, which can be stopped and started on the same address."""

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "logs").mkdir()
        self._ports = TemporalPorts(free_port(), free_port())
        self._supervisor: Supervisor | None = None

    @property
    def address(self) -> str:
        return self._ports.address

    async def start(self) -> None:
        self._supervisor = Supervisor(SupervisorSettings(self._home / "logs"), lambda _: None)
        await self._supervisor.open()
        await self._supervisor.start(temporal_service(self._home, self._ports, "default"))
        await prepare_namespace(self.address, "default", NamespaceNeeds(SEARCH_ATTRIBUTES, None))

    async def stop(self) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop()
        self._supervisor = None


@asynccontextmanager
async def dispatching(
    store: PostgresStore, bell: PostgresBell, temporal: Client, clock: FakeClock
) -> AsyncIterator[None]:
    async def find(token_id: TokenId) -> Market | None:
        return market() if token_id in market().token_ids else None

    ports = DispatchPorts(store, store, bell, temporal, find, Pace(DEFAULT.pace))
    async with beside(Dispatcher(ports, "one", DEFAULT.orders, clock).run()):
        yield


def name(number: int) -> SignalId:
    return SignalId(f"spool{number:059d}")


async def commit(store: PostgresStore, numbers: range, clock: FakeClock) -> None:
    for number in numbers:
        fresh = replace(signal(name(number)), traded_at=clock())
        assert await store.record_signal(fresh, clock())


async def states(store: PostgresStore, numbers: range) -> list[SignalState]:
    found = [await store.load_signal(name(number)) for number in numbers]
    return [stored.state for stored in found if stored is not None]


async def has_workflow(temporal: Client, number: int) -> bool:
    try:
        await temporal.get_workflow_handle(names.copy_trade_id(name(number))).describe()
    except RPCError:
        return False
    return True


async def test_an_hour_without_temporal_loses_no_signal_and_copies_no_old_one(
    store: PostgresStore, database_url: str
) -> None:
    clock, bell = FakeClock(utc_now()), PostgresBell(database_url)
    with TemporaryDirectory(prefix="wc-") as home:
        server = Server(Path(home))
        await server.start()
        temporal = await Client.connect(server.address, data_converter=pydantic_data_converter)
        try:
            async with dispatching(store, bell, temporal, clock):
                await commit(store, range(1), clock)
                await until(lambda: _are(store, range(1), SignalState.RUNNING))
                await server.stop()
                await commit(store, LATE, clock)
            clock.advance(HOUR)
            assert SignalState.RUNNING not in await states(store, LATE)
            await server.start()
            async with dispatching(store, bell, temporal, clock):
                await commit(store, FRESH, clock)
                await until(lambda: _are(store, FRESH, SignalState.RUNNING))
                await until(lambda: _none_waits(store))
            ended = await states(store, LATE)
            assert len(ended) == len(LATE)
            assert SignalState.EXPIRED in ended
            for number, state in zip(LATE, ended, strict=True):
                await ends_uncopied(store, temporal, number, state, clock)
            assert all([await has_workflow(temporal, number) for number in FRESH])
        finally:
            await bell.close()
            await server.stop()


async def ends_uncopied(
    store: PostgresStore, temporal: Client, number: int, state: SignalState, clock: FakeClock
) -> None:
    """What was claimed in vain may have a trade: it begins after its last moment and ends so."""
    if state is SignalState.EXPIRED:
        assert not await has_workflow(temporal, number)
        return
    assert state is SignalState.RUNNING
    stored = await store.load_signal(name(number))
    assert stored is not None
    last = entry_deadline(stored.signal.traded_at, stored.committed_at, DEFAULT.orders)
    assert await has_workflow(temporal, number)
    assert last < clock() - timedelta(minutes=59)


async def _are(store: PostgresStore, numbers: range, state: SignalState) -> bool:
    return set(await states(store, numbers)) == {state}


async def _none_waits(store: PostgresStore) -> bool:
    return SignalState.WAITING not in await states(store, LATE)
