"""The venue's record of wallets: paged to its end, makers included, never from a cache."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exchange.polymarket.data_api import DataApi
from exchange.port import UnavailableError
from tests.exchange.fake_venue import Asked, FakeHttp, serving
from tests.exchange.samples import AT, CONDITION, TX, WHALE, YES
from trading.types import Source


def page(*rows: object, cursor: str | None = None) -> dict[str, object]:
    pagination = {"limit": 500, "offset": 0, "has_more": cursor is not None, "next_cursor": cursor}
    return {"data": list(rows), "pagination": pagination}


def trade(**changes: object) -> dict[str, object]:
    return {
        "proxy_wallet": WHALE,
        "token_id": YES,
        "condition_id": CONDITION,
        "side": "SELL",
        "size": 5,
        "price": 0.25,
        "timestamp": 1795348800,
        "transaction_hash": TX,
        **changes,
    }


async def test_the_leaderboard_is_best_first() -> None:
    rows = [
        {"user_id": WHALE, "rank": 2, "pnl": 5, "volume": 7, "user_name": "b", "verified": False},
        {"user_id": WHALE, "rank": 1, "pnl": 9, "volume": 7, "user_name": "a", "invented": True},
    ]
    fake = FakeHttp({"/v2/leaderboard": page(*rows)})
    async with serving(fake) as access:
        leaders = await DataApi(access).fetch_leaderboard(10)
    assert [(row.rank, row.name, row.pnl, row.is_invented) for row in leaders] == [
        (1, "a", Decimal(9), True),
        (2, "b", Decimal(5), False),
    ]
    assert fake.asked[0].query == {"time_period": "all", "sort_by": "PNL", "limit": "10"}


async def test_no_more_pages_are_asked_for_than_are_needed() -> None:
    row = {"user_id": WHALE, "rank": 1, "pnl": 9}
    fake = FakeHttp({"/v2/leaderboard": page(row, row, cursor="next")})
    async with serving(fake) as access:
        assert len(await DataApi(access).fetch_leaderboard(2)) == 2
    assert len(fake.asked) == 1


async def test_closed_positions_come_oldest_first_and_dated() -> None:
    base = {"proxy_wallet": WHALE, "condition_id": CONDITION, "status": "CLOSED"}
    rows = [
        {**base, "realized_pnl": -3, "entry_cost_usdc": 10, "last_event_at": 200},
        {**base, "realized_pnl": 1, "entry_cost_usdc": 10},
        {**base, "realized_pnl": 4, "first_entry_at": 50, "last_event_at": 100, "category": "x"},
    ]
    async with serving(FakeHttp({"/v2/positions": page(*rows)})) as access:
        first, second = await DataApi(access).fetch_closed_positions(WHALE)
    assert (first.pnl, first.category) == (Decimal(4), "x")
    assert (first.opened_at, first.closed_at) == (
        datetime.fromtimestamp(50, UTC),
        datetime.fromtimestamp(100, UTC),
    )
    assert (second.cost, second.opened_at) == (Decimal(10), second.closed_at)


async def test_fills_are_asked_for_with_makers_and_past_every_cache() -> None:
    def answer(asked: Asked) -> object:
        if "cursor" in asked.query:
            return page(trade(timestamp=1795348700))
        return page(trade(), cursor="more")

    fake = FakeHttp({"/v2/trades": answer})
    async with serving(fake) as access:
        fills = await DataApi(access).fetch_fills(WHALE, AT - timedelta(minutes=5))
    assert [fill.traded_at.minute for fill in fills] == [58, 0]
    assert {fill.source for fill in fills} == {Source.DATA_API}
    query = fake.asked[0].query
    assert (query["user"], query["taker_only"]) == (WHALE, "false")
    assert (query["start"], query["end"]) == ("1795348500", "1795348860")
    assert fake.asked[1].query["cursor"] == "more"


async def test_a_cursor_that_stands_still_ends_the_listing() -> None:
    fake = FakeHttp({"/v2/trades": page(trade(), cursor="same")})
    async with serving(fake) as access:
        assert len(await DataApi(access).fetch_fills(WHALE, AT)) == 2


async def test_a_missing_service_is_unavailable() -> None:
    async with serving(FakeHttp()) as access:
        with pytest.raises(UnavailableError, match="404"):
            await DataApi(access).fetch_fills(WHALE, AT)
