"""Tests of the modes that a fault puts the venue into, as a client sees them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paper.fault_modes import CANCEL_ONLY, DISABLED, POST_ONLY, RESTARTING
from tests.paper.fault_desk import FaultDesk, asked, open_fault_desk

RESTART = (425, {"error": RESTARTING})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


def a_mode(fault: str, **more: object) -> dict[str, object]:
    return {"at": "post_order", "fault": fault, "count": 1, **more}


async def resting(desk: FaultDesk) -> str:
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    return str(answer["orderID"])


async def test_a_restart_refuses_orders_and_cancels_then_is_post_only(desk: FaultDesk) -> None:
    order_id = await resting(desk)
    await desk.plan(a_mode("restart", delay_s="1.5", retry_after_s=3))
    assert await desk.post(asked()) == RESTART
    desk.room.wait("1.4")
    assert await desk.post(asked()) == RESTART
    assert await desk.cancel(order_id) == RESTART
    assert await desk.ask("DELETE", "/cancel-all") == RESTART
    assert (await desk.get("/data/orders"))[0] == 200
    desk.room.wait("0.1")
    status, text, headers = await desk.raw("POST", "/order", desk.signed(asked())[0])
    assert (status, headers["Retry-After"]) == (503, "3")
    assert json.loads(text) == {
        "error": POST_ONLY,
        "code": "post_only_mode",
        "retry_after_seconds": 3,
    }
    desk.room.wait("1.2")
    assert (await desk.post(asked(order_type="GTC")))[1]["retry_after_seconds"] == 2
    assert (await desk.cancel(order_id))[1]["canceled"] == [order_id]
    _, answer = await desk.post(asked("0.44", order_type="GTC", post_only=True))
    assert answer["status"] == "live"
    desk.room.wait("1.8")
    assert (await desk.post(asked()))[0] == 200
    assert await desk.struck() == [1]


async def test_a_restart_need_not_be_post_only_afterwards(desk: FaultDesk) -> None:
    await desk.plan(a_mode("restart", delay_s="1.5", retry_after_s=0))
    assert await desk.post(asked()) == RESTART
    desk.room.wait("1.5")
    assert (await desk.post(asked()))[0] == 200


async def test_a_batch_passes_the_post_only_mode_if_all_of_it_is(desk: FaultDesk) -> None:
    await desk.plan(a_mode("post_only", delay_s="5"))
    assert (await desk.post(asked()))[0] == 503
    quiet = desk.signed(asked("0.44", order_type="GTC", post_only=True))[0]
    loud = desk.signed(asked("0.44", order_type="GTC"))[0]
    assert (await desk.ask("POST", "/orders", [quiet, loud]))[0] == 503
    assert (await desk.ask("POST", "/orders", [quiet]))[0] == 200


async def test_a_mode_without_a_length_is_one_answer(desk: FaultDesk) -> None:
    await desk.plan(a_mode("post_only", delay_s="0", retry_after_s=4))
    status, answer = await desk.post(asked())
    assert (status, answer["retry_after_seconds"]) == (503, 4)
    assert (await desk.post(asked()))[0] == 200


async def test_cancels_pass_the_cancel_only_mode(desk: FaultDesk) -> None:
    order_id = await resting(desk)
    await desk.plan(a_mode("cancel_only"))
    assert await desk.post(asked()) == (503, {"error": CANCEL_ONLY})
    quiet = asked("0.44", order_type="GTC", post_only=True)
    assert await desk.post(quiet) == (503, {"error": CANCEL_ONLY})
    assert (await desk.cancel(order_id))[1]["canceled"] == [order_id]
    desk.room.wait("10")
    assert (await desk.post(asked()))[0] == 200


async def test_nothing_passes_when_trading_is_disabled(desk: FaultDesk) -> None:
    order_id = await resting(desk)
    await desk.plan(a_mode("disabled"))
    for answer in (await desk.post(asked()), await desk.cancel(order_id)):
        assert answer == (503, {"error": DISABLED})


async def test_a_mode_has_the_words_of_the_plan(desk: FaultDesk) -> None:
    await desk.plan(a_mode("disabled", status=500, text="closed for lunch"))
    for _ in range(2):
        assert await desk.post(asked()) == (500, {"error": "closed for lunch"})


async def test_a_cancel_can_meet_a_restart_too(desk: FaultDesk) -> None:
    order_id = await resting(desk)
    await desk.plan({"at": "cancel", "fault": "restart", "count": 1})
    assert await desk.cancel(order_id) == RESTART
    assert await desk.post(asked()) == RESTART


async def test_a_mode_ends_with_its_plan(desk: FaultDesk) -> None:
    await desk.plan(a_mode("disabled", delay_s="3600"))
    assert (await desk.post(asked()))[0] == 503
    await desk.plan({"at": "match", "fault": "unfilled", "count": 1, "skip": 9})
    assert (await desk.post(asked()))[0] == 200
