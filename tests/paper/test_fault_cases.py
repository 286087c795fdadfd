"""Tests of how requests are told apart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paper import fault_cases
from tests.paper.engine_room import NO, YES
from tests.paper.fault_desk import FaultDesk, asked, open_fault_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FaultDesk]:
    async with open_fault_desk(tmp_path) as opened:
        yield opened


def second_time(point: str, **facts: str) -> dict[str, object]:
    return {"at": point, "fault": "error", "match": {"attempt": "1", **facts}}


async def test_reads_of_each_thing_are_counted_apart(desk: FaultDesk) -> None:
    await desk.plan(second_time("read_book"))
    seen = [(await desk.get(f"/book?token_id={token}"))[0] for token in (YES, NO, YES, YES, NO)]
    assert seen == [200, 200, 500, 200, 500]


async def test_reads_of_trades_are_counted_whatever_they_ask_for(desk: FaultDesk) -> None:
    await desk.plan(second_time("read_trades"))
    seen = [(await desk.get(f"/data/trades?after={after}"))[0] for after in (1, 2, 3)]
    assert seen == [200, 500, 200]


async def test_a_read_order_is_known_by_its_facts(desk: FaultDesk) -> None:
    _, answer = await desk.post(asked("0.44", order_type="GTC"))
    path = f"/data/order/{answer['orderID']}"
    await desk.plan(
        {"at": "read_order", "fault": "error", "match": {"order_type": "GTC", "token_id": YES}}
    )
    assert (await desk.get(path))[0] == 500
    assert (await desk.get("/data/order/0x12"))[0] == 200


async def test_counts_of_reads_do_not_grow_for_ever(
    desk: FaultDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_cases, "SEEN_MAX", 1)
    await desk.plan(second_time("read_order"))
    for path in ("/data/order/0x1", "/data/order/0x2", "/data/order/0x3", "/data/order/0x1"):
        assert (await desk.get(path))[0] == 200


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"{}"])
async def test_a_cancel_of_nothing_is_struck_all_the_same(desk: FaultDesk, body: bytes) -> None:
    await desk.plan({"at": "cancel", "fault": "error_before"})
    async with desk.http.delete("/order", data=body.decode()) as response:
        assert response.status == 500
