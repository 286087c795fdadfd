"""Tests of checking servers that were given."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from embedded.errors import UnreachableError
from embedded.outside import check_database, check_redis, check_temporal
from embedded.ports import free_port


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """The port of a server that listens and never says a word."""
    finished = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await finished.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    finished.set()
    server.close()
    await server.wait_closed()


async def test_servers_that_answer_are_taken(
    empty_database_url: str, valkey_url: str, temporal_client: Client
) -> None:
    given = empty_database_url.replace("postgresql+asyncpg", "postgres")
    assert await check_database(given) == empty_database_url
    assert await check_redis(valkey_url) == valkey_url
    address = temporal_client.service_client.config.target_host
    assert await check_temporal(address, "default") == address


async def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    url = f"postgresql://u:secret@127.0.0.1:{free_port()}/db"
    with pytest.raises(
        UnreachableError, match=r"DATABASE_URL: postgresql://127\.0\.0\.1"
    ) as caught:
        await check_database(url)
    assert "secret" not in str(caught.value)


async def test_a_database_of_another_name_is_told(empty_database_url: str) -> None:
    with pytest.raises(UnreachableError, match='database "test_none" does not exist'):
        await check_database(
            empty_database_url.replace("/test_", "/test_none?x=").split("?x=")[0]
            + "?"
            + empty_database_url.partition("?")[2]
        )


async def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(UnreachableError, match="DATABASE_URL: expected postgresql://"):
        await check_database("mysql://h/db")
    with pytest.raises(UnreachableError, match=r"REDIS_URL: .* cannot be used"):
        await check_redis("http://127.0.0.1:1")
    with pytest.raises(UnreachableError, match="TEMPORAL_ADDRESS: expected host:port"):
        await check_temporal("http://somewhere", "default")


async def test_servers_that_are_not_there_are_named() -> None:
    with pytest.raises(UnreachableError, match="REDIS_URL: redis://127"):
        await check_redis(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(UnreachableError, match=r"TEMPORAL_ADDRESS: .* within 0\.5 s"):
        await check_temporal(f"127.0.0.1:{free_port()}", "default", timeout_s=0.5)


async def test_servers_that_stay_silent_are_given_up_in_time(silent_port: int) -> None:
    with pytest.raises(UnreachableError, match=r"DATABASE_URL: .* within 0\.2 s"):
        await check_database(f"postgresql://u:p@127.0.0.1:{silent_port}/db", timeout_s=0.2)
    with pytest.raises(UnreachableError, match=r"REDIS_URL: .* within 0\.2 s"):
        await check_redis(f"redis://127.0.0.1:{silent_port}/0", timeout_s=0.2)
    with pytest.raises(UnreachableError, match=r"TEMPORAL_ADDRESS: .* within 0\.2 s"):
        await check_temporal(f"127.0.0.1:{silent_port}", "default", timeout_s=0.2)
