"""Fixed SQL for what every trade asks: spelled once, and sent to the driver as it is."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import asyncpg
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

TABLES_MAX = 64
_NAME = re.compile(r"(?<![:\w]):([a-z_]+)")


class Statement:
    """SQL with `:names`, numbered the way the driver wants it."""

    def __init__(self, words: str) -> None:
        self.names = tuple(dict.fromkeys(_NAME.findall(words)))
        places = {name: f"${number}" for number, name in enumerate(self.names, 1)}
        self.words = _NAME.sub(lambda found: places[found[1]], words)

    def arguments(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """Return the values in the order of their places; every name must have one."""
        assert values.keys() == set(self.names), f"expected {self.names}, received {list(values)}"
        return tuple(values[name] for name in self.names)


async def run(
    connection: AsyncConnection, statement: Statement, **values: object
) -> Sequence[asyncpg.Record]:
    """Run a statement within a transaction, past SQLAlchemy; return its rows.

    It costs a tenth that way. SQLAlchemy begins the transaction with the first statement that it
    is given itself: so that one goes through it.
    """
    arguments = statement.arguments(values)
    driver = _driver_of(connection)
    if driver.is_in_transaction():
        found: Sequence[asyncpg.Record] = await driver.fetch(statement.words, *arguments)
        return found
    result = await connection.exec_driver_sql(statement.words, arguments)
    rows: Sequence[RowMapping] = result.mappings().all() if result.returns_rows else ()
    return rows


async def run_one(
    connection: AsyncConnection, statement: Statement, **values: object
) -> asyncpg.Record | None:
    """Run a statement as `run` does; return its one row, or None."""
    found = await run(connection, statement, **values)
    assert len(found) <= 1, f"expected one row, received {len(found)}: {statement.words}"
    return found[0] if found else None


async def insert_row(connection: AsyncConnection, table: str, **values: object) -> None:
    """Insert one row as `run` does; each value has its column's name."""
    await run(connection, _inserting(table, tuple(values)), **values)


@lru_cache(maxsize=TABLES_MAX)
def _inserting(table: str, columns: tuple[str, ...]) -> Statement:
    places = ", ".join(f":{column}" for column in columns)
    return Statement(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})")  # noqa: S608 - names in our code


def _driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    assert connection.sync_connection is not None, "a transaction has a connection"
    return connection.sync_connection.connection.driver_connection
