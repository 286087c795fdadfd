"""What the servers of the records say of themselves: durability, rights, time, eviction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.database import connect_database, translated_errors
from storage.port import StorageUnavailableError

REDIS_TIMEOUT_S = 3.0

_SERVER = """
    SELECT current_setting('server_version') AS version,
        current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('full_page_writes') AS full_page_writes,
        current_user AS role,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
        coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_tls,
        inet_server_addr() IS NULL
            OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS is_near,
        to_regclass('alembic_version') IS NOT NULL AS has_schema
"""
_VERSION = "SELECT version_num FROM alembic_version"
_NOW = "SELECT clock_timestamp()"
_WITHOUT = """
    SELECT coalesce(array_agg(tablename ORDER BY tablename), '{}') FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    AND NOT has_table_privilege(current_user, format('%I.%I', schemaname, tablename), $1)
"""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a PostgreSQL says of itself and of us."""

    version: str
    role: str
    is_superuser: bool
    is_tls: bool
    is_near: bool  # on this machine
    unsafe: Sequence[str]  # settings by which a power cut loses what was committed
    schema: str | None
    unreadable: Sequence[str]  # tables that our role may not read
    now: datetime


async def load_server_facts(database_url: str) -> ServerFacts:
    """Ask a database about itself; `now` is read last, in a round trip of its own.

    Raises:
        StorageUnavailableError: it did not answer.
        StorageError: it refused us, or is not the server it should be.
    """
    async with translated_errors():
        connection = await connect_database(database_url)
        try:
            row = await connection.fetchrow(_SERVER)
            schema = await connection.fetchval(_VERSION) if row["has_schema"] else None
            unreadable = await connection.fetchval(_WITHOUT, "SELECT")
            names = ("fsync", "synchronous_commit", "full_page_writes")
            return ServerFacts(
                version=row["version"],
                role=row["role"],
                is_superuser=row["is_superuser"],
                is_tls=row["is_tls"],
                is_near=row["is_near"],
                unsafe=tuple(name for name in names if row[name] == "off"),
                schema=schema,
                unreadable=tuple(unreadable),
                now=await connection.fetchval(_NOW),
            )
        finally:
            await connection.close(timeout=REDIS_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What a Redis or Valkey says of itself."""

    version: str
    policy: str  # what it forgets when it is full
    memory_max: int  # bytes, 0 is no limit
    memory_used: int


async def load_cache_facts(redis_url: str) -> CacheFacts:
    """Ask a Redis about itself.

    Raises:
        StorageUnavailableError: it did not answer, or refused.
    """
    client = Redis.from_url(
        redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )
    try:
        server, memory = await client.info("server"), await client.info("memory")
    except (TimeoutError, RedisError, OSError) as error:
        raise StorageUnavailableError(str(error)) from error
    finally:
        await client.aclose()
    return CacheFacts(
        version=str(server.get("valkey_version") or server.get("redis_version") or "unknown"),
        policy=str(memory.get("maxmemory_policy", "unknown")),
        memory_max=int(memory.get("maxmemory", 0)),
        memory_used=int(memory.get("used_memory", 0)),
    )
