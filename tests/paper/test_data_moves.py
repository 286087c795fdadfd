"""Scripted moves show in activity and holdings as production's do, as late as fills."""

from typing import Any

import pytest

from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.told_venue import CONDITION, NO, WHALE, YES, ToldVenue, a_trade

LAG_MS = 5_000


async def post(desk: FeedDesk, **changes: object) -> tuple[int, Any]:
    body = {"wallet": WHALE, "type": "MERGE", "condition_id": CONDITION, "size": "12.5"}
    response = await desk.http.post("/_paper/moves", json=body | changes)
    return response.status, await response.json()


def later(venue: ToldVenue, milliseconds: int = LAG_MS) -> None:
    venue.at += milliseconds


async def activity(desk: FeedDesk, query: str = "") -> list[Any]:
    answer = await desk.get(f"/data/v2/activity?user={WHALE}{query}")
    return list(answer["data"])


async def sizes(desk: FeedDesk) -> dict[str, float]:
    answer = await desk.get(f"/data/v2/positions?user={WHALE}")
    return {row["token_id"]: row["current_size"] for row in answer["data"]}


async def test_a_move_is_a_row_without_token_or_outcome_once_it_is_indexed() -> None:
    async with open_feeds() as desk:
        status, noted = await post(desk)
        assert (status, noted["kind"], noted["size"]) == (200, "MERGE", 12_500_000)
        assert await activity(desk) == []
        later(desk.venue)
        (row,) = await activity(desk)
        assert (row["type"], row["usdc_size"], row["size"]) == ("MERGE", 12.5, 12.5)
        assert (row["token_id"], row["outcome"], row["outcome_index"]) == ("", "", 999)
        assert (row["condition_id"], row["transaction_hash"]) == (
            CONDITION,
            noted["transaction_hash"],
        )


async def test_moves_are_chosen_by_the_query() -> None:
    async with open_feeds() as desk:
        await post(desk)
        await post(desk, type="SPLIT")
        later(desk.venue)
        assert [row["type"] for row in await activity(desk, "&sort_direction=ASC")] == [
            "MERGE",
            "SPLIT",
        ]
        assert len(await activity(desk, "&type=SPLIT")) == 1
        assert await activity(desk, "&type=TRADE") == []
        assert await activity(desk, "&side=SELL") == []
        assert await activity(desk, f"&condition=0x{'00' * 32}") == []
        assert await activity(desk, "&end=1000") == []
        other = await desk.get(f"/data/v2/activity?user=0x{'77' * 20}")
        assert other["data"] == []


async def test_moves_change_what_is_held() -> None:
    async with open_feeds() as desk:
        desk.venue.made.append(a_trade())
        later(desk.venue)
        before = (await sizes(desk))[YES]
        await post(desk, type="SPLIT", size=10)
        later(desk.venue)
        assert await sizes(desk) == {YES: before + 10, NO: 10}
        await post(desk, type="MERGE", size=4)
        await post(desk, type="CONVERSION", size=1)
        desk.venue.made.append(a_trade(trade_id="after"))
        later(desk.venue)
        assert (await sizes(desk))[NO] == 5
        held = await desk.get(f"/data/v2/positions?condition={CONDITION}")
        assert NO in {row["token_id"] for row in held["data"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"wallet": "me"},
        {"type": "GIFT"},
        {"type": None},
        {"condition_id": "0x00"},
        {"size": "0"},
        {"size": "many"},
        {"size": "NaN"},
        {"size": None},
    ],
)
async def test_what_cannot_be_read_is_refused(changes: dict[str, object]) -> None:
    async with open_feeds() as desk:
        status, answer = await post(desk, **changes)
        assert status == 400
        assert answer["error"]


async def test_a_body_that_is_no_object_is_refused() -> None:
    async with open_feeds() as desk:
        for body in (b"[]", b"{"):
            response = await desk.http.post("/_paper/moves", data=body)
            assert response.status == 400
