"""Tests of orders that miss what the book offers, as a client sees them."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from paper.model import Side
from tests.paper.engine_room import ANNA, NO, YES, Wish, levels
from tests.paper.fault_desk import SELL, FaultDesk, asked, open_fault_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


def asks(desk: FaultDesk, token_id: str = YES) -> list[tuple[int, int]]:
    book = desk.room.venue.book(token_id)
    assert book is not None
    return [(level.price // 10_000, level.size // 1_000_000) for level in book.asks]


def a_part(share: str = "0.4", **more: object) -> dict[str, object]:
    return {"at": "match", "fault": "partial", "size_share": share, **more}


async def test_only_a_part_of_a_fak_order_finds_liquidity(desk: FaultDesk) -> None:
    await desk.plan(a_part())
    status, answer = await desk.post(asked())
    assert (status, answer["status"], answer["takingAmount"]) == (200, "matched", "4")
    row = await desk.order()
    assert (row["status"], row["matched"]) == ("MATCHED", "4")
    assert asks(desk) == [(45, 96)]
    assert await desk.struck() == [1]


async def test_a_fok_order_is_killed_by_a_part(desk: FaultDesk) -> None:
    await desk.plan(a_part())
    status, answer = await desk.post(asked(order_type="FOK"))
    assert (status, "fully filled or killed" in answer["error"]) == (400, True)
    assert (await desk.order())["status"] == "CANCELED"
    assert asks(desk) == [(45, 100)]


async def test_the_rest_of_a_gtc_order_rests_and_does_not_cross(desk: FaultDesk) -> None:
    desk.room.book(bids=levels(("0.43", "100")), asks=levels(("0.44", "3"), ("0.45", "100")))
    await desk.plan(a_part())
    status, answer = await desk.post(asked(order_type="GTC"))
    assert (status, answer["status"], answer["takingAmount"]) == (200, "matched", "4")
    row = await desk.order()
    assert (row["status"], row["matched"]) == ("LIVE", "4")
    assert asks(desk) == []
    assert len(await desk.fills()) == 2


@pytest.mark.parametrize("order_type", ["FAK", "FOK"])
async def test_an_unfilled_order_is_killed(desk: FaultDesk, order_type: str) -> None:
    await desk.plan({"at": "match", "fault": "unfilled"})
    assert (await desk.post(asked(order_type=order_type)))[0] == 400
    assert (await desk.order())["status"] == "CANCELED"
    assert await desk.fills() == []


@pytest.mark.parametrize("token_id", [YES, NO])
async def test_an_unfilled_sell_rests_alone(desk: FaultDesk, token_id: str) -> None:
    await desk.plan({"at": "match", "fault": "unfilled"})
    price = "0.43" if token_id == YES else "0.55"
    wish = asked(price, side=SELL, order_type="GTC", token_id=token_id)
    assert (await desk.post(wish))[1]["status"] == "live"
    book = desk.room.venue.book(token_id)
    assert book is not None
    assert book.bids == ()
    assert book.asks[0].size == 10_000_000


async def test_other_clients_orders_stay_in_the_book(desk: FaultDesk) -> None:
    desk.room.book()
    desk.room.own(ANNA, YES, "50")
    desk.room.post(Wish(side=Side.SELL, price="0.45", size="8"))
    await desk.plan({"at": "match", "fault": "unfilled"})
    await desk.post(asked(order_type="GTC"))
    assert asks(desk) == [(45, 8)]


async def test_facts_choose_who_is_struck(desk: FaultDesk) -> None:
    await desk.plan(a_part(match={"side": "SELL", "order_type": "FAK", "token_id": YES}))
    await desk.post(asked())
    await desk.post(asked("0.43", side=SELL))
    assert [row["matched"] for row in await desk.orders()] == ["10", "4"]


async def test_an_order_that_meets_nothing_is_not_counted(desk: FaultDesk) -> None:
    await desk.plan(a_part(count=1))
    await desk.post(asked("0.40"))
    assert await desk.struck() == [0]
    await desk.post(asked())
    assert await desk.struck() == [1]


async def test_a_size_is_drawn_between_two(desk: FaultDesk) -> None:
    await desk.plan(a_part("0.3", size_share_max="0.79"))
    for _ in range(6):
        await desk.post(asked())
    sizes = {Decimal(row["matched"]) for row in await desk.orders()}
    assert len(sizes) > 3
    assert all(3 <= size <= 8 for size in sizes)
