"""What the servers say of themselves is read as it is."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from storage.database import plain_url
from storage.migrate import SCHEMA_VERSION
from storage.port import StorageUnavailableError
from storage.server_facts import load_cache_facts, load_server_facts

NOWHERE = "127.0.0.1:9"


async def test_a_migrated_database_says_its_schema_role_and_time(database_url: str) -> None:
    facts = await load_server_facts(database_url)
    assert facts.schema == SCHEMA_VERSION
    assert facts.version.startswith("18")
    assert facts.is_superuser
    assert facts.is_near
    assert not facts.is_tls
    assert facts.unreadable == ()
    assert facts.unsafe == ("fsync",)  # of the tests' server, which need not survive a power cut
    assert abs(facts.now - datetime.now(UTC)) < timedelta(seconds=30)


async def test_an_empty_database_has_no_schema(empty_database_url: str) -> None:
    assert (await load_server_facts(empty_database_url)).schema is None


async def test_a_role_without_rights_is_told_which_tables_it_cannot_read(
    database_url: str,
) -> None:
    connection = await asyncpg.connect(plain_url(database_url))
    await connection.execute("CREATE ROLE facts_nobody LOGIN")
    try:
        await connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO facts_nobody")
        await connection.execute("REVOKE SELECT ON orders, fills FROM facts_nobody")
        url = database_url.replace("//postgres@", "//facts_nobody@")
        facts = await load_server_facts(url)
        assert facts.role == "facts_nobody"
        assert not facts.is_superuser
        assert facts.unreadable == ("fills", "orders")
    finally:
        await connection.execute("DROP OWNED BY facts_nobody; DROP ROLE facts_nobody")
        await connection.close()


async def test_a_cache_says_what_it_forgets(valkey_url: str) -> None:
    facts = await load_cache_facts(valkey_url)
    assert facts.policy == "allkeys-lru"
    assert facts.memory_max == 128 * 1024 * 1024
    assert facts.memory_used > 0
    assert facts.version[0].isdigit()


async def test_who_does_not_answer_is_unavailable() -> None:
    with pytest.raises(StorageUnavailableError):
        await load_cache_facts(f"redis://{NOWHERE}/0")
    with pytest.raises(StorageUnavailableError):
        await load_server_facts(f"postgresql://u@{NOWHERE}/w")
