"""What the guard tells of breakers, and what it does with a person's word."""

from datetime import timedelta

import pytest

from activities.guard import GuardActivities, KillOrder, OverrideOrder
from storage.breakers import save_trip
from tests.activities.desk import Desk
from tests.storage.builders import NOW, WALLET
from trading.breakers import Breaker, Trip

ORDER = KillOrder("ann", "odd fills")


def guard(desk: Desk) -> GuardActivities:
    return GuardActivities(desk.store, desk.rules.risk, desk.clock)


async def trip(desk: Desk, breaker: Breaker = Breaker.FAILURE_RATE, key: str = "") -> None:
    until = NOW + timedelta(minutes=60)
    async with desk.store.transaction() as connection:
        await save_trip(connection, WALLET, Trip(breaker, key, NOW, until, "3 of 21 failed"))


async def test_with_nothing_tripped_entries_may_leave(desk: Desk) -> None:
    review = await guard(desk).review_breakers()
    assert (review.summary, review.next_at) == ("entries may leave", None)
    assert "breaker_tripped" not in await desk.events()


async def test_a_trip_is_told_once_and_its_end_is_the_next_look(desk: Desk) -> None:
    await trip(desk)
    for _ in range(2):
        review = await guard(desk).review_breakers()
    assert review.summary == "entries halted: 3 of 21 failed"
    assert review.next_at == NOW + timedelta(minutes=60)
    assert (await desk.events()).count("breaker_tripped") == 1


async def test_a_cooldown_is_told_and_halts_no_other_market(desk: Desk) -> None:
    await trip(desk, Breaker.MARKET_COOLDOWN, key="0xc3")
    review = await guard(desk).review_breakers()
    assert review.summary == "entries may leave; 3 of 21 failed"
    assert review.next_at == NOW + timedelta(minutes=60)


async def test_levels_without_a_time_are_told_once_a_day(desk: Desk) -> None:
    peak = "INSERT INTO equity (wallet, cash, bid_value, deposits, pnl_peak, timestamp, minute)"
    position = await desk.opened()
    async with desk.store.transaction() as connection:
        await connection.exec_driver_sql(
            f"{peak} VALUES ($1, 0, 0, 0, 9000, $2, $2)",
            (WALLET, NOW),
        )
        await connection.exec_driver_sql(
            "INSERT INTO daily_pnl (position_id, day, wallet, pnl) VALUES ($1, $2, $3, -501)"
            " ON CONFLICT (position_id, day) DO UPDATE SET pnl = excluded.pnl",
            (position.position_id, desk.clock().date(), WALLET),
        )
    for _ in range(2):
        review = await guard(desk).review_breakers()
    assert "daily loss 501" in review.summary
    assert "halved" in review.summary
    assert (await desk.events()).count("breaker_tripped") == 2


async def test_a_word_lifts_what_stands_and_says_until_when(desk: Desk) -> None:
    order = OverrideOrder(Breaker.FAILURE_RATE, "ann", "it was the venue")
    assert "nothing to lift" in await guard(desk).override_breaker(order)
    await trip(desk)
    assert "2026-11-22T13:00:00" in await guard(desk).override_breaker(order)
    assert (await guard(desk).review_breakers()).summary == "entries may leave"


@pytest.mark.parametrize("closes_all", [False, True])
async def test_the_switch_is_pulled_and_let_go_through_the_guard(
    desk: Desk, closes_all: bool
) -> None:
    review = await guard(desk).pull_switch(KillOrder("ann", "odd fills", closes_all))
    assert review.holders == ("kill switch held by TEMPORAL (ann): odd fills",)
    (kill,) = await desk.store.list_kills()
    assert kill.closes_all is closes_all
    assert (await guard(desk).release_switch(ORDER)).holders == ()
    assert await desk.store.list_kills() == []
