"""Each timed breaker over its whole time, on a server that skips it: restarts, and exits."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from storage.breakers import count_closing, save_trip
from storage.port import Reserved
from storage.postgres import PostgresStore
from tests.storage.builders import CAPS, MARKET, NOW, WALLET, WHALE, bought, entry, leave, usd
from tests.workflows.test_guard import Post
from trading.breakers import Result, failure_trip
from trading.orders import Intent
from trading.rules import RiskRules
from trading.types import ExitReason

A_MINUTE, AN_HOUR = timedelta(minutes=1), timedelta(hours=1)
RULES = RiskRules()
PATIENT = RiskRules(market_cooldown=timedelta(0), whale_cooldown=timedelta(0))


async def lose_in_row(store: PostgresStore, now: datetime, times: int, rules: RiskRules) -> None:
    async with store.transaction() as connection:
        for _ in range(times):
            result = Result(usd(-1), now, MARKET, WHALE)
            await count_closing(connection, rules, WALLET, result)


async def lose_five_in_row(store: PostgresStore, now: datetime) -> datetime:
    await lose_in_row(store, now, RULES.losses_in_row_max - 1, PATIENT)
    assert await is_free(store, now, "at four")
    await lose_in_row(store, now, 1, PATIENT)
    return now + RULES.pause


async def fail_often(store: PostgresStore, now: datetime) -> datetime:
    assert failure_trip(20, 2, now, RULES) is None
    trip = failure_trip(20, 3, now, RULES)
    assert trip is not None
    async with store.transaction() as connection:
        await save_trip(connection, WALLET, trip)
    return now + RULES.failure_pause


async def lose_once(store: PostgresStore, now: datetime) -> datetime:
    await lose_in_row(store, now, 1, RULES)
    return now + RULES.market_cooldown


Trips = Callable[[PostgresStore, datetime], Awaitable[datetime]]
BREAKERS: dict[str, Trips] = {
    "losses in a row": lose_five_in_row,
    "failure rate": fail_often,
    "cooldowns": lose_once,
}


async def is_free(store: PostgresStore, now: datetime, name: str) -> bool:
    """Tell whether an entry may leave now."""
    wish = entry(f"{name}#1", size="5", created_at=now)
    return isinstance(await store.reserve_entry(wish, CAPS, now), Reserved)


async def may_exit(store: PostgresStore, exit_order: Intent, now: datetime) -> bool:
    return await store.begin_sending(exit_order.order.order_hash, 1, now)


async def sleep_until(env: WorkflowEnvironment, wanted: datetime) -> None:
    """Skip to a time, an hour in one go: the guard looks often."""
    while (left := wanted - await env.get_current_time()) > timedelta(0):
        await env.sleep(min(left, AN_HOUR))


@pytest.mark.parametrize("name", BREAKERS)
async def test_a_breaker_holds_to_its_end_over_a_restart_and_lets_an_exit_pass(
    database_url: str, time_skipping_env: WorkflowEnvironment, name: str
) -> None:
    env, store = time_skipping_env, PostgresStore(database_url, RULES, WALLET)
    try:
        await store.record_deposit(usd(10_000), "bankroll", NOW)
        assert await store.acquire_lease(WALLET, "us", NOW) == 1
        held = await bought(store)
        began = await env.get_current_time()
        ends_at = await BREAKERS[name](store, began)
        post = Post(store, env.client)
        async with post.guarded():
            await sleep_until(env, ends_at - A_MINUTE)
            assert not await is_free(store, await env.get_current_time(), "before its end")
        restarted = PostgresStore(database_url, RULES, WALLET)  # another process, later
        try:
            again = Post(restarted, env.client)
            async with again.guarded():
                now = await env.get_current_time()
                epoch = await restarted.begin_exit(held.position_id, ExitReason.STOP_LOSS, now)
                sale = leave(held.position_id, epoch=epoch, size="10", created_at=now)
                committed = await restarted.commit_exit(sale, now)
                assert isinstance(committed, Intent)
                assert await may_exit(restarted, committed, now)
                assert not await is_free(restarted, min(now, ends_at - A_MINUTE), "restarted")
                await restarted.end_exit(held.position_id, now)
                await sleep_until(env, ends_at + A_MINUTE)
                assert await is_free(restarted, await env.get_current_time(), "after its end")
                assert again.reviews[-1].summary == "entries may leave"
        finally:
            await restarted.close()
    finally:
        await store.close()
