from decimal import Decimal
from typing import Any

import pytest

from paper.model import MICROS, MakerFill, Side
from paper.redemption import Redemption
from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.official_client import official_client
from tests.paper.told_venue import (
    CLIENT,
    CONDITION,
    CONDITION_V3,
    CROWD,
    HASH,
    KEY,
    NO,
    NOW,
    WHALE,
    YES,
    ToldVenue,
    a_trade,
)


def traded() -> ToldVenue:
    """The whale holds 30 Up bought for 13.40, now worth 0.44 each."""
    venue = ToldVenue()
    venue.made.append(a_trade())
    return venue


async def rows(desk: FeedDesk, path: str) -> list[Any]:
    data = (await desk.get(f"/data/v2/{path}"))["data"]
    assert isinstance(data, list)
    return data


async def test_a_position_tells_cost_and_worth() -> None:
    async with open_feeds(traded()) as desk:
        [row] = await rows(desk, f"positions?user={WHALE}")
        assert (row["status"], row["current_size"], row["entry_cost_usdc"]) == ("OPEN", 30, 13.4)
        assert (row["current_price"], row["current_value"]) == (0.44, 13.2)
        assert (row["unrealized_pnl"], row["realized_pnl"]) == (-0.2, 0)
        assert (row["opposite_token_id"], row["invented"]) == (NO, True)


async def test_a_resolved_position_can_be_redeemed_until_it_was() -> None:
    async with open_feeds(traded()) as desk:
        desk.venue.resolve((0, MICROS))
        path = f"positions?user={WHALE}"
        [row] = await rows(desk, f"{path}&status=REDEEMABLE")
        assert (row["redeemable"], row["current_value"]) == (True, 0)
        assert len(await rows(desk, f"{path}&status=REDEEMABLE_LOST")) == 1
        assert await rows(desk, f"{path}&status=OPEN") == []
        desk.venue.paid.append(Redemption(WHALE, CONDITION, YES, "Up", 30 * MICROS, 0, NOW, HASH))
        assert await rows(desk, path) == []
        closed = await rows(desk, f"{path}&status=CLOSED&condition={CONDITION}")
        assert [row["realized_pnl"] for row in closed] == [-13.4]


async def test_a_winner_is_not_among_the_lost() -> None:
    async with open_feeds(traded()) as desk:
        desk.venue.resolve((MICROS, 0))
        assert await rows(desk, f"positions?user={WHALE}&status=REDEEMABLE_LOST") == []


async def test_pairs_can_be_merged() -> None:
    async with open_feeds(traded()) as desk:
        path = f"positions?user={WHALE}&status=MERGEABLE"
        assert await rows(desk, path) == []
        seller = MakerFill("0xm3", "", CROWD, NO, "Down", Side.SELL, 5 * MICROS, 560_000)
        other = a_trade(token_id=NO, outcome="Down", size=5 * MICROS, makers=(seller,))
        desk.venue.made.append(other)
        assert {row["token_id"] for row in await rows(desk, path)} == {YES, NO}


async def test_a_tapes_wallet_has_a_past_of_closed_positions() -> None:
    async with open_feeds() as desk:
        path = f"positions?user={WHALE}&status=CLOSED"
        past = await rows(desk, path)
        assert [row["realized_pnl"] for row in past] == [-100, 250]
        assert all(row["invented"] is True for row in past)
        by_profit = await rows(desk, f"{path}&sort_by=REALIZED_PNL&sort_direction=ASC")
        assert [row["realized_pnl"] for row in by_profit] == [-100, 250]
        assert await rows(desk, f"positions?user={WHALE}") == []
        assert await rows(desk, f"positions?user={CLIENT}&status=CLOSED") == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("title=CRYPTO", 1),
        (f"start={NOW // 1000 - 10 * 86_400}", 1),
        (f"end={NOW // 1000 - 10 * 86_400}", 1),
        ("filter_type=CASH&filter_amount=0.01", 0),
        ("filter_type=TOKENS&filter_amount=0", 2),
        ("limit=1", 1),
    ],
)
async def test_positions_are_chosen_by_the_query(query: str, count: int) -> None:
    async with open_feeds() as desk:
        assert len(await rows(desk, f"positions?user={WHALE}&status=CLOSED&{query}")) == count


async def test_positions_of_a_market_are_everybodys() -> None:
    async with open_feeds(traded()) as desk:
        found = await rows(desk, f"positions?condition_id={CONDITION}&sort_by=TOKENS")
        assert [row["proxy_wallet"] for row in found] == [WHALE, CROWD]
        assert (await desk.refused("/data/v2/positions"))[0] == 400


async def test_a_portfolio_is_worth_what_its_positions_are() -> None:
    async with open_feeds(traded()) as desk:
        path = f"/data/v2/value?user={WHALE}"
        assert (await desk.get(path))["data"] == {"proxy_wallet": WHALE, "value": 13.2}
        elsewhere = await desk.get(f"{path}&condition_id={CONDITION_V3}")
        assert elsewhere["data"]["value"] == 0


async def test_holders_are_listed_by_token_largest_first() -> None:
    async with open_feeds(traded()) as desk:
        desk.venue.made.append(a_trade(wallet=CLIENT, owner=KEY[1], size=5 * MICROS, makers=()))
        up, down = await rows(desk, f"holders?condition_id={CONDITION}")
        assert up["token_id"] == YES
        assert [(h["proxy_wallet"], h["amount"]) for h in up["holders"]] == [
            (WHALE, 30),
            (CLIENT, 5),
        ]
        assert [holder.get("invented") for holder in up["holders"]] == [True, None]
        assert down["holders"][0]["proxy_wallet"] == CROWD
        [few] = await rows(
            desk, f"holders?condition_id={CONDITION}&min_balance=25&include_pnl=true"
        )
        assert few["holders"][0]["unrealized_pnl"] == -0.2
        assert (await desk.refused("/data/v2/holders"))[0] == 400


async def test_the_official_client_reads_holdings() -> None:
    async with open_feeds(traded()) as desk, official_client(desk) as client:
        [position] = (await client.list_positions(user=WHALE).first_page()).items
        assert (position.current_size, position.entry_cost_usdc) == (Decimal(30), Decimal("13.4"))
        closed = (await client.list_positions(user=WHALE, status="CLOSED").first_page()).items
        assert [item.realized_pnl for item in closed] == [-100, 250]
        assert (await client.get_portfolio_value(user=WHALE)).value == Decimal("13.2")
        pages = client.list_market_holders(condition_ids=CONDITION, include_pnl=True)
        holders = (await pages.first_page()).items
        assert holders[0].holders[0].wallet == WHALE
