"""A whale merges at the local venue, and our lot of that whale follows: from the wire to the sale.

The venue's public record is the real one, over HTTP, with its lag and its lies; so are the
records. Two whales hold the same token, and only the one that left is followed out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from exchange.polymarket.activity import ActivityApi
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from ingest.activity import ActivityFeed
from ingest.health import FeedHealth
from ingest.mirror import MirrorWatch
from ingest.record import Recorder
from ingest.wanted import Wanted
from paper.faults import Fault, FaultPlan, Point
from storage.port import PositionRecord
from storage.postgres import PostgresStore
from tests.activities.desk import Desk
from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.told_venue import ToldVenue, a_market
from tests.storage.builders import MARKET, NO, WHALE, YES, whale_fill
from tests.storage.test_holdings import OTHER
from trading.holdings import MoveKind, WhaleMove
from trading.types import SignalId, Wallet

POLL = timedelta(seconds=30)


@dataclass
class Listening:
    """A listener of the public record beside our activities; time passes when it is told."""

    desk: Desk
    venue: ToldVenue
    http: FeedDesk
    feed: ActivityFeed
    watch: MirrorWatch

    async def hear(self, wallet: Wallet = WHALE) -> None:
        """Let the record catch up, and ask it once."""
        self.wait(POLL)
        stream = self.feed.stream_fills(Wanted(frozenset({wallet})))
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    def wait(self, time: timedelta) -> None:
        self.desk.clock.advance(time)
        self.venue.at = int(self.desk.clock().timestamp() * 1000)

    async def moves(self, kind: MoveKind, size: str, wallet: Wallet = WHALE) -> None:
        body = {"wallet": wallet, "type": kind, "condition_id": MARKET, "size": size}
        answer = await self.http.http.post("/_paper/moves", json=body)
        assert answer.status == 200, await answer.text()

    async def owed(self) -> list[Decimal]:
        """Return the share of our lot that each new signal is given."""
        await self.watch.look()
        given = []
        for stored in await self.desk.store.claim_signals("us", 10, self.desk.clock()):
            await self.desk.store.release_claim(stored.signal.signal_id, "us")
            found = await self.desk.signals.assess_signal(stored.signal.signal_id)
            given.append(found.exit_share or Decimal(0))
        return given


@asynccontextmanager
async def listening(desk: Desk) -> AsyncIterator[Listening]:
    """Follow whales whose market the local venue knows too."""
    venue = ToldVenue()
    venue.listed = [a_market(MARKET, (YES, NO))]
    store, clock = desk.store, desk.clock
    health = FeedHealth(CollectorRegistry(), clock)
    async with open_feeds(venue) as http, aiohttp.ClientSession() as session:
        access = VenueAccess(VenueEndpoints(data=f"{http.url}/data"), session, clock)
        feed = ActivityFeed(ActivityApi(access), (store, store), health, clock)
        watch = MirrorWatch(store, Recorder(store, store, health, clock), health, clock)
        found = Listening(desk, venue, http, feed, watch)
        found.wait(timedelta())
        yield found


@pytest.fixture
async def ours(desk: Desk) -> PositionRecord:
    """The whale bought 6,000 and we copied 100 of them; the signals that told us are over."""
    bought = desk.clock() - timedelta(seconds=1)
    await desk.store.record_fill(whale_fill("6000", tx="0x0b", traded_at=bought))
    position = await desk.opened()
    await desk.store.claim_signals("us", 10, desk.clock())
    await desk.store.release_claim(SignalId("s1"), "us")
    return position


async def test_a_merge_of_half_is_a_sale_of_half_of_our_lot(
    desk: Desk, ours: PositionRecord
) -> None:
    async with listening(desk) as told:
        await told.hear()
        assert await told.owed() == []
        await told.moves(MoveKind.SPLIT, "2000")
        await told.moves(MoveKind.MERGE, "4000")
        await told.hear()
        assert await told.owed() == [Decimal("0.5")]
        assert await desk.store.whale_holding(WHALE, YES, desk.clock()) == 4000
    assert ours.size == 100


async def test_a_row_that_comes_again_and_again_is_followed_once(
    desk: Desk, ours: PositionRecord
) -> None:
    """The record flips between what it knows and what it knew, as caches do."""
    del ours
    async with listening(desk) as told:
        stale = Fault(at=Point.DATA_API, fault="stale", delay_ms=60_000, share=Decimal("0.5"))
        told.venue.faults.replace(FaultPlan((stale,), seed=7))
        await told.moves(MoveKind.MERGE, "1500")
        given = []
        for _ in range(8):
            await told.hear()
            given += await told.owed()
        assert given == [Decimal("0.25")]
        assert await desk.store.whale_holding(WHALE, YES, desk.clock()) == 4500


async def test_another_whales_merge_leaves_our_lot_alone(desk: Desk, ours: PositionRecord) -> None:
    del ours
    other = replace(whale_fill("6000", tx="0x0c"), wallet=OTHER)
    await desk.store.record_fill(other)
    async with listening(desk) as told:
        await told.moves(MoveKind.MERGE, "6000", OTHER)
        await told.hear(OTHER)
        await told.hear()
        assert await told.owed() == []
        assert await desk.store.whale_holding(OTHER, YES, desk.clock()) == 0


async def test_a_split_and_a_conversion_of_the_other_token_copy_nothing(
    desk: Desk, ours: PositionRecord
) -> None:
    del ours
    async with listening(desk) as told:
        await told.moves(MoveKind.SPLIT, "3000")
        await told.moves(MoveKind.CONVERSION, "3000")
        await told.hear()
        assert await told.owed() == []
        assert await desk.store.whale_holding(WHALE, NO, desk.clock()) == 0


async def test_a_planted_bug_that_numbers_rows_anew_is_noticed(
    desk: Desk, ours: PositionRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a row known by when it was heard, the same merge would take our lot twice."""
    del ours
    real, heard = PostgresStore.record_move, 0

    async def record_anew(store: PostgresStore, move: WhaleMove, now: datetime) -> bool:
        nonlocal heard
        heard += 1
        return await real(store, replace(move, ordinal=heard), now)

    monkeypatch.setattr(PostgresStore, "record_move", record_anew)
    async with listening(desk) as told:
        await told.moves(MoveKind.MERGE, "1500")
        for _ in range(2):
            await told.hear()
        assert await told.owed() != [Decimal("0.25")]
