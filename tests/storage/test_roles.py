"""Each role may do its work and nothing else, on a real server."""

import asyncio

import asyncpg
import pytest

from dashboard.switch import WHO
from storage.database import plain_url
from storage.guard_port import Kill, KillSource
from storage.lane import Lane
from storage.migrate import check_schema
from storage.port import Event, StorageError
from storage.postgres import PostgresStore
from storage.roles import Role, as_role, give_roles, rights_of
from storage.server_facts import load_server_facts
from storage.view_money import load_overview
from tests.storage.builders import NOW, WALLET, bought, market, usd
from trading.rules import RiskRules


@pytest.fixture
async def roles_url(database_url: str) -> str:
    await give_roles(database_url)
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    await store.acquire_lease(WALLET, "us", NOW)
    await store.save_market(market(), NOW)
    await bought(store)
    await store.close()
    return database_url


async def refuses(url: str, role: Role, statement: str) -> bool:
    """Tell whether a role is refused; nothing is kept of what it may do."""
    connection = await asyncpg.connect(plain_url(as_role(url, role)))
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await transaction.rollback()
        await connection.close()
    return False


FORBIDDEN = {
    Role.DASHBOARD: [
        "UPDATE orders SET posts = 0",
        "DELETE FROM halts",
        "UPDATE limits SET used = 0",
        "INSERT INTO intents SELECT * FROM intents",
        "DELETE FROM breaker_trips",
        "UPDATE events SET title = ''",
        "CREATE TABLE mine (a int)",
    ],
    Role.SIGNER: [
        "UPDATE orders SET posts = 0",
        "INSERT INTO kills SELECT * FROM kills",
        "DELETE FROM kills",
        "UPDATE leases SET epoch = 0",
        "INSERT INTO events SELECT * FROM events",
    ],
    Role.INGEST: [
        "INSERT INTO intents SELECT * FROM intents",
        "DELETE FROM halts",
        "UPDATE halts SET reason = ''",
        "DELETE FROM kills",
        "UPDATE signals SET state = state",
        "DELETE FROM orders",
        "DELETE FROM ledger",
        "INSERT INTO breaker_overrides SELECT * FROM breaker_overrides",
        "UPDATE leases SET epoch = 0",
        "UPDATE whale_overrides SET position_max = NULL",
    ],
    Role.ENGINE: [
        "DELETE FROM ledger",
        "UPDATE pnl_changes SET cause = cause",
        "DELETE FROM events",
        "TRUNCATE orders",
        "DROP TABLE orders",
        "ALTER TABLE ledger DISABLE TRIGGER ALL",
    ],
    Role.RECONCILER: [
        "INSERT INTO fills SELECT * FROM fills",
        "UPDATE orders SET posts = 0",
        "DELETE FROM halts",
        "DELETE FROM differences",
    ],
}
ALLOWED = {
    Role.DASHBOARD: ["SELECT * FROM ledger", "DELETE FROM kills", "SELECT pg_notify('halts', '')"],
    Role.SIGNER: ["SELECT * FROM intents", "SELECT * FROM reservations"],
    Role.INGEST: ["UPDATE orders SET posts = posts", "INSERT INTO halts SELECT * FROM halts"],
    Role.ENGINE: ["DELETE FROM halts", "UPDATE signals SET state = state"],
    Role.RECONCILER: ["UPDATE differences SET key = key", "SELECT * FROM orders"],
}


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_do_its_work_and_no_more(roles_url: str, role: Role) -> None:
    let_through = [each for each in FORBIDDEN[role] if not await refuses(roles_url, role, each)]
    refused = [each for each in ALLOWED[role] if await refuses(roles_url, role, each)]
    assert (let_through, refused) == ([], [])


@pytest.mark.parametrize("role", Role)
async def test_every_role_reads_the_schema_and_all_tables(roles_url: str, role: Role) -> None:
    url = as_role(roles_url, role)
    await check_schema(url)
    facts = await load_server_facts(url)
    assert (facts.role, facts.is_superuser, facts.unreadable) == (role.value, False, ())


async def test_the_dashboard_reads_its_figures_and_pulls_the_switch(roles_url: str) -> None:
    store = PostgresStore(as_role(roles_url, Role.DASHBOARD), RiskRules(), WALLET, pool_size=2)
    try:
        assert (await load_overview(store, NOW)).wallet == WALLET
        kill = Kill(KillSource.DASHBOARD, WHO, "now", NOW)
        assert await store.pull_switch(kill)
        assert [held.why for held in await store.list_kills()] == ["now"]
        assert await store.release_switch(kill)
        with pytest.raises(StorageError, match="permission denied"):
            await store.halt_wallet("no", NOW)
    finally:
        await store.close()


async def test_the_engine_keeps_books_with_its_own_role(roles_url: str) -> None:
    store = PostgresStore(as_role(roles_url, Role.ENGINE), RiskRules(), WALLET, pool_size=2)
    try:
        await store.record_deposit(usd(5), "more", NOW)
        await store.record_event(Event("told", "INFO", "x", NOW))
        await store.halt_wallet("why", NOW)
    finally:
        await store.close()


async def test_roles_are_given_again_without_harm_and_at_once(database_url: str) -> None:
    await give_roles(database_url)
    began = asyncio.get_running_loop().time()
    assert await give_roles(database_url) == tuple(Role)
    assert asyncio.get_running_loop().time() - began < 5
    lane = Lane(as_role(database_url, Role.SIGNER))
    await lane.close()


async def test_who_may_not_make_roles_is_told(roles_url: str) -> None:
    with pytest.raises(StorageError, match=r"permission denied|must be"):
        await give_roles(as_role(roles_url, Role.ENGINE))


def test_nobody_may_change_what_is_append_only() -> None:
    for role in Role:
        for table in ("ledger", "pnl_changes", "events"):
            assert {"UPDATE", "DELETE"}.isdisjoint(rights_of(role, table))


def test_a_role_logs_in_by_its_name_alone() -> None:
    url = "postgresql+asyncpg://postgres:secret@/w?host=/run/pg"
    assert as_role(url, Role.SIGNER) == "postgresql+asyncpg://whalecopy_signer@/w?host=/run/pg"
