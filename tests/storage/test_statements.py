import pytest

from storage.port import StorageError, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.statements import Statement, run, run_one

ASK = Statement("SELECT :question::text AS answer")
PUT = Statement("INSERT INTO cursors (name, position, saved_at) VALUES (:name, '7', now())")
GET = Statement("SELECT position FROM cursors WHERE name = :name")
NAP = Statement("SELECT pg_sleep(:seconds)")


def test_names_are_numbered_in_order_and_casts_are_left_alone() -> None:
    statement = Statement("SELECT :b, :a::text, now()::date WHERE :b = 'x'")
    assert statement.words == "SELECT $1, $2::text, now()::date WHERE $1 = 'x'"
    assert statement.arguments({"a": 1, "b": 2}) == (2, 1)
    with pytest.raises(AssertionError, match="expected"):
        statement.arguments({"a": 1})


async def test_a_statement_is_part_of_its_transaction(store: PostgresStore) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a transaction is one thing
        async with store.transaction() as connection:
            assert await run(connection, PUT, name="first") == ()
            assert await run(connection, PUT, name="second") == []
            assert await run_one(connection, GET, name="second") is not None
            raise ZeroDivisionError
    async with store.transaction() as connection:
        assert await run_one(connection, GET, name="first") is None
        assert await run_one(connection, GET, name="second") is None


async def test_rows_are_read_by_name_first_and_later(store: PostgresStore) -> None:
    async with store.transaction() as connection:
        for _ in range(3):
            row = await run_one(connection, ASK, question="why")
            assert row is not None
            assert row["answer"] == "why"


async def test_what_is_committed_stays(store: PostgresStore) -> None:
    async with store.transaction() as connection:
        await run(connection, ASK, question="?")
        await run(connection, PUT, name="kept")
    assert await store.load_cursor("kept") == "7"


async def test_what_is_refused_rolls_back_and_costs_no_connection(store: PostgresStore) -> None:
    for first in (True, False):
        with pytest.raises(StorageError, match="cursors"):  # noqa: PT012 - a transaction is one thing
            async with store.transaction() as connection:
                if not first:
                    await run(connection, ASK, question="?")
                await run(connection, PUT, name="twice")
                await run(connection, PUT, name="twice")
        assert await store.load_cursor("twice") is None


async def test_what_takes_too_long_is_unavailable(store: PostgresStore) -> None:
    with pytest.raises(StorageUnavailableError):  # noqa: PT012 - a transaction is one thing
        async with store.transaction() as connection:
            await run(connection, Statement("SET LOCAL statement_timeout = 20"))
            await run(connection, NAP, seconds=5)
    assert await store.load_cursor("none") is None
