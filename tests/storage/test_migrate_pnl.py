"""Books from before balances and the trail are carried over, and go on adding up."""

import importlib.util

from sqlalchemy import text

from storage.migrate import MIGRATIONS
from storage.postgres import PostgresStore
from storage.recount import audit_books
from storage.view_pnl import load_total
from tests.storage.builders import (
    NO,
    NOW,
    WALLET,
    WHALE,
    booked,
    bought,
    entry,
    later,
    price,
    reserved,
    sold,
    trade,
    whale,
)
from trading.types import Settlement

AS_BEFORE = (
    "DROP TRIGGER ledger_is_added_up ON ledger",
    "DROP TRIGGER active_positions_are_counted ON positions",
    "DROP TRIGGER a_new_whales_positions_are_counted ON whales",
    "DROP FUNCTION add_to_balance, count_active_position, count_positions_of_whale",
    "DROP TABLE balances, pnl_changes",
    "DROP INDEX ix_positions_held",
    "ALTER TABLE positions DROP COLUMN settled_cost",
    "ALTER TABLE equity DROP COLUMN minute",
    "UPDATE whales SET active_positions = 9",
    "DELETE FROM equity",
    f"""
    INSERT INTO equity (wallet, cash, bid_value, deposits, pnl_peak, timestamp)
    SELECT '{WALLET}', n, 0, 1, n % 3, timestamptz '2026-11-22 12:00:00Z' + n * interval '20 s'
    FROM generate_series(0, 5) AS n
    """,
)


def carrying() -> tuple[str, ...]:
    """Return the statements of the migration."""
    path = MIGRATIONS / "versions" / "0007_pnl.py"
    spec = importlib.util.spec_from_file_location("migration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    statements: tuple[str, ...] = module.STATEMENTS
    return statements


async def carried(store: PostgresStore) -> None:
    """Take the books back to what they were, and carry them over."""
    async with store.transaction() as connection:
        for statement in (*AS_BEFORE, *carrying()):
            await connection.execute(text(statement))


async def test_old_books_add_up_and_go_on(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)
    await sold(funded, await bought(funded, fee="0.3"), at="0.71")
    redeemed = await bought(funded, "s2#1")
    await funded.settle_resolution(redeemed.position_id, price("0.5"), redeemed=True, now=NOW)
    held = await reserved(funded, entry("s3#1", token_id=NO, cost_max="60"))
    await funded.begin_sending(held.order.order_hash, 1, NOW)
    pending = trade(held, "late", size="60", fee="1", settlement=Settlement.MATCHED)
    await booked(funded, held, trade(held, "t1", size="40", at="0.33"), pending)
    before = await load_total(funded)
    await carried(funded)
    assert await audit_books(funded) == []
    assert await load_total(funded) == before
    await booked(funded, held, trade(held, "late", size="60", fee="1"))
    assert await audit_books(funded) == []
    assert (await load_total(funded)).gap == 0


async def test_counts_and_samples_are_put_right(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)
    await bought(funded)
    await carried(funded)
    async with funded.transaction() as connection:
        active = "SELECT active_positions FROM whales WHERE address = :whale"
        assert await connection.scalar(text(active), {"whale": WHALE}) == 1
        kept = await connection.execute(
            text("SELECT timestamp, pnl_peak FROM equity ORDER BY minute")
        )
        assert [tuple(row) for row in kept] == [(later(40), 2), (later(100), 2)]


async def test_a_fill_that_was_on_its_way_is_told_when_it_is_confirmed(
    funded: PostgresStore,
) -> None:
    intent = await reserved(funded, entry(cost_max="60"))
    await funded.begin_sending(intent.order.order_hash, 1, NOW)
    await booked(funded, intent, trade(intent, settlement=Settlement.MATCHED))
    await carried(funded)
    await booked(funded, intent, trade(intent))
    query = "SELECT cause, cash_after - cash_before AS paid FROM pnl_changes ORDER BY change_id"
    async with funded.transaction() as connection:
        told = [tuple(row) for row in await connection.execute(text(query))]
    assert told == [("CARRIED", 10_000), ("CARRIED", 0), ("MATCHED", 0), ("CONFIRMED", -50)]
