"""A market is described once its token is seen, beside the path of the trade."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

import pytest

from exchange.port import MarketData, UnavailableError, WireError
from ingest.scout import FRESH_FOR, MarketScout
from ingest.wanted import Wanted
from storage.postgres import PostgresStore
from tests.ingest.desk import Ears, ScriptedFeed, chain_log, until, utc_now
from tests.storage.builders import market
from trading.types import Market, TokenId, Wallet

MARKET = market()
TOKEN = MARKET.token_ids[0]


class FakeMarketData:
    """Answers with one market, after the scripted failures."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[TokenId] = []
        self.market = MARKET

    async def fetch_market(self, token_id: TokenId) -> Market | None:
        self.asked.append(token_id)
        if self.failures:
            raise self.failures.pop(0)
        return self.market if token_id in MARKET.token_ids else None


def scout_of(venue: FakeMarketData, store: PostgresStore, ears: Ears) -> MarketScout:
    return MarketScout(cast(MarketData, venue), store, ears.health, utc_now)


async def running(scout: MarketScout, holds: Callable[[], Awaitable[bool]]) -> None:
    task = asyncio.create_task(scout.run())
    try:
        await until(holds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_new_token_is_described_once(store: PostgresStore, ears: Ears) -> None:
    venue = FakeMarketData()
    scout = scout_of(venue, store, ears)
    for _ in range(3):
        scout.notice(TOKEN)

    async def is_known() -> bool:
        return await store.load_market(TOKEN) is not None

    await running(scout, is_known)
    assert venue.asked == [TOKEN]


@pytest.mark.parametrize("failure", [UnavailableError("away"), WireError("odd")])
async def test_a_failure_is_counted_and_tried_again_at_the_next_fill(
    store: PostgresStore, ears: Ears, failure: Exception
) -> None:
    scout = scout_of(FakeMarketData(failure), store, ears)
    scout.notice(TOKEN)

    async def is_counted() -> bool:
        return ears.failures("scout") == 1

    await running(scout, is_counted)
    scout.notice(TOKEN)

    async def is_known() -> bool:
        return await store.load_market(TOKEN) is not None

    await running(scout, is_known)


async def test_a_known_token_is_asked_for_again_when_it_may_have_changed(
    store: PostgresStore, ears: Ears
) -> None:
    await store.save_market(replace(MARKET, accepts_orders=True), utc_now())
    venue, now = FakeMarketData(), utc_now()
    scout = MarketScout(cast(MarketData, venue), store, ears.health, lambda: now)
    scout.notice(TOKEN)
    scout.notice(TokenId("999"))
    now += FRESH_FOR / 2
    scout.notice(TOKEN)
    now += FRESH_FOR / 2
    venue.market = replace(MARKET, accepts_orders=False)
    scout.notice(TOKEN)

    async def is_told() -> bool:
        known = await store.load_market(TOKEN)
        return known is not None and not known.accepts_orders

    await running(scout, is_told)
    assert venue.asked == [TOKEN, TokenId("999"), TOKEN]


async def test_a_scouted_feed_passes_everything_on(store: PostgresStore, ears: Ears) -> None:
    venue = FakeMarketData()
    scout = scout_of(venue, store, ears)
    feed = ScriptedFeed("chain")
    fill = chain_log(1)
    feed.tell(fill)
    scouted = scout.beside(feed)
    assert scouted.name == "chain"
    async for event in scouted.stream_fills(Wanted(frozenset[Wallet]())):
        assert event == fill
        break

    async def is_asked() -> bool:
        return venue.asked == [fill.token_id]

    await running(scout, is_asked)
