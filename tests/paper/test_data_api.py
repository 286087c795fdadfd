from decimal import Decimal
from typing import Any

import pytest
from polymarket.models.data import RedeemActivity, TradeActivity

from paper.model import MICROS, Side
from paper.redemption import Redemption
from tests.paper.feed_desk import FeedDesk, open_feeds
from tests.paper.official_client import official_client
from tests.paper.told_venue import (
    CONDITION,
    CONDITION_V3,
    CROWD,
    HASH,
    KEY,
    NOW,
    WHALE,
    YES,
    ToldVenue,
    a_trade,
)

REDEEMED = Redemption(WHALE, CONDITION, YES, "Up", 30 * MICROS, 30 * MICROS, NOW - 1_000, HASH)


async def rows(desk: FeedDesk, path: str) -> list[Any]:
    data = (await desk.get(f"/data/v2/{path}"))["data"]
    assert isinstance(data, list)
    return data


def traded(count: int = 1) -> ToldVenue:
    venue = ToldVenue()
    venue.made = [
        a_trade(trade_id=str(number), matched_at=NOW - 100_000 + number * 1_000)
        for number in range(count)
    ]
    return venue


async def test_makers_stay_out_of_sight_unless_asked_for() -> None:
    async with open_feeds(traded()) as desk:
        takers = await rows(desk, "trades")
        assert {row["proxy_wallet"] for row in takers} == {WHALE}
        assert len(await rows(desk, "trades?taker_only=false")) == 4
        assert await rows(desk, f"trades?user={CROWD}") == []
        makers = await rows(desk, f"trades?user={CROWD.upper().replace('X', 'x')}&taker_only=false")
        assert [(row["side"], row["price"], row["outcome"]) for row in makers] == [
            ("BUY", 0.55, "Down"),
            ("SELL", 0.44, "Up"),
        ]


async def test_a_row_tells_what_was_traded_and_that_the_wallet_is_invented() -> None:
    async with open_feeds(traded()) as desk:
        row = (await rows(desk, "trades"))[-1]
        assert (row["token_id"], row["condition_id"]) == (YES, CONDITION)
        assert (row["size"], row["price"], row["timestamp"]) == (10, 0.44, NOW // 1000 - 100)
        assert (row["name"], row["invented"]) == ("invented-kestrel", True)
        assert (row["transaction_hash"], row["outcome_index"]) == (HASH, 0)


async def test_a_clients_rows_are_not_marked() -> None:
    async with open_feeds() as desk:
        desk.venue.made.append(a_trade(owner=KEY[1]))
        assert "invented" not in (await rows(desk, "trades"))[0]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 6),
        (f"condition={CONDITION}", 6),
        (f"condition_id={CONDITION.upper()},{CONDITION_V3}", 6),
        (f"condition={CONDITION_V3}", 0),
        ("event_id=1", 6),
        ("event_id=2,7", 0),
        ("side=BUY", 6),
        ("side=SELL", 0),
        ("filter_type=CASH&filter_amount=5", 3),
        ("filter_type=TOKENS&filter_amount=20", 3),
        ("filter_amount=1000", 6),
        (f"user={WHALE}&start={NOW // 1000 - 99}", 4),
        (f"user={WHALE}&end={NOW // 1000 - 99}", 4),
        (f"start={NOW // 1000 - 99}&end=1", 6),
        ("limit=2", 2),
    ],
)
async def test_trades_are_chosen_by_the_query(query: str, count: int) -> None:
    async with open_feeds(traded(3)) as desk:
        assert len(await rows(desk, f"trades?{query}")) == count


async def test_pages_stay_exact_while_new_trades_come_in() -> None:
    async with open_feeds(traded(5)) as desk:
        path = f"/data/v2/trades?user={WHALE}&limit=3"
        answer = await desk.get(path)
        seen = [(row["timestamp"], row["price"]) for row in answer["data"]]
        while (cursor := answer["pagination"]["next_cursor"]) is not None:
            assert answer["pagination"]["has_more"] is True
            desk.venue.made.append(a_trade(trade_id=cursor))
            answer = await desk.get(f"{path}&cursor={cursor}")
            seen += [(row["timestamp"], row["price"]) for row in answer["data"]]
        assert len(seen) == len(set(seen)) == 10
        assert seen == sorted(seen, reverse=True)


async def test_answers_may_be_kept_for_five_minutes() -> None:
    async with open_feeds() as desk:
        response = await desk.http.get("/data/v2/trades")
        assert response.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "query",
    [
        "trades?offset=0",
        "trades?limit=many",
        "trades?cursor=x",
        "trades?side=HOLD",
        "trades?user=me",
        "trades?taker_only=1",
        "trades?start=-5",
        "trades?filter_type=GOLD",
        f"trades?condition={','.join(str(number) for number in range(21))}",
        "activity",
        f"activity?user={WHALE}&sort_direction=UP",
        "resolutions",
        "approvals",
    ],
)
async def test_queries_that_cannot_be_read_are_refused(query: str) -> None:
    async with open_feeds() as desk:
        status, body = await desk.refused(f"/data/v2/{query}")
        assert status == 400
        assert body["error"]


async def test_activity_is_trades_and_redemptions() -> None:
    async with open_feeds(traded()) as desk:
        desk.venue.resolve((MICROS, 0))
        desk.venue.paid.append(REDEEMED)
        path = f"activity?user={WHALE}"
        kinds = [row["type"] for row in await rows(desk, path)]
        assert kinds == ["REDEEM", "TRADE", "TRADE"]
        assert [row["type"] for row in await rows(desk, f"{path}&type=REDEEM")] == ["REDEEM"]
        assert len(await rows(desk, f"{path}&type=TRADE")) == 2
        assert len(await rows(desk, f"{path}&type=TRADE,REDEEM")) == 3
        assert len(await rows(desk, f"{path}&side=BUY")) == 2
        assert len(await rows(desk, f"{path}&condition={CONDITION_V3}")) == 0
        rising = await rows(desk, f"{path}&sort_direction=ASC")
        assert [row["type"] for row in rising] == ["TRADE", "TRADE", "REDEEM"]
        assert rising[2]["usdc_size"] == 30


async def test_a_losing_redemption_leaves_no_activity() -> None:
    async with open_feeds(traded()) as desk:
        desk.venue.resolve((0, MICROS))
        desk.venue.paid.append(Redemption(WHALE, CONDITION, YES, "Up", 30 * MICROS, 0, NOW, HASH))
        assert len(await rows(desk, f"activity?user={WHALE}")) == 2


async def test_results_are_told_by_market_and_event() -> None:
    async with open_feeds() as desk:
        desk.venue.resolve((MICROS, 0))
        [by_event] = await rows(desk, "resolutions?event_id=1")
        [by_condition] = await rows(desk, f"resolutions?condition_id={CONDITION}")
        [by_question] = await rows(desk, f"resolutions?question_id={CONDITION}")
        assert by_event == by_condition == by_question
        assert (by_event["status"], by_event["payouts"]) == ("resolved", [MICROS, 0])
        [waiting] = await rows(desk, f"resolutions?condition_id={CONDITION_V3}")
        assert waiting["status"] == "initialized"
        assert await rows(desk, "resolutions?event_id=77") == []


async def test_the_indexer_is_always_fresh() -> None:
    async with open_feeds() as desk:
        status = (await desk.get("/data/v2/status"))["data"]
        assert (status["latest_block"], status["lag_seconds"]) == (1_000, 0)


async def test_the_official_client_reads_trades_and_activity() -> None:
    async with open_feeds(traded(3)) as desk, official_client(desk) as client:
        desk.venue.resolve((MICROS, 0))
        desk.venue.paid.append(REDEEMED)
        pages = client.list_trades(user=WHALE, taker_only=False, page_size=4)
        seen = [trade async for trade in pages.iter_items()]
        assert len(seen) == 6
        assert (seen[-1].side, seen[-1].price) == (Side.BUY, Decimal("0.44"))
        activity = (await client.list_activity(user=WHALE).first_page()).items
        assert isinstance(activity[0], RedeemActivity)
        assert isinstance(activity[1], TradeActivity)
        assert activity[1].amount == 9


async def test_the_official_client_reads_results_and_approvals() -> None:
    async with open_feeds() as desk, official_client(desk) as client:
        desk.venue.resolve((MICROS, 0))
        [resolved] = await client.get_resolutions(condition_ids=[CONDITION])
        assert resolved.payouts == (Decimal(1), Decimal(0))
        [waiting] = await client.get_resolutions(condition_ids=[CONDITION_V3])
        assert waiting.payouts is None
        assert (await client.get_trading_approvals_state(wallet=WHALE)).is_fully_approved
