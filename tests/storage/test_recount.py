import asyncio

import pytest
from sqlalchemy import text

from storage.port import Mark
from storage.postgres import PostgresStore
from storage.recount import audit_books
from tests.storage.builders import NOW, WALLET, WHALE, YES, bought, later, price, sold, usd, whale


async def drifts(store: PostgresStore) -> set[str]:
    return {drift.what for drift in await audit_books(store)}


async def planted(store: PostgresStore, *statements: str) -> set[str]:
    async with store.transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    return await drifts(store)


async def active(store: PostgresStore) -> int:
    statement = text("SELECT active_positions FROM whales WHERE address = :whale")
    async with store.transaction() as connection:
        return int((await connection.execute(statement, {"whale": WHALE})).scalar_one())


async def test_books_that_were_kept_add_up(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)
    await sold(funded, await bought(funded, fee="0.7"), at="0.61", size="33")
    await funded.save_marks([Mark(YES, price("0.55"), later(1))])
    await funded.record_deposit(usd(-5), "out", NOW)
    assert await audit_books(funded) == []


async def test_deposits_and_fills_that_come_together_lose_nothing(
    funded: PostgresStore,
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for n in range(12):
            tasks.create_task(funded.record_deposit(usd(n), f"move {n}", NOW))
        tasks.create_task(bought(funded))
    assert await audit_books(funded) == []
    async with funded.transaction() as connection:
        cash = await connection.scalar(text("SELECT cash FROM balances"))
    assert cash == 10_000 + 66 - 50


async def test_active_positions_follow_every_way_in_and_out(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)
    position = await bought(funded)
    assert await active(funded) == 1
    await funded.settle_resolution(position.position_id, price(1), redeemed=False, now=NOW)
    assert await active(funded) == 1, "resolved is held until it is redeemed"
    await funded.settle_resolution(position.position_id, price(1), redeemed=True, now=NOW)
    assert await active(funded) == 0
    await funded.save_whale(whale(), later(1))
    assert await audit_books(funded) == []


async def test_a_whale_that_is_saved_late_begins_with_what_is_held(funded: PostgresStore) -> None:
    await bought(funded)
    await funded.save_whale(whale(), NOW)
    assert await active(funded) == 1


async def test_a_count_that_skips_a_fill_is_caught(funded: PostgresStore) -> None:
    await funded.save_whale(whale(), NOW)
    async with funded.transaction() as connection:
        await connection.execute(
            text("ALTER TABLE positions DISABLE TRIGGER active_positions_are_counted")
        )
    await bought(funded)
    [drift] = await audit_books(funded)
    assert (drift.what, drift.key) == ("active positions", WHALE)
    assert [drift.stored, drift.counted] == [0, 1]


async def test_a_balance_that_skips_an_entry_is_caught(funded: PostgresStore) -> None:
    async with funded.transaction() as connection:
        await connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ledger_is_added_up"))
    await bought(funded)
    found = await audit_books(funded)
    cash = next(drift for drift in found if drift.what == "cash")
    assert cash.key == WALLET
    assert [cash.stored, cash.counted] == [10_000, 9_950]
    assert {"entries", "realised P&L less what is held at cost"} < {d.what for d in found}


@pytest.mark.parametrize(
    ("planted_bug", "expected"),
    [
        ("UPDATE positions SET settled_cost = settled_cost + 0.000001", "trail of settled cost"),
        ("UPDATE positions SET realised_pnl = 1", "P&L of all days"),
        ("UPDATE positions SET realised_pnl = 1", "realised P&L less what is held at cost"),
        ("UPDATE daily_pnl SET pnl = pnl + 1", "P&L of all days"),
        ("UPDATE balances SET deposits = 1", "deposits"),
        (
            "INSERT INTO ledger (wallet, kind, ref, cash, timestamp)"
            " SELECT wallet, 'GIFT', 'x', 5, now() FROM balances",
            "trail of cash",
        ),
        (
            "INSERT INTO pnl_changes (wallet, position_id, cause, ref, cash_before, cash_after,"
            " timestamp) SELECT user_address, position_id, 'RESTATED', '', 0, 0, now()"
            " FROM positions",
            "trail between changes",
        ),
    ],
)
async def test_every_planted_difference_is_caught(
    funded: PostgresStore, planted_bug: str, expected: str
) -> None:
    await bought(funded, fee="1")
    assert await drifts(funded) == set()
    assert expected in await planted(funded, planted_bug)
