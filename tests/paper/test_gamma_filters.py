import pytest

from paper.model import MICROS, Level
from tests.paper.feed_desk import open_feeds
from tests.paper.told_venue import CONDITION_V3


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("order=liquidity", ["2", "1"]),
        ("order=liquidityNum&ascending=true", ["1", "2"]),
        ("order=volume24hr", ["1", "2"]),
        ("ascending=false", ["2", "1"]),
        ("liquidity_num_min=301", ["2"]),
        ("liquidity_num_max=300.5", ["1"]),
        ("volume_num_min=1234.57", []),
        ("volume_num_min=1234.56", ["1", "2"]),
        ("end_date_min=2026-01-01T00:00:00Z", ["1", "2"]),
        ("end_date_max=2026-01-01", []),
        ("start_date_max=2026-01-01", []),
        ("start_date_min=2026-01-01", ["1", "2"]),
    ],
)
async def test_markets_are_bounded_and_ordered(query: str, found: list[str]) -> None:
    async with open_feeds() as desk:
        desk.venue.set_book(CONDITION_V3, (Level(500_000, 1_000 * MICROS),), ())
        rows = await desk.get(f"/gamma/markets?{query}")
        assert [row["id"] for row in rows] == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("slug=up-or-down-event", ["1"]),
        ("id=2&id=3", ["2"]),
        ("ascending=false", ["2", "1"]),
        ("closed=true", []),
    ],
)
async def test_events_are_chosen_by_slug_and_id(query: str, found: list[str]) -> None:
    async with open_feeds() as desk:
        assert [row["id"] for row in await desk.get(f"/gamma/events?{query}")] == found
