"""Tests of reads that lag, as a client sees them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.paper.engine_room import YES, levels
from tests.paper.fault_desk import FaultDesk, asked, open_fault_desk, reopened


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


def a_lag(point: str, delay_s: str = "5") -> dict[str, object]:
    return {"at": point, "fault": "lag", "delay_s": delay_s}


async def test_an_order_is_unknown_and_then_read_as_it_was(desk: FaultDesk) -> None:
    await desk.plan(a_lag("read_order"))
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    path = f"/data/order/{answer['orderID']}"
    assert await desk.get(path) == (200, None)
    assert (await desk.get("/data/orders"))[1]["data"] == []
    desk.room.wait("5")
    assert (await desk.get(path))[1]["status"] == "LIVE"
    await desk.cancel(answer["orderID"])
    desk.room.wait("4.9")
    assert (await desk.get(path))[1]["status"] == "LIVE"
    assert [row["status"] for row in (await desk.get("/data/orders"))[1]["data"]] == ["LIVE"]
    desk.room.wait("0.1")
    assert (await desk.get(path))[1]["status"] == "CANCELED"
    assert (await desk.get("/data/orders"))[1]["data"] == []


async def test_an_unknown_order_stays_unknown(desk: FaultDesk) -> None:
    await desk.plan(a_lag("read_order"))
    assert await desk.get("/data/order/0x12") == (200, None)


async def test_trades_appear_late_and_settle_late(desk: FaultDesk) -> None:
    async def seen() -> list[str]:
        _, page = await desk.get("/data/trades")
        return [row["status"] for row in page["data"]]

    await desk.plan(a_lag("read_trades"))
    await desk.post(asked())
    assert await seen() == []
    desk.room.wait("4.9")
    assert await seen() == []
    assert [fill["status"] for fill in await desk.fills()] == ["CONFIRMED"]
    desk.room.wait("0.1")
    assert await seen() == ["MATCHED"]
    desk.room.wait("2")
    assert await seen() == ["MINED"]
    desk.room.wait("3")
    assert await seen() == ["CONFIRMED"]


async def test_balances_are_told_as_they_were(desk: FaultDesk) -> None:
    async def balance(query: str) -> int:
        _, row = await desk.get(f"/balance-allowance?{query}")
        return int(row["balance"])

    cash, tokens = "asset_type=COLLATERAL", f"asset_type=CONDITIONAL&token_id={YES}"
    desk.room.wait("5")
    await desk.plan(a_lag("read_balance", "4"))
    await desk.post(asked())
    assert await balance(cash) == 10_000_000_000
    desk.room.wait("4")
    assert await balance(cash) == 9_995_500_000
    assert await balance(tokens) == 1_000_000_000
    desk.room.wait("3")
    assert await balance(tokens) == 1_010_000_000


async def test_a_balance_that_never_changed_is_told_as_it_is(desk: FaultDesk) -> None:
    await desk.plan(a_lag("read_balance"))
    _, row = await desk.get("/balance-allowance?asset_type=CONDITIONAL&token_id=123")
    assert row["balance"] == "0"


async def test_books_are_told_as_they_were(desk: FaultDesk) -> None:
    async def ask(path: str = f"/book?token_id={YES}") -> Any:
        return (await desk.get(path))[1]["asks"][-1]["price"]

    await desk.plan(a_lag("read_book", "2"))
    assert await ask() == "0.45"
    desk.room.book(asks=levels(("0.47", "10")))
    desk.room.wait("1")
    desk.room.book(asks=levels(("0.49", "10")))
    desk.room.wait("1")
    assert await ask() == "0.47"
    desk.room.wait("1")
    assert await ask() == "0.49"
    _, (row,) = await desk.ask("POST", "/books", [{"token_id": YES}])
    assert row["asks"][-1]["price"] == "0.49"


async def test_a_lag_is_drawn_between_two(desk: FaultDesk) -> None:
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    desk.room.wait("1")
    await desk.plan({**a_lag("read_order", "0"), "delay_max_s": "2"})
    path = f"/data/order/{answer['orderID']}"
    seen = [(await desk.get(path))[1] is None for _ in range(20)]
    assert 4 < sum(seen) < 16


async def test_what_an_earlier_process_knew_is_told_as_it_is_now(tmp_path: Path) -> None:
    async with open_fault_desk(tmp_path) as desk:
        await desk.post(asked("0.44", order_type="GTC"))
        desk.room.wait("1")
        again = reopened(desk.room, tmp_path)
        desk.room.venue = again.venue
        (record,) = again.venue.orders()
        assert again.venue.hindsight.orders.at(record.order.order_id, again.clock.at) is None
