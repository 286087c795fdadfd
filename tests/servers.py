"""Real PostgreSQL, Valkey and Temporal for the tests of every room, started when asked for.

Fixtures: `database_url` (a fresh, migrated database per test), `empty_database_url` (without
tables), `valkey_url` (emptied before each test), `temporal_env` and `temporal_client` (one server
for the whole run; give each test its own task queue and workflow ids), `time_skipping_env` (one
per test).
"""

import asyncio
import importlib
import importlib.util
import inspect
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from embedded.binaries import find_temporal_test_server
from embedded.pgwire import execute
from embedded.ports import free_port
from embedded.postgres import PostgresServer, PostgresSettings, prepare_postgres
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEvent
from embedded.temporal import TemporalPorts, temporal_service
from embedded.temporal_client import NamespaceNeeds, prepare_namespace
from embedded.valkey import valkey_service
from workflows.names import SEARCH_ATTRIBUTES

SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_MIN = 2 * 1024**3  # bytes; a container may have 64 MiB
TEMPLATE = "template_migrated"
KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
DOUBLE = IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE

Migrate = Callable[[str], Awaitable[None] | None]


@dataclass(slots=True)
class DatabaseServer:
    """One PostgreSQL for the whole run and the databases made on it."""

    server: PostgresServer
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def create(self, template: str) -> str:
        """Make a database as a copy of another and return its name."""
        name = f"test_{next(self._numbers)}"
        await self._do(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    async def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        await self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        """Name a database for SQLAlchemy with asyncpg."""
        return self.server.url(name)

    async def _do(self, statement: str) -> None:
        await execute(self.server.socket_dir, "postgres", statement)


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """A short directory for the servers' files, in memory where that is possible."""
    in_memory = (
        SHARED_MEMORY.is_dir()
        and os.access(SHARED_MEMORY, os.W_OK)
        and shutil.disk_usage(SHARED_MEMORY).free > SHARED_MEMORY_MIN
    )
    home = Path(tempfile.mkdtemp(prefix="wc-", dir=SHARED_MEMORY if in_memory else None))
    (home / "logs").mkdir()
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
async def servers(servers_home: Path) -> AsyncIterator[Supervisor]:
    """A supervisor for the servers of this run, which ends them even if the run is killed."""
    supervisor = Supervisor(SupervisorSettings(servers_home / "logs"), _hear_nothing)
    await supervisor.open()
    yield supervisor
    await supervisor.stop()


@pytest.fixture(scope="session")
def migrate() -> Migrate | None:
    """The function that brings a database to the newest schema, once there is one."""
    if importlib.util.find_spec("storage.migrate") is None:
        return None
    found: Migrate = importlib.import_module("storage.migrate").migrate
    return found


@pytest.fixture(scope="session")
async def database_server(servers: Supervisor, servers_home: Path) -> DatabaseServer:
    """One PostgreSQL for the whole run; it need not survive a power cut."""
    server = await prepare_postgres(PostgresSettings(servers_home, durable=False))
    await servers.start(server.service)
    return DatabaseServer(server)


@pytest.fixture(scope="session")
async def migrated_template(database_server: DatabaseServer, migrate: Migrate | None) -> str:
    """The name of a database with the newest schema, to be copied."""
    await database_server.server.create_database(TEMPLATE)
    if migrate is not None:
        await _migrate(migrate, database_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def database_url(
    database_server: DatabaseServer, migrated_template: str
) -> AsyncIterator[str]:
    """A database of this test alone, with all tables and no rows."""
    name = await database_server.create(migrated_template)
    yield database_server.url(name)
    await database_server.drop(name)


@pytest.fixture
async def empty_database_url(database_server: DatabaseServer) -> AsyncIterator[str]:
    """A database of this test alone, without tables."""
    name = await database_server.create("template0")
    yield database_server.url(name)
    await database_server.drop(name)


@pytest.fixture(scope="session")
async def valkey_server(servers: Supervisor, servers_home: Path) -> str:
    """One Valkey for the whole run."""
    service, url = valkey_service(servers_home)
    await servers.start(service)
    return url


@pytest.fixture
async def valkey_url(valkey_server: str) -> str:
    """The address of a Valkey without keys."""
    client = Redis.from_url(valkey_server)
    await client.flushall()
    await client.aclose()
    return valkey_server


@pytest.fixture(scope="session")
async def temporal_env(servers: Supervisor, servers_home: Path) -> WorkflowEnvironment:
    """One Temporal for the whole run, started as the product starts it."""
    ports = TemporalPorts(free_port(), free_port())
    await servers.start(temporal_service(servers_home, ports, "default"))
    needs = NamespaceNeeds(SEARCH_ATTRIBUTES, None)
    await prepare_namespace(ports.address, "default", needs)
    client = await Client.connect(ports.address, data_converter=pydantic_data_converter)
    return WorkflowEnvironment.from_client(client)


@pytest.fixture(scope="session")
async def temporal_client(temporal_env: WorkflowEnvironment) -> Client:
    """A client of the one Temporal, with the data converter that we use."""
    return temporal_env.client


@pytest.fixture
async def time_skipping_env() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal of this test alone whose clock jumps to the next timer; it lists no workflows."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(find_temporal_test_server()),
        data_converter=pydantic_data_converter,
    ) as env:
        await env.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace="default",
                search_attributes={
                    name: KEYWORD if kind == "Keyword" else DOUBLE
                    for name, kind in SEARCH_ATTRIBUTES.items()
                },
            )
        )
        yield env


async def _migrate(migrate: Migrate, url: str) -> None:
    if inspect.iscoroutinefunction(migrate):
        await migrate(url)
    else:
        await asyncio.to_thread(migrate, url)


def _hear_nothing(event: ProcessEvent) -> None:
    del event
