"""The short way to PostgreSQL: one prepared statement, one round trip, its own transaction."""

import json
from asyncio import Semaphore
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import asyncpg

from storage.database import (
    CONNECT_TIMEOUT_S,
    Database,
    connect_database,
    translated_errors,
)
from storage.statements import Statement

LANE_SIZE = 5


class Lane:
    """A few plain connections of the driver, for statements that are a whole transaction each.

    What is asked for several times in every trade costs a tenth here of what it costs through
    the pool of `Database.transaction`. A connection that was lost, or whose statement was broken
    off, is thrown away; the next one who needs it makes a new one. Nothing connects before that.
    """

    def __init__(self, database_url: str, size: int = LANE_SIZE) -> None:
        self._url = database_url
        self._slots = Semaphore(size)
        self._free: list[asyncpg.Connection] = []

    async def rows(self, statement: Statement, **values: object) -> Sequence[asyncpg.Record]:
        """Return all rows.

        Raises:
            StorageUnavailableError: the database did not answer; the call may be repeated.
            StorageError: the database refused what was asked.
        """
        arguments = statement.arguments(values)
        async with translated_errors(), self._slots, self._borrowed() as connection:
            found: Sequence[asyncpg.Record] = await connection.fetch(statement.words, *arguments)
            return found

    async def row(self, statement: Statement, **values: object) -> asyncpg.Record | None:
        """Return the one row that fits, or None; raise as `rows` does."""
        found = await self.rows(statement, **values)
        assert len(found) <= 1, f"expected one row, received {len(found)}: {statement.words}"
        return found[0] if found else None

    async def close(self) -> None:
        """Close the connections that are free."""
        while self._free:
            await self._free.pop().close(timeout=CONNECT_TIMEOUT_S)

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._find()
        try:
            yield connection
        except asyncpg.PostgresError:
            self._free.append(connection)  # it was refused, and is as good as before
            raise
        except BaseException:
            connection.terminate()  # nobody knows what it is still doing
            raise
        self._free.append(connection)

    async def _find(self) -> asyncpg.Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        connection = await connect_database(self._url)
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(
                kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
            )
        return connection


class QuickDatabase(Database, Protocol):
    """A database that also has a lane."""

    @property
    def lane(self) -> Lane:
        """Return the way for statements that stand alone."""
