import asyncio
import time
from datetime import timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import storage.book_tables
import storage.difference_tables
import storage.exit_tables
import storage.feed_tables
import storage.holding_tables
import storage.migrate
import storage.pnl_tables
import storage.redeem_tables
import storage.tables
import storage.throttle_tables
import storage.watch_tables
import storage.whale_tables
from storage.columns import metadata
from storage.database import open_engine
from storage.migrate import MIGRATIONS, SCHEMA_VERSION, check_schema, migrate, wait_for_schema
from storage.port import StorageError, StorageUnavailableError

OLD_SIGNAL = """
    INSERT INTO signals (signal_id, wallet, token_id, side, size, price, fill_count, traded_at,
        detected_at, source, transaction_hash, state, committed_at)
    VALUES ('s1', '0xw', '7', 'BUY', 10, 0.5, 1, now(), now(), 'CHAIN', '0xt', 'FILLED', now())
"""


def upgrade_to(connection: Connection, version: str) -> None:
    """Bring a database to an older version, as an older release left it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_migrations_make_the_tables_that_the_code_describes(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    engine = open_engine(empty_database_url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


async def test_signals_from_before_the_review_queue_are_kept_and_replay_nothing(
    empty_database_url: str,
) -> None:
    engine = open_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade_to, "0003")
        await connection.execute(text(OLD_SIGNAL))
    await migrate(empty_database_url)
    async with engine.begin() as connection:
        found = await connection.execute(text("SELECT signal_id, replays_signal_id FROM signals"))
        assert found.all() == [("s1", None)]
        assert await connection.scalar(text("SELECT count(*) FROM reviews")) == 0
    await engine.dispose()


async def test_processes_that_migrate_together_wait_for_each_other(empty_database_url: str) -> None:
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
    await check_schema(empty_database_url)


async def test_an_empty_database_is_refused(empty_database_url: str) -> None:
    with pytest.raises(StorageError, match="found no schema"):
        await check_schema(empty_database_url)


async def test_a_newer_schema_is_refused_and_not_touched(database_url: str) -> None:
    engine = open_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(StorageError, match=r"expected schema version \d+, found 9999"):
        await check_schema(database_url)
    with pytest.raises(StorageError, match="found 9999"):
        await migrate(database_url)


async def test_an_unreachable_database_is_unavailable() -> None:
    url = "postgresql+asyncpg://postgres@127.0.0.1:1/none"
    with pytest.raises(StorageUnavailableError):
        await migrate(url)
    with pytest.raises(StorageUnavailableError):
        await check_schema(url)


def test_the_code_knows_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [SCHEMA_VERSION]


def test_migrations_go_forwards_only() -> None:
    for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions():
        assert not hasattr(script.module, "downgrade")


async def test_a_process_waits_for_a_database_that_starts_but_not_for_another_schema(
    database_url: str, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [StorageUnavailableError("starting up"), StorageUnavailableError("starting up")]

    async def starting(url: str) -> None:
        if answers:
            raise answers.pop()
        await check_schema(url)

    monkeypatch.setattr("storage.migrate.RETRY_S", 0.01)
    monkeypatch.setattr("storage.migrate.check_schema", starting)
    await wait_for_schema(database_url)
    assert answers == []
    with pytest.raises(StorageError, match="no schema"):
        await wait_for_schema(empty_database_url)
    answers = [StorageUnavailableError("away")] * 1000
    with pytest.raises(StorageUnavailableError, match=r"within 0:00:00.05"):
        await wait_for_schema(database_url, timedelta(milliseconds=50))


async def test_a_migration_may_compute_for_longer_than_a_transaction_may_idle(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.STATEMENT_TIMEOUT_S", 0.25)  # idle: twice that
    upgrade = storage.migrate._load_alembic()

    def slowly(connection: Connection) -> None:
        time.sleep(0.8)
        upgrade(connection)

    monkeypatch.setattr(storage.migrate, "_load_alembic", lambda: slowly)
    await migrate(empty_database_url)
    await check_schema(empty_database_url)
