"""Tests of a Data API that fails or lives in the past, as its clients see it."""

from typing import Any

from paper.faults import Fault, FaultPlan, Point
from paper.model import MICROS
from paper.redemption import Redemption
from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.told_venue import CONDITION, HASH, NOW, WHALE, YES, ToldVenue, a_trade

TRADES = f"/data/v2/trades?user={WHALE}"


def a_venue(fault: str, **changes: object) -> ToldVenue:
    venue = ToldVenue()
    venue.made = [a_trade(trade_id=str(ago), matched_at=NOW - ago * 1_000) for ago in (60, 20)]
    rule = Fault(at=Point.DATA_API, fault=fault, **changes)  # type: ignore[arg-type]
    venue.faults.replace(FaultPlan((rule,)))
    return venue


async def sizes(desk: FeedDesk) -> int:
    data: list[Any] = (await desk.get(TRADES))["data"]
    return len(data)


async def test_a_stale_answer_lacks_what_came_since() -> None:
    async with open_feeds(a_venue("stale", delay_ms=30_000, count=1)) as desk:
        assert await sizes(desk) == 2  # of one trade with two makers
        assert await sizes(desk) == 4


async def test_a_stale_position_is_not_redeemed_yet() -> None:
    venue = a_venue("stale", delay_ms=10_000, count=1)
    venue.resolve((MICROS, 0))
    size = 60 * MICROS
    venue.paid = [Redemption(WHALE, CONDITION, YES, "Up", size, size, NOW - 5_000, HASH)]
    async with open_feeds(venue) as desk:
        path = f"/data/v2/positions?user={WHALE}&status=REDEEMABLE"
        assert len((await desk.get(path))["data"]) == 1
        assert (await desk.get(path))["data"] == []


async def test_an_error_has_the_status_and_the_text_of_its_rule() -> None:
    async with open_feeds(a_venue("error", status=502, text="bad gateway", count=1)) as desk:
        assert await desk.refused(TRADES) == (502, {"error": "bad gateway"})
        assert await sizes(desk) == 4


async def test_an_error_without_a_status_is_the_servers() -> None:
    async with open_feeds(a_venue("error", match={"path": "positions"})) as desk:
        status, body = await desk.refused(f"/data/v2/positions?user={WHALE}")
        assert (status, body) == (500, {"error": "internal server error"})
        assert await sizes(desk) == 4


async def test_a_query_that_cannot_be_read_is_still_refused_as_such() -> None:
    async with open_feeds(a_venue("stale", delay_ms=30_000)) as desk:
        status, _ = await desk.refused("/data/v2/trades?user=nobody")
        assert status == 400
