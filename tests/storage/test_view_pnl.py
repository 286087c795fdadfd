from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import text

from storage.equity import sample_equity
from storage.port import Mark
from storage.postgres import PostgresStore
from storage.view_pnl import PnlBy, list_days, list_pnl, list_position_pnl, load_total
from tests.storage.builders import (
    MARKET,
    NOW,
    WALLET,
    WHALE,
    YES,
    bought,
    later,
    market,
    price,
    sold,
    whale,
)
from trading.portfolio import add_up
from trading.rules import RiskRules


async def traded(store: PostgresStore) -> None:
    """Win 10 with one position, hold another that is down 5 and paid a fee of 1."""
    await sold(store, await bought(store), at="0.60")
    await bought(store, "s2#1", fee="1")
    await store.save_marks([Mark(YES, price("0.45"), later(1))])


async def test_without_a_trade_there_is_nothing_and_it_adds_up(
    store: PostgresStore, database_url: str
) -> None:
    nobody = PostgresStore(database_url, RiskRules())
    total = await load_total(nobody)
    assert (total.wallet, total.gain) == (None, None)
    assert total.gap == 0
    assert await list_pnl(nobody, PnlBy.WHALE) == []
    assert await list_days(nobody) == []
    await nobody.close()


async def test_the_total_equals_cash_and_worth_less_deposits(funded: PostgresStore) -> None:
    await traded(funded)
    total = await load_total(funded)
    assert total.wallet == WALLET
    assert [total.pnl.realised, total.pnl.unrealised] == [9, -5]
    assert [total.account.cash, total.account.bid_value] == [9_959, 45]
    assert (total.pnl.positions, total.pnl.held) == (2, 1)
    assert total.gap == 0
    assert total.gain == Decimal("0.0004")


async def test_cash_that_came_from_nowhere_is_a_gap(funded: PostgresStore) -> None:
    await traded(funded)
    async with funded.transaction() as connection:
        await connection.execute(text("UPDATE balances SET cash = cash + 0.000001"))
    assert (await load_total(funded)).gap == Decimal("-0.000001")


async def test_whales_and_markets_are_named_and_sum_to_the_total(funded: PostgresStore) -> None:
    await traded(funded)
    total = (await load_total(funded)).pnl
    [by_address] = await list_pnl(funded, PnlBy.WHALE)
    assert (by_address.key, by_address.label, by_address.pnl) == (WHALE, WHALE, total)
    await funded.save_whale(whale(), NOW)
    await funded.save_market(market(), NOW)
    assert (await list_pnl(funded, PnlBy.WHALE))[0].label == "Deep-Blue"
    [by_market] = await list_pnl(funded, PnlBy.MARKET)
    assert (by_market.key, by_market.label, by_market.pnl) == (MARKET, "Will it?", total)


async def test_positions_are_listed_newest_first_and_add_up_by_the_pure_rules(
    funded: PostgresStore,
) -> None:
    await funded.save_market(market(), NOW)
    await traded(funded)
    lines = await list_position_pnl(funded)
    assert {line.state for line in lines} == {"OPEN", "CLOSED"}
    assert {line.label for line in lines} == {"Yes, Will it?"}
    assert add_up(line.pnl for line in lines) == (await load_total(funded)).pnl
    assert len(await list_position_pnl(funded, 1)) == 1


async def test_days_tell_what_they_realised_and_the_equity_at_their_end(
    funded: PostgresStore,
) -> None:
    await traded(funded)
    night = datetime(2026, 11, 22, 23, 58, tzinfo=UTC)
    await sample_equity(funded, night)
    await sample_equity(funded, night + timedelta(minutes=5))
    [day] = await list_days(funded)
    assert day.day == date(2026, 11, 22)
    assert [day.positions, day.realised, day.equity] == [2, 9, 10_004]


async def test_before_the_first_mark_nothing_is_unrealised(funded: PostgresStore) -> None:
    await bought(funded)
    total = await load_total(funded)
    assert [total.pnl.worth, total.pnl.unrealised, total.gap] == [50, 0, 0]
