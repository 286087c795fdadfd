"""Tests of orders that a fault makes wait, as a client sees them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paper import late
from paper.late import MATCH_DELAYED
from paper.model import OrderStatus
from tests.paper.engine_room import CONDITION, YES, is_balanced, levels
from tests.paper.fault_desk import (
    BUY,
    SELL,
    FaultDesk,
    asked,
    open_books,
    open_fault_desk,
    reopened,
)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


def a_wait(fault: str, delay_s: str = "2", **more: object) -> dict[str, object]:
    return {"at": "post_order", "fault": fault, "delay_s": delay_s, "count": 1, **more}


async def statuses(desk: FaultDesk) -> list[str]:
    return [row["status"] for row in await desk.orders()]


@pytest.mark.parametrize(("fault", "error"), [("delayed", ""), ("delayed_error", MATCH_DELAYED)])
async def test_a_delayed_order_is_matched_later(desk: FaultDesk, fault: str, error: str) -> None:
    await desk.plan(a_wait(fault))
    body, order_id = desk.signed(asked())
    status, answer = await desk.ask("POST", "/order", body)
    assert (status, answer["status"], answer["errorMsg"]) == (200, "delayed", error)
    assert (answer["orderID"], answer["tradeIDs"]) == (order_id, [])
    assert (await desk.order())["status"] == "DELAYED"
    assert (await desk.get(f"/data/order/{order_id}"))[1]["status"] == "DELAYED"
    assert await desk.fills() == []
    desk.room.wait("2")
    assert (await desk.order())["status"] == "MATCHED"
    (fill,) = await desk.fills()
    assert (fill["order_id"], fill["size"], fill["price"]) == (order_id, "10", "0.45")


async def test_the_words_of_a_delayed_error_can_be_given(desk: FaultDesk) -> None:
    await desk.plan(a_wait("delayed_error", text="later, perhaps"))
    _, answer = await desk.post(asked())
    assert answer["errorMsg"] == "later, perhaps"


async def test_a_delayed_order_cannot_be_cancelled_and_holds_its_money(desk: FaultDesk) -> None:
    await desk.plan(a_wait("delayed"))
    body, order_id = desk.signed(asked(size=20_000, order_type="GTC"))
    await desk.ask("POST", "/order", body)
    _, answer = await desk.cancel(order_id)
    assert answer["canceled"] == []
    assert "delayed" in answer["not_canceled"][order_id]
    status, answer = await desk.post(asked(size=5_000, order_type="GTC"))
    assert (status, "not enough balance" in answer["error"]) == (400, True)
    assert (await desk.ask("DELETE", "/cancel-all"))[1] == {"canceled": [], "not_canceled": {}}
    desk.room.wait("2")
    assert (await desk.order())["matched"] == "100"
    assert (await desk.cancel(order_id))[1]["canceled"] == [order_id]


async def test_a_delayed_order_that_meets_nothing_dies_or_rests(desk: FaultDesk) -> None:
    await desk.plan(a_wait("delayed", count=3))
    for wish in (asked(), asked(order_type="FOK"), asked(order_type="GTC")):
        assert (await desk.post(wish))[1]["status"] == "delayed"
    desk.room.book()
    desk.room.wait("2")
    assert await statuses(desk) == ["CANCELED", "CANCELED", "LIVE"]
    book = desk.room.venue.book(YES)
    assert book is not None
    assert [level.size for level in book.bids] == [10_000_000]


async def test_a_delayed_order_that_has_become_too_dear_is_cancelled(desk: FaultDesk) -> None:
    await desk.plan(a_wait("delayed"))
    await desk.post(asked(size=100))
    await desk.plan({"at": "account", "fault": "no_allowance"})
    desk.room.wait("2")
    assert (await desk.order())["status"] == "CANCELED"
    assert await desk.fills() == []


async def test_a_delayed_post_only_order_does_not_trade(desk: FaultDesk) -> None:
    await desk.plan(a_wait("delayed"))
    await desk.post(asked("0.44", order_type="GTC", post_only=True))
    desk.room.book(bids=levels(("0.40", "5")), asks=levels(("0.43", "50")))
    desk.room.wait("2")
    assert (await desk.order())["status"] == "CANCELED"


async def test_a_delayed_order_outlives_no_market(desk: FaultDesk) -> None:
    await desk.plan(a_wait("delayed"), a_wait("late_booking"))
    await desk.post(asked(order_type="GTC"))
    await desk.lose("POST", "/order", desk.signed(asked())[0])
    desk.room.venue.resolve_market(CONDITION, (1_000_000, 0))
    desk.room.wait("3")
    assert (await desk.order())["status"] == "CANCELED_MARKET_RESOLVED"
    assert not desk.room.venue._company.crew.late.is_waiting((await desk.order())["order_id"])


@pytest.mark.parametrize(("order_type", "end"), [("FAK", "CANCELED"), ("GTC", "LIVE")])
@pytest.mark.parametrize(("delay_s", "told"), [("2", "delayed"), ("0", "unmatched")])
async def test_an_unmatched_order_misses_what_the_book_offers(
    desk: FaultDesk, order_type: str, end: str, delay_s: str, told: str
) -> None:
    await desk.plan(a_wait("unmatched", delay_s))
    status, answer = await desk.post(asked(order_type=order_type))
    assert (status, answer["status"], answer["success"]) == (200, told, True)
    desk.room.wait(delay_s)
    row = await desk.order()
    assert (row["status"], row["matched"]) == (end, "0")
    book = desk.room.venue.book(YES)
    assert book is not None
    is_crossed = bool(book.asks) and bool(book.bids) and book.bids[0].price >= book.asks[0].price
    assert not is_crossed


async def test_an_order_that_is_booked_late_is_unknown_until_then(desk: FaultDesk) -> None:
    await desk.plan(a_wait("late_booking", "20"))
    body, order_id = desk.signed(asked(order_type="GTC", price="0.44"))
    await desk.lose("POST", "/order", body)
    assert await desk.orders() == []
    assert await desk.get(f"/data/order/{order_id}") == (200, None)
    _, answer = await desk.cancel(order_id)
    assert answer["not_canceled"] == {order_id: "order not found"}
    error = {"error": f"order {order_id} is invalid. Duplicated."}
    assert await desk.ask("POST", "/order", body) == (400, error)
    desk.room.wait("20")
    row = await desk.order()
    assert (row["status"], row["posts"]) == ("LIVE", 2)
    assert row["received_at"] == desk.room.clock.at
    assert await desk.ask("POST", "/order", body) == (400, error)
    assert (await desk.cancel(order_id))[1]["canceled"] == [order_id]


async def test_a_late_booking_fills_at_the_book_of_its_moment(desk: FaultDesk) -> None:
    await desk.plan(a_wait("late_booking"))
    await desk.lose("POST", "/order", desk.signed(asked("0.50"))[0])
    desk.room.book(asks=levels(("0.48", "4"), ("0.60", "9")))
    desk.room.wait("2")
    (fill,) = await desk.fills()
    assert (fill["size"], fill["price"]) == ("4", "0.48")


async def test_a_late_booking_that_is_refused_leaves_nothing(desk: FaultDesk) -> None:
    await desk.plan(a_wait("late_booking", count=2))
    await desk.lose("POST", "/order", desk.signed(asked(size=90_000))[0])
    await desk.lose("POST", "/order", desk.signed(asked("0.40"))[0])
    desk.room.wait("2")
    row = await desk.order()
    assert (row["status"], row["price"]) == ("CANCELED", "0.4")


async def test_an_order_that_was_booked_before_is_not_booked_late_again(desk: FaultDesk) -> None:
    body, _ = desk.signed(asked())
    assert (await desk.ask("POST", "/order", body))[0] == 200
    await desk.plan(a_wait("late_booking"))
    await desk.lose("POST", "/order", body)
    desk.room.wait("3")
    assert (await desk.order())["posts"] == 2
    assert len(await desk.fills()) == 1


async def test_a_ghost_answers_live_and_fills_later(desk: FaultDesk) -> None:
    await desk.plan(a_wait("ghost_live"))
    body, order_id = desk.signed(asked())
    status, answer = await desk.ask("POST", "/order", body)
    assert (status, answer["status"], answer["tradeIDs"]) == (200, "live", [])
    assert (await desk.get(f"/data/order/{order_id}"))[1]["status"] == "LIVE"
    desk.room.wait("2")
    assert (await desk.order())["status"] == "MATCHED"
    assert len(await desk.fills()) == 1


async def test_a_ghost_that_is_cancelled_never_fills(desk: FaultDesk) -> None:
    await desk.plan(a_wait("ghost_live"))
    body, order_id = desk.signed(asked())
    await desk.ask("POST", "/order", body)
    assert (await desk.cancel(order_id))[1]["canceled"] == [order_id]
    desk.room.wait("3")
    assert (await desk.order())["status"] == "CANCELED"
    assert await desk.fills() == []


async def test_what_waits_survives_the_plan_and_the_process(tmp_path: Path) -> None:
    kinds = ("delayed", "late_booking", "ghost_live", "unmatched")
    async with open_fault_desk(tmp_path) as desk:
        await desk.plan(*(a_wait(kind, "5", match={"attempt": "0"}) for kind in kinds))
        ids = []
        for kind in kinds:
            body, order_id = desk.signed(asked(order_type="GTC"))
            ids.append(order_id)
            if kind == "late_booking":
                await desk.lose("POST", "/order", body)
                assert (await desk.ask("POST", "/order", body))[0] == 400
            else:
                assert (await desk.ask("POST", "/order", body))[0] == 200
        await desk.plan()
        desk.room.wait("1")
        again = reopened(desk.room, tmp_path)
        desk.room.venue = again.venue
        assert again.venue.faults.struck == ()
        book = again.venue.book(YES)
        assert book is not None
        assert [level.price for level in book.bids] == [430_000]
        again.wait("5")
        ends = {record.order.order_id: record for record in again.venue.orders()}
        assert [ends[one].status for one in ids] == [
            OrderStatus.MATCHED,
            OrderStatus.MATCHED,
            OrderStatus.MATCHED,
            OrderStatus.LIVE,
        ]
        assert ends[ids[1]].posts == 2
        assert len(again.venue.trades()) == 3
        assert is_balanced(again.venue)


async def test_waiting_orders_are_limited(desk: FaultDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "WAITING_MAX", 1)
    await desk.plan(a_wait("delayed", count=5))
    told = [(await desk.post(asked()))[1]["status"] for _ in range(2)]
    assert told == ["delayed", "matched"]


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_a_held_order_needs_its_own_money_once(desk: FaultDesk, side: str) -> None:
    await desk.plan(a_wait("delayed"))
    size = 1_000 if side == SELL else 22_222
    await desk.post(asked("0.43" if side == SELL else "0.45", size, side=side, order_type="GTC"))
    open_books(desk.room)
    desk.room.wait("2")
    row = await desk.order()
    assert (row["status"], row["matched"]) == ("LIVE", "100")
