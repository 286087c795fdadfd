"""Each role may do its work and nothing else, on a real server."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy import select

from dashboard.switch import WHO
from storage.breaker_tables import breaker_trips
from storage.database import plain_url
from storage.guard_port import Kill, KillSource
from storage.lane import Lane
from storage.migrate import check_schema
from storage.port import Event, Mark, StorageError
from storage.postgres import PostgresStore
from storage.reconcile_port import Foreigner
from storage.roles import Role, as_role, give_roles, rights_of
from storage.server_facts import load_server_facts
from storage.view_money import load_overview
from storage.watch_port import UnseenPrices
from tests.storage.builders import (
    MARKET,
    NOW,
    WALLET,
    WHALE,
    YES,
    bought,
    entry,
    later,
    market,
    price,
    reserved,
    shares,
    signal,
    trade,
    usd,
    whale,
    whale_fill,
)
from trading.edge import Baseline
from trading.holdings import HeldToken, MoveKind, WhaleMove
from trading.orders import Ruling
from trading.rules import RiskRules
from trading.track_record import study
from trading.types import OrderHash, OrderState, PositionId, Reason


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
        "DELETE FROM breaker_trips",
        "INSERT INTO breakers SELECT * FROM breakers",
        "INSERT INTO ledger SELECT * FROM ledger",
        "INSERT INTO pnl_changes SELECT * FROM pnl_changes",
        "INSERT INTO limits SELECT * FROM limits",
        "INSERT INTO reservations SELECT * FROM reservations",
        "INSERT INTO orders (order_id) SELECT order_id FROM orders",
        "INSERT INTO positions SELECT * FROM positions",
        "INSERT INTO daily_pnl SELECT * FROM daily_pnl",
        "INSERT INTO mirrors SELECT * FROM mirrors",
        "INSERT INTO balances SELECT * FROM balances",
        "UPDATE whale_edges SET since = since",
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
    Role.INGEST: [
        "UPDATE orders SET posts = posts",
        "INSERT INTO halts SELECT * FROM halts",
        "INSERT INTO breaker_trips SELECT * FROM breaker_trips",
        "UPDATE breaker_trips SET until = until",
    ],
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


async def test_the_listener_records_what_it_hears_with_its_own_role(roles_url: str) -> None:
    """All that it writes: fills, signals, whales, markets, marks, evidence, alarms, samples."""
    store = PostgresStore(as_role(roles_url, Role.INGEST), RiskRules(), WALLET, pool_size=2)
    fill, move = whale_fill(), WhaleMove(WHALE, MoveKind.MERGE, MARKET, None, shares(5), "0x9", NOW)
    try:
        await store.save_market(market(), later(1))
        await store.save_whale(whale(), NOW)
        await store.save_score(WHALE, study((), NOW), NOW)
        await store.begin_edge(WHALE, Baseline(Decimal("0.5"), Decimal("0.3"), 90), NOW)
        assert await store.record_fill(fill)
        assert await store.record_fill(replace(fill, removed=True))
        assert await store.record_signal(signal("s9"), NOW, (fill,))
        await store.skip_fills((fill,), Reason.WASH_TRADE)
        assert await store.record_move(move, NOW)
        await store.record_held([HeldToken(WHALE, YES, shares(5), NOW)], NOW)
        await store.list_owed(NOW, NOW)
        await store.quarantine("chain", "why", "{}", NOW)
        for at in ("1", "2"):
            await store.save_cursor("chain/block", at, NOW)
        await store.record_event(Event("told", "INFO", "x", NOW))
        await store.audit_feeds(NOW.date(), NOW)
        await store.begin_silence("chain", NOW, NOW)
        assert await store.end_silence("chain", NOW)
        await store.renew_watch("a", NOW)
        await store.release_watch("a")
        await store.open_unseen(UnseenPrices(1, (PositionId("p"),), NOW, NOW))
        assert await store.close_unseen(NOW)
        await store.sample_equity(NOW)
        await store.thin_equity(NOW)
        await store.record_foreigner(Foreigner(OrderHash("0x77"), "told"), NOW)
        [position] = await store.list_open()
        await store.save_marks([Mark(position.token_id, price("0.4"), NOW)])
    finally:
        await store.close()


async def test_the_listener_folds_evidence_with_its_own_role(roles_url: str) -> None:
    """An order that failed trips its breaker, and one that is at fault halts its token."""
    owner = PostgresStore(roles_url, RiskRules(), WALLET, pool_size=2)
    intent = await reserved(owner, entry("s2#1"))
    assert await owner.begin_sending(intent.order.order_hash, 1, NOW)
    strict = replace(RiskRules(), failure_orders_min=1, failure_rate_max=Decimal(0))
    store = PostgresStore(as_role(roles_url, Role.INGEST), strict, WALLET, pool_size=2)
    try:
        order_hash = intent.order.order_hash
        lost = [Ruling(OrderState.UNKNOWN, "no answer"), Ruling(OrderState.VOID, "nobody saw it")]
        assert (await store.fold(order_hash, lost, NOW)).state is OrderState.VOID
        async with store.transaction() as connection:
            tripped = await connection.execute(select(breaker_trips.c.breaker))
            assert len(tripped.all()) == 1
        await store.fold(order_hash, [trade(intent, "late")], NOW)
        assert [r.review.kind for r in await owner.list_reviews(open_only=True, limit=9)] != []
    finally:
        await store.close()
        await owner.close()


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
