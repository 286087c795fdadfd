"""The whole embedded stack: PostgreSQL, Valkey and Temporal, started together and kept alive."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded.addresses import Addresses, forget_addresses, save_addresses
from embedded.errors import EmbeddedError, ServiceFailedError
from embedded.home import HomeLock, prepare_home
from embedded.outside import check_database, check_redis, check_temporal
from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import OnEvent, Service, log_event
from embedded.temporal import RETENTION, TemporalPorts, choose_ports, temporal_service
from embedded.temporal_client import NamespaceNeeds, prepare_namespace
from embedded.temporal_keys import NO_KEYS, TemporalKeys
from embedded.valkey import valkey_service

PORT_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What the stack needs to know; each address that is given replaces one part.

    Attributes:
        home: state directory; made if need be.
        database_url: of a PostgreSQL to use instead (DATABASE_URL).
        redis_url: of a Redis to use instead (REDIS_URL).
        temporal_address: host and port of a Temporal to use instead (TEMPORAL_ADDRESS).
        temporal_namespace: made if Temporal is ours.
        temporal_keys: what a Temporal that is given wants to see.
        search_attributes: name to Temporal's type; registered at every start.
        ui_codec_url: where Temporal's UI has encrypted payloads decoded; "" for nowhere.
        durable: PostgreSQL writes through to the disk; False is for tests.
    """

    home: Path
    database_url: str | None = None
    redis_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    temporal_keys: TemporalKeys = NO_KEYS
    search_attributes: Mapping[str, str] = field(default_factory=dict)
    ui_codec_url: str = ""
    durable: bool = True


class Stack:
    """Starts the parts, then further services; stops all in order and leaves no process.

    Use it from one event loop in the main thread.
    """

    def __init__(self, settings: StackSettings, on_event: OnEvent = log_event) -> None:
        self._settings = settings
        self._home = settings.home.absolute()
        self._on_event = on_event
        self._lock = HomeLock(self._home)
        self._supervisor: Supervisor | None = None

    @property
    def pids(self) -> dict[str, int]:
        """Process id of everything that runs, by name; `guard` is the guard."""
        return {} if self._supervisor is None else self._supervisor.pids

    async def start(self) -> Addresses:
        """Start what is not given, check what is, and return where everything is.

        Raises:
            EmbeddedError: with a message for a person; nothing is left running then.
        """
        prepare_home(self._home)
        try:
            await self._lock.take()
            addresses = await self._start_parts()
            save_addresses(self._home, addresses)
        except BaseException:
            await self.stop()
            raise
        return addresses

    async def add(self, service: Service) -> None:
        """Start one more service, return when it is ready, and keep it alive.

        Raises:
            ServiceFailedError: it did not become ready.
        """
        await self._running().start(service)

    async def remove(self, name: str) -> None:
        """Stop one service for good, as its stop signal and timeout say."""
        await self._running().remove(name)

    async def wait_failed(self) -> EmbeddedError:
        """Wait until a service has died too often; the stack is stopping by then."""
        return await self._running().wait_failed()

    async def stop(self) -> None:
        """Stop everything in order: applications, servers, the database; may be called twice."""
        if self._supervisor is not None:
            await self._supervisor.stop()
            forget_addresses(self._home)
        self._supervisor = None
        self._lock.release()

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise ServiceFailedError("the stack is not running")
        return self._supervisor

    async def _start_parts(self) -> Addresses:
        settings = SupervisorSettings(self._home / "logs", inherited_fds=(self._lock.fd,))
        self._supervisor = Supervisor(settings, self._on_event)
        await self._supervisor.open()
        try:
            async with asyncio.TaskGroup() as group:
                database = group.create_task(self._start_database())
                redis = group.create_task(self._start_redis())
                temporal = group.create_task(self._start_temporal())
        except ExceptionGroup as errors:
            told = _told_error(errors)
            if told is None:
                raise
            raise told from errors
        address, ui_url = temporal.result()
        return Addresses(database.result(), redis.result(), address, ui_url)

    async def _start_database(self) -> str:
        if self._settings.database_url is not None:
            return await check_database(self._settings.database_url)
        settings = PostgresSettings(self._home, durable=self._settings.durable)
        server = await prepare_postgres(settings)
        await self.add(server.service)
        await server.create_database(settings.database)
        return server.url(settings.database)

    async def _start_redis(self) -> str:
        if self._settings.redis_url is not None:
            return await check_redis(self._settings.redis_url)
        service, url = valkey_service(self._home)
        await self.add(service)
        return url

    async def _start_temporal(self) -> tuple[str, str | None]:
        namespace = self._settings.temporal_namespace
        attributes = self._settings.search_attributes
        if self._settings.temporal_address is not None:
            keys = self._settings.temporal_keys
            address = await check_temporal(self._settings.temporal_address, namespace, keys=keys)
            await prepare_namespace(address, namespace, NamespaceNeeds(attributes, None), keys)
            return address, None
        ports = await self._start_temporal_server(namespace)
        await prepare_namespace(ports.address, namespace, NamespaceNeeds(attributes, RETENTION))
        return ports.address, ports.ui_url

    async def _start_temporal_server(self, namespace: str) -> TemporalPorts:
        attempts_left = PORT_ATTEMPTS
        while True:
            ports = choose_ports()
            attempts_left -= 1
            try:
                ui_codec_url = self._settings.ui_codec_url
                await self.add(temporal_service(self._home, ports, namespace, ui_codec_url))
            except ServiceFailedError as error:
                # Between choosing a port and listening on it, another program may have taken it.
                if "address already in use" not in str(error) or not attempts_left:
                    raise
            else:
                return ports


def _told_error(group: ExceptionGroup[Exception]) -> EmbeddedError | None:
    # The first of several failures is enough to tell; anything else is a bug and stays whole.
    found: BaseException | None = group.subgroup(EmbeddedError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, EmbeddedError) else None
