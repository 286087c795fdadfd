from decimal import Decimal

import pytest

from paper.model import MICROS
from tests.paper.feed_desk import open_feeds
from tests.paper.official_client import official_client
from tests.paper.told_venue import (
    CONDITION,
    CONDITION_V3,
    NO,
    NO_V3,
    YES,
    YES_V3,
    ToldVenue,
    a_market,
)

BOTH = [CONDITION, CONDITION_V3]


def many_markets(count: int) -> ToldVenue:
    venue = ToldVenue()
    venue.listed = [
        a_market(f"0x{number:064x}", (str(2 * number), str(2 * number + 1)), slug=f"m-{number}")
        for number in range(1, count + 1)
    ]
    return venue


async def test_a_market_is_found_by_id_and_by_slug() -> None:
    async with open_feeds() as desk:
        by_id = await desk.get("/gamma/markets/1")
        assert by_id["conditionId"] == CONDITION
        assert await desk.get("/gamma/markets/slug/UP-or-down") == by_id
        assert (await desk.refused("/gamma/markets/99"))[0] == 404
        assert (await desk.refused("/gamma/markets/slug/none"))[0] == 404


async def test_an_event_is_found_by_id_and_by_slug() -> None:
    async with open_feeds() as desk:
        by_id = await desk.get("/gamma/events/2")
        assert by_id["slug"] == "rain-or-shine-event"
        assert await desk.get("/gamma/events/slug/rain-or-shine-event") == by_id
        assert (await desk.refused("/gamma/events/99"))[0] == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", BOTH),
        (f"condition_ids={CONDITION_V3}", [CONDITION_V3]),
        (
            f"condition_ids={CONDITION_V3}&condition_ids={CONDITION.upper()}",
            [CONDITION, CONDITION_V3],
        ),
        (f"clob_token_ids={NO}", [CONDITION]),
        (f"position_ids={NO_V3}", [CONDITION_V3]),
        (f"clob_token_ids={NO_V3}", []),
        (f"clob_token_ids[]={NO}", BOTH),
        ("slug=rain-or-shine&slug=other", [CONDITION_V3]),
        ("version=v2", [CONDITION_V3]),
        ("id=1", [CONDITION]),
        ("closed=true", []),
    ],
)
async def test_markets_are_chosen_by_repeated_flat_parameters(query: str, found: list[str]) -> None:
    async with open_feeds() as desk:
        rows = (await desk.get(f"/gamma/markets/keyset?{query}"))["markets"]
        assert [row["conditionId"] for row in rows] == found


async def test_closed_markets_are_shown_only_on_demand() -> None:
    async with open_feeds() as desk:
        desk.venue.resolve((MICROS, 0))
        assert (await desk.get(f"/gamma/markets?condition_ids={CONDITION}")) == []
        [row] = await desk.get(f"/gamma/markets?condition_ids={CONDITION}&closed=true")
        assert (row["outcomePrices"], row["umaResolutionStatus"]) == ('["1","0"]', "resolved")
        assert (await desk.get("/gamma/markets/1"))["closed"] is True
        assert [row["id"] for row in await desk.get("/gamma/events?closed=true")] == ["1"]
        assert [row["id"] for row in await desk.get("/gamma/events")] == ["2"]


async def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    async with open_feeds(many_markets(25)) as desk:
        seen, path = [], "/gamma/markets/keyset?limit=10"
        answer = await desk.get(path)
        while True:
            seen += [row["id"] for row in answer["markets"]]
            if "next_cursor" not in answer:
                break
            answer = await desk.get(f"{path}&after_cursor={answer['next_cursor']}")
        assert seen == [str(number) for number in range(1, 26)]


async def test_a_page_holds_at_most_a_hundred() -> None:
    async with open_feeds(many_markets(120)) as desk:
        assert len((await desk.get("/gamma/markets/keyset?limit=500"))["markets"]) == 100
        assert len((await desk.get("/gamma/events/keyset?limit=500"))["events"]) == 100
        assert len(await desk.get("/gamma/markets?limit=500&offset=110")) == 10
        assert len(await desk.get("/gamma/events?limit=5&offset=110")) == 5


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=-1",
        "after_cursor=%21%21",
        "after_cursor=AAAA",
        "closed=maybe",
        "order=beauty",
        "end_date_min=soon",
        "liquidity_num_min=1e9",
        "volume_num_max=NaN",
    ],
)
async def test_queries_that_cannot_be_read_are_refused(query: str) -> None:
    async with open_feeds() as desk:
        status, body = await desk.refused(f"/gamma/markets/keyset?{query}")
        assert status == 422
        assert query.split("=", maxsplit=1)[0] in body["error"]


async def test_the_official_client_reads_markets() -> None:
    async with open_feeds() as desk, official_client(desk) as client:
        page = await client.list_markets(condition_ids=[CONDITION, CONDITION_V3]).first_page()
        first, second = page.items
        assert first.condition_id == CONDITION
        assert (first.outcomes.yes.token_id, first.outcomes.yes.position_id) == (YES, None)
        assert (second.outcomes.yes.token_id, second.outcomes.yes.position_id) == (None, YES_V3)
        assert first.outcomes.yes.price == Decimal("0.44")
        assert first.prices.best_ask == Decimal("0.45")
        assert first.prices.spread == Decimal("0.02")
        assert first.metrics.liquidity_num == Decimal(300)
        assert first.trading.minimum_tick_size == Decimal("0.01")
        assert first.trading.fee_schedule is not None
        assert first.trading.fee_schedule.rate == Decimal("0.07")
        assert first.state.end_date is not None
        assert first.events[0].slug == "up-or-down-event"
        assert (await client.get_market(slug="up-or-down")).id == "1"
        assert (await client.get_market(id="2")).condition_id == CONDITION_V3


async def test_the_official_client_walks_through_all_pages() -> None:
    async with open_feeds(many_markets(45)) as desk, official_client(desk) as client:
        seen = [market.id async for market in client.list_markets(page_size=20).iter_items()]
        assert seen == [str(number) for number in range(1, 46)]


async def test_the_official_client_reads_events() -> None:
    async with open_feeds() as desk, official_client(desk) as client:
        page = await client.list_events().first_page()
        assert [event.slug for event in page.items] == ["up-or-down-event", "rain-or-shine-event"]
        event = await client.get_event(slug="up-or-down-event")
        assert event.markets[0].condition_id == CONDITION
        assert event.metrics.liquidity == Decimal(300)
