from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from sqlalchemy import select

from storage.pnl_tables import pnl_changes
from storage.port import Mark
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NOW,
    YES,
    booked,
    bought,
    entry,
    later,
    price,
    reserved,
    sold,
    trade,
    usd,
)
from trading.orders import Intent
from trading.types import ExitReason, Settlement

MATCHED, FAILED, CONFIRMED = Settlement.MATCHED, Settlement.FAILED, Settlement.CONFIRMED


async def changes(store: PostgresStore) -> Sequence[Mapping[str, object]]:
    query = select(pnl_changes).order_by(pnl_changes.c.change_id)
    async with store.transaction() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def causes(store: PostgresStore) -> list[object]:
    return [row["cause"] for row in await changes(store)]


async def sent(store: PostgresStore, name: str = "s1#1") -> Intent:
    intent = await reserved(store, entry(name, cost_max="60"))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    return intent


def pick(row: Mapping[str, object], name: str) -> tuple[object, object]:
    return row[f"{name}_before"], row[f"{name}_after"]


async def test_a_deposit_is_told_once(funded: PostgresStore) -> None:
    await funded.record_deposit(usd(10_000), "bankroll", NOW)
    await funded.record_deposit(usd(-100), "withdrawn", later(1))
    first, second = await changes(funded)
    assert (first["cause"], first["ref"], pick(first, "cash")) == (
        "DEPOSITED",
        "bankroll",
        (0, 10_000),
    )
    assert pick(second, "cash") == (10_000, 9_900)


async def test_a_fill_is_told_when_it_matches_and_when_it_is_money(funded: PostgresStore) -> None:
    intent = await sent(funded)
    await booked(funded, intent, trade(intent, fee="1", settlement=MATCHED))
    await funded.save_marks([Mark(YES, price("0.55"), NOW)])
    await booked(funded, intent, trade(intent, fee="1"))
    _, matched, confirmed = await changes(funded)
    assert (matched["cause"], matched["trade_id"]) == ("MATCHED", "t1")
    assert matched["order_id"] == intent.order.order_hash
    assert pick(matched, "size") == (0, 100)
    assert pick(matched, "entry_price") == (None, Decimal("0.5"))
    assert pick(matched, "cash") == (10_000, 10_000)
    assert matched["mark_price"] is None
    assert confirmed["cause"] == "CONFIRMED"
    assert confirmed["ref"] == f"t1/{intent.order.order_hash}"
    assert pick(confirmed, "cash") == (10_000, 9_949)
    assert pick(confirmed, "size") == (100, 100)
    assert pick(confirmed, "settled_size") == (0, 100)
    assert pick(confirmed, "settled_cost") == (0, 50)
    assert pick(confirmed, "fees") == (0, 1)
    assert pick(confirmed, "realised_pnl") == (0, -1)
    assert confirmed["mark_price"] == Decimal("0.55")


async def test_what_the_chain_refuses_is_told_as_taken_back(funded: PostgresStore) -> None:
    intent = await sent(funded)
    await booked(funded, intent, trade(intent, settlement=MATCHED))
    await booked(funded, intent, trade(intent, settlement=FAILED))
    _, _, reversed_ = await changes(funded)
    assert reversed_["cause"] == "REVERSED"
    assert pick(reversed_, "size") == (100, 0)
    assert pick(reversed_, "entry_price") == (Decimal("0.5"), None)
    assert pick(reversed_, "cash") == (10_000, 10_000)


async def test_a_match_that_failed_before_it_was_counted_changes_nothing(
    funded: PostgresStore,
) -> None:
    intent = await sent(funded)
    await booked(funded, intent, trade(intent, settlement=FAILED))
    assert await causes(funded) == ["DEPOSITED"]


async def test_what_comes_together_is_told_one_by_one(funded: PostgresStore) -> None:
    intent = await sent(funded)
    await booked(funded, intent, trade(intent, "t0", size="10", at="0.30", settlement=MATCHED))
    await booked(
        funded,
        intent,
        trade(intent, "t0", size="10", at="0.30"),
        trade(intent, "t1", size="30", at="0.50", fee="0.5", matched_at=later(1)),
        trade(intent, "t2", size="60", at="0.40", settlement=MATCHED, matched_at=later(2)),
    )
    rows = await changes(funded)
    told = [(row["cause"], row["trade_id"], row["cash_after"]) for row in rows[2:]]
    assert sorted(told, key=str) == [
        ("CONFIRMED", "t0", 9_997),
        ("CONFIRMED", "t1", Decimal("9981.5")),
        ("MATCHED", "t2", told[-1][2]),
    ]
    for before, after in pairwise(rows):
        for name in ("cash", "size", "settled_size", "entry_price", "settled_cost", "fees"):
            assert after[f"{name}_before"] == before[f"{name}_after"], name
    assert rows[-1]["size_after"] == 100
    assert rows[-1]["entry_price_after"] == Decimal("0.42")


async def test_repeats_are_not_told(funded: PostgresStore) -> None:
    intent = await sent(funded)
    for _ in range(3):
        await booked(funded, intent, trade(intent))
    assert await causes(funded) == ["DEPOSITED", "CONFIRMED"]


async def test_a_sale_and_a_redemption_are_told_with_what_they_realised(
    funded: PostgresStore,
) -> None:
    await sold(funded, await bought(funded), at="0.60", size="40")
    [position] = await funded.list_open()
    await funded.settle_resolution(position.position_id, price("0.5"), redeemed=False, now=NOW)
    await funded.settle_resolution(position.position_id, price("0.5"), redeemed=True, now=NOW)
    await funded.settle_resolution(position.position_id, price("0.5"), redeemed=True, now=NOW)
    _, _, sale, paid = await changes(funded)
    assert pick(sale, "realised_pnl") == (0, 4)
    assert pick(sale, "cash") == (9_950, 9_974)
    assert (paid["cause"], paid["ref"]) == ("REDEEMED", f"{position.position_id}/1")
    assert pick(paid, "settled_size") == (60, 0)
    assert pick(paid, "cash") == (9_974, 10_004)
    assert paid["mark_price"] == Decimal("0.5")


async def test_a_figure_that_changed_for_no_cause_is_told_as_restated(
    funded: PostgresStore,
) -> None:
    position = await bought(funded)
    async with funded.transaction() as connection:
        await connection.exec_driver_sql("UPDATE positions SET fees = 3")
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    await funded.end_exit(position.position_id, NOW)
    last = (await changes(funded))[-1]
    assert (last["cause"], last["trade_id"], pick(last, "fees")) == ("RESTATED", None, (3, 0))
