"""What is owed to a whale's exit becomes one signal, until it was answered."""

import asyncio
from datetime import timedelta
from typing import cast

from ingest.mirror import PAGE_EVERY, MirrorWatch
from ingest.record import Recorder
from storage.holding_port import HoldingStore
from storage.postgres import PostgresStore
from tests.fakes import FakeClock
from tests.ingest.desk import Ears, ShakyStore, signal_sizes
from tests.storage.builders import NOW, WALLET, bought, later, market, signal, usd, whale_fill
from tests.storage.test_holdings import end, move


async def watching(store: PostgresStore, ears: Ears, clock: FakeClock) -> MirrorWatch:
    """We hold 100 of a whale that bought 100."""
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await store.save_market(market(), NOW)
    await store.record_fill(whale_fill("100", tx="0x0b"))
    await store.record_signal(signal("s1", traded_at=NOW), NOW)
    await bought(store)
    await end(store, "s1")
    return MirrorWatch(store, Recorder(store, store, ears.health, clock), ears.health, clock)


async def test_a_merge_becomes_a_signal_of_a_sale_once(store: PostgresStore, ears: Ears) -> None:
    clock = FakeClock(later(60))
    watch = await watching(store, ears, clock)
    assert await watch.look() == 0
    await store.record_move(move(at=50), clock())
    clock.advance(timedelta(seconds=1))
    assert await watch.look() == 1
    assert await watch.look() == 0
    found = await store.claim_signals("us", 10, clock())
    assert [each.signal.side for each in found] == ["SELL"]
    assert found[0].signal.size == 40


async def test_what_was_heard_long_ago_is_found_too(store: PostgresStore, ears: Ears) -> None:
    clock = FakeClock(later(3600))
    watch = await watching(store, ears, clock)
    await watch.look()
    await store.record_move(move(at=50), later(51))
    assert await watch.look() == 0
    clock.advance(PAGE_EVERY)
    assert await watch.look() == 1
    assert await watch.look() == 0


async def test_it_looks_on_while_the_database_refuses(store: PostgresStore, ears: Ears) -> None:
    clock = FakeClock(later(60))
    await watching(store, ears, clock)
    shaky = ShakyStore(store)
    shaky.refused.add("list_owed")
    holdings = cast("HoldingStore", shaky)
    watch = MirrorWatch(holdings, Recorder(store, store, ears.health, clock), ears.health, clock)
    task = asyncio.create_task(watch.run(timedelta(milliseconds=5)))
    await store.record_move(move(at=50), clock())
    while not ears.failures("owed"):  # noqa: ASYNC110 - a metric sets no event
        await asyncio.sleep(0.01)
    shaky.refused.clear()
    async with asyncio.timeout(20):
        while len(await signal_sizes(store)) < 2:  # noqa: ASYNC110 - rows set no event
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
