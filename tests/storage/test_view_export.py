from datetime import UTC, datetime

from storage.port import Mark
from storage.postgres import PostgresStore
from storage.view_export import Books, Cell, Period, stream_books
from tests.storage.builders import NOW, WHALE, YES, bought, later, market, price, sold, usd

ALWAYS = Period(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


async def rows(
    store: PostgresStore, books: Books, period: Period = ALWAYS
) -> list[dict[str, Cell]]:
    found = [row async for row in stream_books(store, books, period)]
    names = [str(name) for name in found[0]]
    return [dict(zip(names, row, strict=True)) for row in found[1:]]


async def traded(store: PostgresStore) -> None:
    """Buy 100 at 0.50 for a fee of 1, sell 40 of them at 0.60, mark the rest at 0.55."""
    await store.save_market(market(), NOW)
    await sold(store, await bought(store, fee="1"), at="0.60", size="40")
    await store.save_marks([Mark(YES, price("0.55"), later(1))])


async def test_empty_books_are_their_columns(store: PostgresStore) -> None:
    for books in Books:
        found = [row async for row in stream_books(store, books, ALWAYS)]
        assert len(found) == 1
        assert any(str(name).endswith("_utc") for name in found[0])
        assert any(str(name).endswith("_usd") for name in found[0])


async def test_the_ledger_tells_cash_before_and_after_each_entry(funded: PostgresStore) -> None:
    await traded(funded)
    found = await rows(funded, Books.LEDGER)
    assert [(row["kind"], row["cash_usd"], row["cash_after_usd"]) for row in found] == [
        ("DEPOSIT", 10_000, 10_000),
        ("FILL", -50, 9_950),
        ("FEE", -1, 9_949),
        ("FILL", 24, 9_973),
    ]
    assert [row["cash_before_usd"] for row in found] == [0, 10_000, 9_950, 9_949]
    assert found[1]["trade_id"] == "trade of s1#1"
    assert found[0]["order_hash"] is None


async def test_a_period_shows_its_entries_and_counts_all_before(funded: PostgresStore) -> None:
    await funded.record_deposit(usd(5), "later", later(60))
    [found] = await rows(funded, Books.LEDGER, Period(later(60), later(61)))
    assert (found["cash_before_usd"], found["cash_after_usd"]) == (10_000, 10_005)
    assert await rows(funded, Books.LEDGER, Period(later(61), later(99))) == []
    assert await rows(funded, Books.PNL, Period(later(1), later(60))) == []


async def test_trades_name_order_whale_and_market(funded: PostgresStore) -> None:
    await traded(funded)
    first, second = await rows(funded, Books.TRADES)
    assert {first["side"], second["side"]} == {"BUY", "SELL"}
    bought_ = first if first["side"] == "BUY" else second
    assert (bought_["whale"], bought_["question"], bought_["outcome"]) == (WHALE, "Will it?", "Yes")
    assert (bought_["size_shares"], bought_["notional_usd"], bought_["fee_usd"]) == (100, 50, 1)
    assert str(bought_["price_usd"]) == "0.500000"
    assert bought_["settlement"] == "CONFIRMED"


async def test_positions_tell_worth_and_both_profits(funded: PostgresStore) -> None:
    await traded(funded)
    [found] = await rows(funded, Books.POSITIONS)
    assert found["state"] == "OPEN"
    assert [found["settled_size_shares"], found["settled_cost_usd"]] == [60, 30]
    assert [found["worth_usd"], found["realised_pnl_usd"]] == [33, 3]
    assert found["unrealised_pnl_usd"] == 3


async def test_the_trail_of_pnl_is_whole(funded: PostgresStore) -> None:
    await traded(funded)
    deposit, entry, leave = await rows(funded, Books.PNL)
    assert (deposit["cause"], deposit["position_id"]) == ("DEPOSITED", None)
    assert (entry["cause"], entry["realised_pnl_after_usd"]) == ("CONFIRMED", -1)
    assert [leave["settled_cost_before_usd"], leave["settled_cost_after_usd"]] == [50, 30]
    assert [leave["realised_pnl_before_usd"], leave["realised_pnl_after_usd"]] == [-1, 3]


async def test_what_is_read_is_one_snapshot(funded: PostgresStore) -> None:
    await traded(funded)
    seen = 0
    async for _ in stream_books(funded, Books.LEDGER, ALWAYS):
        seen += 1
        await funded.record_deposit(usd(1), f"meanwhile {seen}", NOW)
    assert seen == 1 + 4
