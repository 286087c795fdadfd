"""Tests of cancels that do not do what they answer, as a client sees them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.paper.fault_desk import SELL, FaultDesk, asked, open_fault_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


async def resting(desk: FaultDesk, side: str = "BUY") -> str:
    price = "0.44"
    status, answer = await desk.post(asked(price, side=side, order_type="GTC"))
    assert (status, answer["status"]) == (200, "live")
    return str(answer["orderID"])


@pytest.mark.parametrize("side", ["BUY", SELL])
async def test_a_fill_arrives_just_before_the_cancel(desk: FaultDesk, side: str) -> None:
    await desk.plan({"at": "cancel", "fault": "race", "size_share": "0.4"})
    order_id = await resting(desk, side)
    answer = await desk.cancel(order_id)
    assert answer == (200, {"canceled": [order_id], "not_canceled": {}})
    row = await desk.order()
    assert (row["status"], row["matched"]) == ("CANCELED", "4")
    (fill,) = await desk.fills()
    assert (fill["order_id"], fill["size"], fill["price"]) == (order_id, "4", "0.44")
    desk.room.wait("5")
    assert (await desk.fills())[0]["status"] == "CONFIRMED"


async def test_a_whole_fill_beats_the_cancel(desk: FaultDesk) -> None:
    await desk.plan({"at": "cancel", "fault": "race"})
    order_id = await resting(desk)
    assert (await desk.cancel(order_id))[1]["canceled"] == [order_id]
    row = await desk.order()
    assert (row["status"], row["matched"]) == ("MATCHED", "10")


async def test_an_ignored_cancel_is_answered_and_a_later_one_works(desk: FaultDesk) -> None:
    await desk.plan({"at": "cancel", "fault": "ignored", "count": 1})
    order_id = await resting(desk)
    for status in ("LIVE", "CANCELED"):
        answer = await desk.cancel(order_id)
        assert answer == (200, {"canceled": [order_id], "not_canceled": {}})
        assert (await desk.order())["status"] == status


@pytest.mark.parametrize("fault", ["race", "ignored"])
async def test_what_cannot_be_cancelled_is_named(desk: FaultDesk, fault: str) -> None:
    await desk.plan({"at": "cancel", "fault": fault})
    answer = await desk.ask("DELETE", "/orders", ["0x12"])
    assert answer == (200, {"canceled": [], "not_canceled": {"0x12": "order not found"}})


async def test_every_order_of_a_cancel_all_is_raced(desk: FaultDesk) -> None:
    await desk.plan({"at": "cancel", "fault": "race", "size_share": "0.5"})
    ids = [await resting(desk) for _ in range(2)]
    assert (await desk.ask("DELETE", "/cancel-all"))[1]["canceled"] == ids
    assert [row["matched"] for row in await desk.orders()] == ["5", "5"]


async def test_an_order_outside_the_book_is_not_raced(desk: FaultDesk) -> None:
    await desk.plan({"at": "cancel", "fault": "race"}, {"at": "post_order", "fault": "ghost_live"})
    _, answer = await desk.post(asked())
    await desk.cancel(answer["orderID"])
    assert (await desk.order())["matched"] == "0"


async def test_cancels_of_one_order_are_told_apart_by_facts(desk: FaultDesk) -> None:
    await desk.plan(
        {"at": "cancel", "fault": "ignored", "match": {"attempt": "0", "order_type": "GTC"}}
    )
    order_id = await resting(desk)
    await desk.cancel(order_id)
    assert (await desk.order())["status"] == "LIVE"
    await desk.cancel(order_id)
    assert (await desk.order())["status"] == "CANCELED"
