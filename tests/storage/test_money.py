from decimal import Decimal

import pytest

from storage.port import Mark, StorageError
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, WALLET, YES, bought, later, price, usd
from trading.rules import RiskRules


async def test_a_deposit_is_booked_once(store: PostgresStore) -> None:
    for _ in range(2):
        await store.record_deposit(usd(1000), "first", NOW)
    await store.record_deposit(usd(-100), "withdrawn", NOW)
    portfolio = await store.load_portfolio(NOW)
    assert portfolio.cash == 900
    assert portfolio.bid_value == 0
    assert portfolio.drawdown == 0
    assert not portfolio.entries_halted


async def test_positions_are_worth_their_mark_and_their_cost_before_the_first(
    funded: PostgresStore,
) -> None:
    await bought(funded)
    assert (await funded.load_portfolio(NOW)).bid_value == 50
    await funded.save_marks([Mark(YES, price("0.45"), NOW)])
    portfolio = await funded.load_portfolio(NOW)
    assert portfolio.bid_value == 45
    assert portfolio.cash == 9950


async def test_drawdown_is_the_fall_from_the_peak_and_deposits_are_no_gain(
    store: PostgresStore,
) -> None:
    await store.record_deposit(usd(100), "bankroll", NOW)
    await store.acquire_lease(WALLET, "us", NOW)
    await bought(store)
    await store.save_marks([Mark(YES, price("0.70"), later(1))])
    assert (await store.load_portfolio(later(1))).drawdown == 0
    await store.record_deposit(usd(80), "more", later(2))
    assert (await store.load_portfolio(later(2))).drawdown == 0
    await store.save_marks([Mark(YES, price("0.60"), later(3))])
    assert (await store.load_portfolio(later(3))).drawdown == Decimal("0.05")
    await store.record_deposit(usd(-100), "withdrawn", later(4))
    assert (await store.load_portfolio(later(4))).drawdown == Decimal("0.1")
    await store.save_marks([Mark(YES, price("0.70"), later(5))])
    assert (await store.load_portfolio(later(5))).drawdown == 0


async def test_empty_books_have_no_drawdown(store: PostgresStore) -> None:
    portfolio = await store.load_portfolio(NOW)
    assert portfolio.cash == 0
    assert portfolio.drawdown == 0


async def test_a_portfolio_is_one_wallets(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="expected a store with a wallet"):
        await store.load_portfolio(NOW)
    await store.close()
