from datetime import timedelta

import pytest
from sqlalchemy import select

from storage.breakers import Halt, HaltScope
from storage.port import Reserved, StorageError
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import CAPS, NOW, WALLET, YES, bought, entry, later, sold
from trading.rules import RiskRules
from trading.types import Reason, Refusal, Usd


async def lose(store: PostgresStore, n: int, *, at: str = "0.49") -> None:
    await sold(store, await bought(store, f"loss{n}#1"), at=at)


async def is_halted(store: PostgresStore, seconds: int) -> str:
    portfolio = await store.load_portfolio(later(seconds))
    assert portfolio.entries_halted is bool(portfolio.halt_reason)
    return portfolio.halt_reason


async def test_a_daily_loss_above_the_cap_halts_entries_until_the_next_utc_day(
    funded: PostgresStore,
) -> None:
    funded.rules = RiskRules(daily_loss_max=Usd(CAPS.position / 100))  # $10
    await lose(funded, 1, at="0.40")
    assert await is_halted(funded, 1) == ""
    await lose(funded, 2, at="0.499999")
    assert "daily loss" in await is_halted(funded, 1)
    refusal = await funded.reserve_entry(entry("s9#1"), CAPS, later(1))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.ENTRIES_HALTED
    tomorrow = entry("s9#1", created_at=NOW + timedelta(hours=12))
    assert isinstance(await funded.reserve_entry(tomorrow, CAPS, tomorrow.created_at), Reserved)


async def test_losses_in_a_row_pause_entries_for_an_hour(funded: PostgresStore) -> None:
    for n in range(4):
        await lose(funded, n)
    assert await is_halted(funded, 0) == ""
    await lose(funded, 5)
    assert "paused until" in await is_halted(funded, 3599)
    assert await is_halted(funded, 3600) == ""


async def test_a_pause_outlives_a_restart_and_starts_the_count_again(
    funded: PostgresStore, database_url: str
) -> None:
    for n in range(5):
        await lose(funded, n)
    restarted = PostgresStore(database_url, RiskRules(), WALLET)
    assert "paused until" in await is_halted(restarted, 60)
    await restarted.close()
    async with funded.transaction() as connection:
        found = await connection.exec_driver_sql("SELECT losses_in_row FROM breakers")
        assert found.scalar_one() == 0


async def test_a_gain_breaks_the_row_of_losses(funded: PostgresStore) -> None:
    for n in range(4):
        await lose(funded, n)
    await sold(funded, await bought(funded, "gain#1"), at="0.51")
    await lose(funded, 9)
    assert await is_halted(funded, 0) == ""


async def test_the_first_reason_of_a_halt_stands_until_it_is_cleared(
    funded: PostgresStore,
) -> None:
    for reason in ("first", "second"):
        await funded.halt_entries(Halt(HaltScope.WALLET, WALLET, reason, NOW))
    assert await is_halted(funded, 0) == "first"
    assert await funded.clear_halt(HaltScope.WALLET, WALLET)
    assert not await funded.clear_halt(HaltScope.WALLET, WALLET)
    assert await is_halted(funded, 0) == ""


async def test_a_halt_pages_once_and_bars_what_it_names(funded: PostgresStore) -> None:
    for _ in range(2):
        await funded.halt_token(YES, "an order is unknown", NOW)
    refusal = await funded.reserve_entry(entry(), CAPS, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.numbers["halt"] == "an order is unknown"
    await funded.halt_wallet("the API key is refused", NOW)
    assert await is_halted(funded, 0) == "the API key is refused"
    query = select(events.c.severity, events.c.title, events.c.ids)
    async with funded.transaction() as connection:
        told = (await connection.execute(query.where(events.c.type == "entries_halted"))).all()
    assert [tuple(row) for row in told] == [
        ("PAGE", "an order is unknown", {"token": YES}),
        ("PAGE", "the API key is refused", {"wallet": WALLET}),
    ]


async def test_records_of_no_wallet_halt_none(database_url: str) -> None:
    anybody = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="of one wallet"):
        await anybody.halt_wallet("no reason", NOW)
    await anybody.close()
