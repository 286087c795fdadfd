"""A Valkey behind a password, and a Temporal behind certificates that is told an API key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from embedded.ports import free_port
from embedded.processes import Supervisor, SupervisorSettings
from embedded.temporal import TemporalPorts, temporal_service
from embedded.valkey import valkey_service
from tests.certificates import Certificates
from tests.tls_proxy import server_context, tls_proxy


@dataclass(frozen=True, slots=True)
class Guarded:
    """Where they answer, and where they keep what they are given."""

    redis_url: str
    temporal_address: str
    folder: Path


@asynccontextmanager
async def guarded_servers(
    folder: Path, password: str, certificates: Certificates
) -> AsyncIterator[Guarded]:
    """Run both until the block ends."""
    (folder / "logs").mkdir(parents=True)
    supervisor = Supervisor(SupervisorSettings(folder / "logs"), lambda _event: None)
    await supervisor.open()
    try:
        service, url = valkey_service(folder)
        await supervisor.start(service)
        client = Redis.from_url(url)
        await client.config_set("requirepass", password)
        await client.aclose()
        redis_url = f"{url}{'&' if '?' in url else '?'}password={password}"
        ports = TemporalPorts(free_port(), free_port())
        await supervisor.start(temporal_service(folder, ports, "default"))
        context = server_context(certificates, wants_client=True)
        async with tls_proxy(ports.address, context) as port:
            yield Guarded(redis_url, f"127.0.0.1:{port}", folder)
    finally:
        await supervisor.stop()
