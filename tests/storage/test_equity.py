from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from storage.equity import sample_equity, thin_equity
from storage.port import Mark, StorageError
from storage.postgres import PostgresStore
from storage.tables import equity
from tests.storage.builders import NOW, YES, bought, later, price, sold
from trading.rules import RiskRules


async def samples(store: PostgresStore) -> list[tuple[datetime, int]]:
    """Return time and peak of each sample."""
    query = select(equity.c.timestamp, equity.c.pnl_peak).order_by(equity.c.timestamp)
    async with store.transaction() as connection:
        return [(row.timestamp, int(row.pnl_peak)) for row in await connection.execute(query)]


async def test_a_minute_has_one_sample_its_last(funded: PostgresStore) -> None:
    for second in (0, 1, 4, 5, 59):
        await funded.load_portfolio(later(second))
    assert await samples(funded) == [(later(59), 0)]
    for _ in range(2):
        await sample_equity(funded, later(61))
    assert await samples(funded) == [(later(59), 0), (later(61), 0)]


async def test_a_peak_within_the_minute_is_never_forgotten(funded: PostgresStore) -> None:
    await bought(funded)
    await funded.save_marks([Mark(YES, price("0.90"), later(1))])
    await sample_equity(funded, later(1))
    await funded.save_marks([Mark(YES, price("0.40"), later(2))])
    await sample_equity(funded, later(30))
    assert await samples(funded) == [(later(30), 40)]


async def test_a_late_sample_changes_nothing_but_a_higher_peak(funded: PostgresStore) -> None:
    await sample_equity(funded, later(30))
    await sample_equity(funded, later(2))
    assert await samples(funded) == [(later(30), 0)]
    await sold(funded, await bought(funded), at="0.60")
    await sample_equity(funded, later(31))
    assert await samples(funded) == [(later(31), 10)]


async def test_after_a_week_an_hour_keeps_its_last_sample(funded: PostgresStore) -> None:
    first = NOW.replace(minute=0, second=0)
    for minute in range(0, 180, 10):
        await sample_equity(funded, first + timedelta(minutes=minute))
    assert await thin_equity(funded, first + timedelta(days=6)) == 0
    assert await thin_equity(funded, first + timedelta(days=7, hours=2)) == 10
    kept = [at - first for at, _ in await samples(funded)]
    old, young = kept[:2], kept[2:]
    assert old == [timedelta(minutes=50), timedelta(minutes=110)]
    assert young == [timedelta(minutes=n) for n in range(120, 180, 10)]
    assert await thin_equity(funded, first + timedelta(days=7, hours=2)) == 0


async def test_equity_is_one_wallets(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="expected a store with a wallet"):
        await sample_equity(store, NOW)
    await store.close()
