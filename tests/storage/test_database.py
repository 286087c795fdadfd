import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from storage.database import async_url, plain_url, storable, translated_errors
from storage.port import StorageError, StorageUnavailableError
from storage.postgres import PostgresStore
from tests.storage.test_lane import kill_all
from trading.rules import RiskRules


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://u:p@h:5432/d", "postgresql+asyncpg://u:p@h:5432/d"),
        ("postgresql://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("postgresql+asyncpg://u@/d?host=/a/b", "postgresql+asyncpg://u@/d?host=/a/b"),
        ("postgresql+psycopg://u@h/d", "postgresql+asyncpg://u@h/d"),
    ],
)
def test_addresses_are_spelled_for_sqlalchemy(given: str, expected: str) -> None:
    assert async_url(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql+asyncpg://u@/d?host=/a/b", "postgresql://u@/d?host=/a/b"),
        ("postgres://u@h/d?ssl=require", "postgresql://u@h/d?sslmode=require"),
    ],
)
def test_addresses_are_spelled_for_asyncpg(given: str, expected: str) -> None:
    assert plain_url(given) == expected


def test_foreign_words_are_made_storable() -> None:
    assert storable("a\x00b\udc80", 3) == "a\\0b"
    assert storable("\udc80") == "\\udc80"


async def test_a_database_that_is_away_is_unavailable() -> None:
    store = PostgresStore("postgresql+asyncpg://postgres@127.0.0.1:1/none", RiskRules())
    with pytest.raises(StorageUnavailableError):
        await store.list_followed()
    await store.close()


async def test_a_database_that_does_not_exist_is_an_error_that_names_it(database_url: str) -> None:
    url = database_url.replace("/test_", "/none_")
    store = PostgresStore(url, RiskRules())
    with pytest.raises(StorageError, match="none_"):
        await store.list_followed()
    await store.close()


async def test_what_the_database_refuses_is_an_error_without_its_parameters(
    store: PostgresStore,
) -> None:
    with pytest.raises(StorageError, match="secret_table") as caught:
        async with store.transaction() as connection:
            await connection.execute(text("SELECT :secret FROM secret_table"), {"secret": "hush"})
    assert not isinstance(caught.value, StorageUnavailableError)
    assert "hush" not in str(caught.value)
    assert "hush" not in str(caught.value.__cause__)


async def test_a_statement_that_takes_too_long_is_given_up(store: PostgresStore) -> None:
    with pytest.raises(StorageUnavailableError):  # noqa: PT012 - a transaction is one thing
        async with store.transaction() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 20"))
            await connection.execute(text("SELECT pg_sleep(5)"))


async def test_a_connection_that_was_killed_is_replaced(
    store: PostgresStore, database_url: str
) -> None:
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert await store.list_followed() == frozenset()
    other = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageUnavailableError):  # noqa: PT012 - a transaction is one thing
        async with store.transaction() as connection:
            await connection.execute(text("SELECT 1"))
            async with other.transaction() as killer:
                await killer.execute(kill)
            await connection.execute(text("SELECT 1"))
    assert await store.list_followed() == frozenset()
    await other.close()


async def test_a_connection_that_was_lost_while_idle_is_not_noticed(
    store: PostgresStore, database_url: str
) -> None:
    assert await store.list_followed() == frozenset()
    await kill_all(database_url)
    assert await store.list_followed() == frozenset()


async def test_a_pool_is_bounded_and_a_burst_waits(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules(), pool_size=2)
    assert await asyncio.gather(*(store.list_followed() for _ in range(20))) == [frozenset()] * 20
    async with store.transaction() as connection:
        count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert (await connection.execute(count)).scalar_one() <= 2
    await store.close()


async def test_what_a_connection_says_that_is_cut_while_it_is_set_up_passes() -> None:
    with pytest.raises(StorageUnavailableError, match="cannot switch to state 12"):
        async with translated_errors():
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation")
