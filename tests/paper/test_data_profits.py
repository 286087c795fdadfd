from typing import Any

import pytest

from paper.model import MICROS
from paper.playback import Play
from paper.redemption import Redemption
from paper.tape import TapeHeader
from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.official_client import official_client
from tests.paper.told_venue import (
    CLIENT,
    CONDITION,
    DAY_MS,
    HASH,
    NOW,
    WHALE,
    YES,
    ToldVenue,
    a_trade,
)


async def data(desk: FeedDesk, path: str) -> Any:
    return (await desk.get(f"/data/v2/{path}"))["data"]


def won() -> ToldVenue:
    """The whale's 30 Up, bought for 13.40, were redeemed for 30."""
    venue = ToldVenue()
    venue.made.append(a_trade())
    venue.resolve((MICROS, 0))
    venue.paid.append(Redemption(WHALE, CONDITION, YES, "Up", 30 * MICROS, 30 * MICROS, NOW, HASH))
    return venue


@pytest.mark.parametrize(
    ("period", "pnl"), [("all", 166.6), ("month", -83.4), ("week", -83.4), ("day", 16.6)]
)
async def test_the_leaderboard_ranks_the_invented_wallets(period: str, pnl: float) -> None:
    async with open_feeds(won()) as desk:
        [row] = await data(desk, f"leaderboard?time_period={period}")
        assert (row["rank"], row["user_id"], row["pnl"]) == (1, WHALE, pnl)
        assert (row["user_name"], row["invented"]) == ("invented-kestrel", True)


async def test_one_wallet_has_a_standing() -> None:
    async with open_feeds(won()) as desk:
        standing = await data(desk, f"leaderboard?user={WHALE}&sort_by=VOLUME")
        assert (standing["rank_pnl"], standing["rank_volume"]) == (1, 1)
        assert standing["volume"] == 3_030
        assert await data(desk, f"leaderboard?user={CLIENT}") is None


async def test_a_client_with_outcomes_is_not_ranked() -> None:
    async with open_feeds() as desk:
        desk.venue.made.append(a_trade(wallet=CLIENT, owner="key", side="SELL", makers=()))
        standing = await data(desk, f"leaderboard?user={CLIENT}")
        assert (standing["rank_pnl"], standing["user_name"]) == (0, "")
        assert "invented" not in standing


async def test_pasts_end_where_the_play_begins() -> None:
    async with open_feeds() as desk:
        desk.venue.told_play = Play("play", "tape", None, NOW, NOW, NOW)
        desk.venue.told_header = TapeHeader("tape", 1, "", "", (), NOW - 365 * DAY_MS, NOW)
        points = (await data(desk, f"user-pnl?user={WHALE}"))["points"]
        assert points[0]["timestamp"] > (NOW + 280 * DAY_MS) // 1000


async def test_profit_over_time_is_cumulative() -> None:
    async with open_feeds(won()) as desk:
        series = await data(desk, f"user-pnl?user={WHALE}")
        assert [point["realized_pnl"] for point in series["points"]] == [250, 150, 166.6]
        assert [point["trade_count"] for point in series["points"]] == [1, 2, 3]
        lately = await data(desk, f"user-pnl?user={WHALE}&interval=1w&fidelity=1h")
        assert [point["realized_pnl"] for point in lately["points"]] == [150, 166.6]
        assert (await data(desk, f"user-pnl?user={CLIENT}"))["points"] == []


async def test_statistics_cover_past_and_present() -> None:
    async with open_feeds(won()) as desk:
        stats = await data(desk, f"user-stats?user={WHALE}")
        assert (stats["trades"], stats["biggest_win"]) == (3, 250)
        assert stats["join_date"] == (NOW - 90 * DAY_MS) // 1000
        assert await data(desk, f"user-stats?user={CLIENT}") is None
        volume = await data(desk, f"user-volume?user={WHALE}")
        assert volume == {"volume": 3_030, "volume_usdc": 1_530, "trade_count": 3}


async def test_a_client_joined_with_its_first_fill() -> None:
    async with open_feeds() as desk:
        desk.venue.made.append(a_trade(wallet=CLIENT, owner="key"))
        stats = await data(desk, f"user-stats?user={CLIENT}")
        assert (stats["trades"], stats["biggest_win"], stats["invented"]) == (1, 0, False)


@pytest.mark.parametrize(
    "query",
    ["leaderboard?time_period=year", "leaderboard?sort_by=LUCK", "user-pnl", "user-stats?user=1"],
)
async def test_queries_that_cannot_be_read_are_refused(query: str) -> None:
    async with open_feeds() as desk:
        assert (await desk.refused(f"/data/v2/{query}"))[0] == 400


async def test_the_official_client_reads_rankings() -> None:
    async with open_feeds(won()) as desk, official_client(desk) as client:
        [entry] = (await client.list_trader_leaderboard(window="all").first_page()).items
        assert entry.wallet == WHALE
        standing = await client.get_trader_leaderboard_standing(user=WHALE)
        assert standing is not None
        assert standing.pnl_rank == 1
        assert await client.get_trader_leaderboard_standing(user=CLIENT) is None
        stats = await client.get_user_stats(user=WHALE)
        assert stats is not None
        assert stats.traded_market_count == 3
        assert len((await client.get_user_pnl(user=WHALE)).points) == 3
        assert (await client.get_user_volume(user=WHALE)).trade_count == 3
