"""What every breaker says, and a person's word about each."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from storage.guard_port import Kill, KillSource
from storage.port import Reserved, StorageError
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import CAPS, MARKET, NOW, WALLET, WHALE, bought, entry, later, sold, usd
from tests.storage.test_breakers import NO_COOLDOWN, lose
from trading.breakers import Breaker, Override
from trading.rules import RiskRules


def word(breaker: Breaker, until_s: int | None = None, at_s: int = 0) -> Override:
    until = later(at_s if until_s is None else until_s)
    return Override(breaker, "", later(at_s), until, "ann", "I have looked")


async def test_a_fresh_wallet_has_nothing_that_stands(funded: PostgresStore) -> None:
    figures = await funded.load_breakers(NOW)
    assert (figures.standing.trips, figures.standing.overrides, figures.kills) == ([], [], [])
    assert (figures.losses.in_row, figures.ended, figures.failed) == (0, 0, 0)
    assert figures.drawdown == 0
    assert figures.pnl_today == 0


async def test_every_trip_is_shown_with_its_market_or_whale(funded: PostgresStore) -> None:
    await lose(funded, 1)
    await funded.pull_switch(Kill(KillSource.DASHBOARD, "ann", "w", NOW))
    figures = await funded.load_breakers(NOW)
    keys = {(t.breaker, t.key) for t in figures.standing.trips}
    assert keys == {(Breaker.MARKET_COOLDOWN, MARKET), (Breaker.WHALE_COOLDOWN, WHALE)}
    assert (figures.losses.in_row, len(figures.kills)) == (1, 1)
    assert figures.pnl_today == -1
    assert figures.drawdown > 0


@pytest.mark.parametrize("breaker", [Breaker.MARKET_COOLDOWN, Breaker.WHALE_COOLDOWN])
async def test_a_word_lifts_one_cooldown_and_not_the_other(
    funded: PostgresStore, breaker: Breaker
) -> None:
    await lose(funded, 1)
    counts = await funded.override_breaker(word(breaker))
    assert counts is not None
    assert counts.until == NOW + RiskRules().market_cooldown
    answer = await funded.reserve_entry(entry("s9#1"), CAPS, NOW)
    assert not isinstance(answer, Reserved)
    other = next(b for b in Breaker if b.is_keyed and b is not breaker)
    assert await funded.override_breaker(word(other)) is not None
    assert isinstance(await funded.reserve_entry(entry("s9#1"), CAPS, NOW), Reserved)
    assert await events_of(funded) == ["breaker_overridden"] * 2


async def test_a_word_ends_a_pause_and_the_next_pause_holds_again(funded: PostgresStore) -> None:
    funded.rules = NO_COOLDOWN
    for n in range(5):
        await lose(funded, n)
    assert (await funded.load_portfolio(later(1))).entries_halted
    assert await funded.override_breaker(word(Breaker.LOSSES_IN_ROW, at_s=-900)) is not None
    assert not (await funded.load_portfolio(later(1))).entries_halted
    assert isinstance(await funded.reserve_entry(entry("s9#1"), CAPS, later(1)), Reserved)


async def test_a_word_lifts_the_halt_of_a_day_until_that_day_ends(funded: PostgresStore) -> None:
    funded.rules = RiskRules(daily_loss_max=usd(1), market_cooldown=timedelta(0))
    await lose(funded, 1, at="0.40")
    assert (await funded.load_portfolio(later(1))).entries_halted
    counts = await funded.override_breaker(word(Breaker.DAILY_LOSS))
    assert counts is not None
    assert counts.until == NOW.replace(hour=0) + timedelta(days=1)
    assert not (await funded.load_portfolio(later(1))).entries_halted
    assert (await funded.load_portfolio(counts.until - timedelta(days=1))).entries_halted is False


async def test_a_word_with_a_time_counts_until_then(funded: PostgresStore) -> None:
    counts = await funded.override_breaker(word(Breaker.DRAWDOWN, until_s=60))
    assert counts is not None
    assert counts.until == later(60)
    assert (await funded.load_portfolio(later(59))).is_drawdown_lifted
    assert not (await funded.load_portfolio(later(60))).is_drawdown_lifted


async def test_a_word_about_what_does_not_stand_is_not_kept(funded: PostgresStore) -> None:
    assert await funded.override_breaker(word(Breaker.FAILURE_RATE)) is None
    assert await events_of(funded) == []


async def test_records_of_no_wallet_show_that_of_the_newest_lease(
    funded: PostgresStore, database_url: str
) -> None:
    await lose(funded, 1)
    anybody = PostgresStore(database_url, RiskRules())
    assert (await anybody.load_breakers(NOW)).pnl_today == -1
    await anybody.close()


async def test_records_without_any_wallet_say_so(store: PostgresStore, database_url: str) -> None:
    anybody = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="none yet"):
        await anybody.load_breakers(NOW)
    await anybody.close()
    assert store.wallet == WALLET


async def events_of(store: PostgresStore) -> list[str]:
    query = select(events.c.type).where(events.c.type.like("breaker%"))
    async with store.transaction() as connection:
        return list((await connection.execute(query)).scalars())


async def test_what_was_sold_at_a_gain_cools_nothing_down(funded: PostgresStore) -> None:
    await sold(funded, await bought(funded))
    assert (await funded.load_breakers(NOW)).standing.trips == []
