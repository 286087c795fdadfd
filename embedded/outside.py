"""Checks servers that were given instead of embedded ones, and says which setting is wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from embedded.addresses import driver_dsn, normalise_database_url, without_password
from embedded.errors import UnreachableError
from embedded.temporal_client import connect
from embedded.temporal_keys import NO_KEYS, TemporalKeys

TIMEOUT_S = 5.0
POLL_S = 0.2


async def check_database(url: str, timeout_s: float = TIMEOUT_S) -> str:
    """Log in to the PostgreSQL of DATABASE_URL.

    Returns:
        The address as SQLAlchemy with asyncpg wants it.

    Raises:
        UnreachableError: within `timeout_s` seconds; it shows no password.
    """
    try:
        normalised = normalise_database_url(url)
    except ValueError as error:
        raise UnreachableError(f"DATABASE_URL: {error}") from error
    await _answers("DATABASE_URL", url, timeout_s, lambda: _log_in(driver_dsn(normalised)))
    return normalised


async def check_redis(url: str, timeout_s: float = TIMEOUT_S) -> str:
    """Send a PING to the Redis or Valkey of REDIS_URL and return the address.

    Raises:
        UnreachableError: within `timeout_s` seconds; it shows no password.
    """
    await _answers("REDIS_URL", url, timeout_s, lambda: _ping(url))
    return url


async def check_temporal(
    address: str, namespace: str, timeout_s: float = TIMEOUT_S, keys: TemporalKeys = NO_KEYS
) -> str:
    """Ask the Temporal of TEMPORAL_ADDRESS for our namespace and return the address.

    Raises:
        UnreachableError: within `timeout_s` seconds.
    """
    if not urlsplit(f"//{address}").hostname or not address.rpartition(":")[2].isdigit():
        raise UnreachableError(f"TEMPORAL_ADDRESS: expected host:port, received {address!r}")
    await _answers(
        "TEMPORAL_ADDRESS", address, timeout_s, lambda: _find_namespace(address, namespace, keys)
    )
    return address


async def _answers(
    variable: str, address: str, timeout_s: float, ask: Callable[[], Awaitable[None]]
) -> None:
    where = without_password(address) if "://" in address else address
    try:
        async with asyncio.timeout(timeout_s):
            await ask()
    except TimeoutError as error:
        raise UnreachableError(
            f"{variable}: {where} did not answer within {timeout_s:g} s"
        ) from error
    except (OSError, ValueError) as error:
        raise UnreachableError(f"{variable}: {where} cannot be used: {error}") from error


async def _log_in(dsn: str) -> None:
    import asyncpg

    try:
        connection = await asyncpg.connect(dsn, command_timeout=TIMEOUT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConnectionError(str(error)) from error
    await connection.close()


async def _ping(url: str) -> None:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(url)
    try:
        await client.ping()
    except RedisError as error:
        raise ConnectionError(str(error)) from error
    finally:
        await client.aclose()


async def _find_namespace(address: str, namespace: str, keys: TemporalKeys) -> None:
    while await connect(address, namespace, keys) is None:  # noqa: ASYNC110 - a server sets no event
        await asyncio.sleep(POLL_S)
