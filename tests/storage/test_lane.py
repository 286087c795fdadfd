import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from storage.lane import Lane
from storage.port import StorageError, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.statements import Statement
from trading.rules import RiskRules

WHO = Statement("SELECT pg_backend_pid() AS pid")
NAP = Statement("SELECT pg_sleep(:seconds)")
COUNT = Statement("SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()")
KILL = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def lane(database_url: str) -> AsyncIterator[Lane]:
    lane = Lane(database_url, size=2)
    yield lane
    await lane.close()


async def pid_of(lane: Lane) -> int:
    row = await lane.row(WHO)
    assert row is not None
    return int(row["pid"])


async def kill_all(database_url: str) -> None:
    """End every other connection's server process, and wait until none is left."""
    other = PostgresStore(database_url, RiskRules())
    async with asyncio.timeout(10), other.transaction() as connection:
        while (await connection.execute(KILL)).all():
            await connection.execute(text("SELECT pg_stat_clear_snapshot()"))
    await other.close()


async def test_a_connection_is_kept_for_the_next_statement(lane: Lane) -> None:
    assert await pid_of(lane) == await pid_of(lane)


async def test_a_burst_waits_for_a_few_connections(lane: Lane) -> None:
    assert len({*await asyncio.gather(*(pid_of(lane) for _ in range(20)))}) <= 2
    row = await lane.row(COUNT)
    assert row is not None
    assert row["n"] <= 2


async def test_a_connection_that_was_killed_while_idle_is_not_noticed(
    lane: Lane, database_url: str
) -> None:
    before = await pid_of(lane)
    await kill_all(database_url)
    async with asyncio.timeout(10):
        while not lane._free[0].is_closed():  # noqa: ASYNC110 - word of its end is on its way
            await asyncio.sleep(0.01)
    assert await pid_of(lane) != before


async def test_a_connection_that_is_killed_at_work_is_unavailable_once(
    lane: Lane, database_url: str
) -> None:
    napping = asyncio.create_task(lane.row(NAP, seconds=30))
    async with asyncio.timeout(10):
        while not napping.done():
            await kill_all(database_url)
    with pytest.raises(StorageUnavailableError):
        await napping
    assert await pid_of(lane)


async def test_a_statement_that_was_broken_off_takes_its_connection_along(lane: Lane) -> None:
    before = await pid_of(lane)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lane.row(NAP, seconds=30), 0.05)
    assert await pid_of(lane) != before


async def test_what_the_database_refuses_is_an_error_and_costs_nothing_else(lane: Lane) -> None:
    before = await pid_of(lane)
    with pytest.raises(StorageError, match="no_such_table") as caught:
        await lane.row(Statement("SELECT * FROM no_such_table"))
    assert not isinstance(caught.value, StorageUnavailableError)
    assert await pid_of(lane) == before


async def test_an_argument_of_the_wrong_kind_is_a_bug_and_not_tried_again(lane: Lane) -> None:
    with pytest.raises(StorageError) as caught:
        await lane.row(NAP, seconds="soon")
    assert not isinstance(caught.value, StorageUnavailableError)


async def test_a_database_that_is_away_is_unavailable() -> None:
    lane = Lane("postgresql+asyncpg://postgres@127.0.0.1:1/none")
    with pytest.raises(StorageUnavailableError):
        await lane.row(WHO)
    await lane.close()
