"""Bring a database to the schema this code knows, forwards only, and refuse any other."""

import asyncio
import contextlib
import importlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import open_engine, translated_errors
from storage.port import StorageError, StorageUnavailableError

SCHEMA_VERSION = "0017"
"""The newest migration; a process runs on no other."""
START_WITHIN = timedelta(seconds=30)
RETRY_S = 0.5
MIGRATIONS = Path(__file__).parent.parent / "migrations"
_NO_HURRY = "SET LOCAL idle_in_transaction_session_timeout = 0"
"""Between two statements a migration may compute for longer than a trade may."""
_LOCK = 7_246_301  # any number of ours: one migration at a time per database


async def migrate(database_url: str) -> None:
    """Apply every migration that is missing; processes that come together wait for each other.

    Raises:
        StorageUnavailableError: the database did not answer.
        StorageError: the database is newer than this code.
    """
    upgrade = await asyncio.to_thread(_load_alembic)
    engine = open_engine(database_url, pool_size=1)
    try:
        async with translated_errors(), engine.begin() as connection:
            await connection.execute(text(_NO_HURRY))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            found = await _version(connection)
            if found is not None and found > SCHEMA_VERSION:
                raise StorageError(_wrong(found))
            if found != SCHEMA_VERSION:
                await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


async def check_schema(database_url: str) -> None:
    """Refuse to run on a schema that this code does not know.

    Raises:
        StorageUnavailableError: the database did not answer.
        StorageError: the schema is older or newer than this code, or not there.
    """
    engine = open_engine(database_url, pool_size=1)
    try:
        async with translated_errors(), engine.begin() as connection:
            found = await _version(connection)
    finally:
        await engine.dispose()
    if found != SCHEMA_VERSION:
        raise StorageError(_wrong(found))


async def wait_for_schema(database_url: str, within: timedelta = START_WITHIN) -> None:
    """Check the schema, waiting while the database starts or recovers.

    Raises:
        StorageUnavailableError: it did not answer in time.
        StorageError: as `check_schema`.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            while True:
                with contextlib.suppress(StorageUnavailableError):
                    return await check_schema(database_url)
                await asyncio.sleep(RETRY_S)
    except TimeoutError as error:
        raise StorageUnavailableError(
            f"expected the database to answer within {within}, it did not"
        ) from error


def _wrong(found: str | None) -> str:
    return f"expected schema version {SCHEMA_VERSION}, found {found or 'no schema'}"


async def _version(connection: AsyncConnection) -> str | None:
    exists = text("SELECT to_regclass('alembic_version') IS NOT NULL")
    if not (await connection.execute(exists)).scalar_one():
        return None
    version = text("SELECT version_num FROM alembic_version")
    found: str | None = (await connection.execute(version)).scalar_one_or_none()
    return found


def _load_alembic() -> Callable[[Connection], None]:
    """Import what only a migration needs, which takes seconds on a busy machine."""
    command = importlib.import_module("alembic.command")
    config = importlib.import_module("alembic.config").Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    return upgrade
