"""Faults of settlement, chain and tick size over HTTP and WebSocket, as a client sees them."""

import asyncio
from collections.abc import AsyncIterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.paper.posted_orders import Asked
from tests.paper.still_venue import CONDITION, OTHER, TOKEN
from tests.paper.struck_venue import DEADLINE_S, Struck, struck_venue, told

COST = Decimal("4.67325")  # 10 shares at 0.45 and the fee
START = Decimal(10_000)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Struck]:
    async with struck_venue(tmp_path) as struck:
        yield struck


def settle(fault: str, **more: object) -> dict[str, object]:
    return {"at": "settle", "fault": fault, **more}


async def statuses_told(desk: Struck, *, last: str) -> list[str]:
    """Buy, and return the statuses of the one trade on the user socket up to the last."""
    socket = await desk.follow()
    status, answer = await desk.order()
    assert (status, answer["status"]) == (200, "matched")
    frames = await told(socket, lambda frame: frame["status"] == last)
    return [frame["status"] for frame in frames if frame["event_type"] == "trade"]


async def test_a_failed_trade_is_told_everywhere_and_gives_the_money_back(desk: Struck) -> None:
    await desk.plan(settle("failed", delay_s="0.3"))
    assert await statuses_told(desk, last="FAILED") == ["MATCHED", "RETRYING", "FAILED"]
    [row] = await desk.until_status("FAILED")
    assert row["transaction_hash"]
    assert await desk.wallet() == (START, {})
    [fill] = await desk.get("/_paper/fills")
    assert (fill["status"], fill["size"]) == ("FAILED", "10")
    [order] = await desk.get("/_paper/orders")
    assert (order["status"], order["matched"]) == ("MATCHED", "10")
    assert await desk.logs() == []
    assert await desk.struck() == [1]


async def test_a_trade_is_retried_in_another_transaction(desk: Struck) -> None:
    await desk.plan(settle("retrying", delay_s="0.3"))
    socket = await desk.follow()
    await desk.order()
    frames = await told(socket, lambda frame: frame["status"] == "CONFIRMED")
    hashes = {
        frame["status"]: frame["transaction_hash"]
        for frame in frames
        if frame["event_type"] == "trade"
    }
    assert list(hashes) == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
    assert hashes["MATCHED"] == ""
    assert hashes["RETRYING"] != hashes["MINED"] == hashes["CONFIRMED"]
    assert {log["transactionHash"] for log in await desk.logs()} == {hashes["CONFIRMED"]}
    assert await desk.wallet() == (START - COST, {TOKEN: "10"})


async def test_a_slow_trade_stays_matched_for_long(desk: Struck) -> None:
    await desk.plan(settle("slow", delay_s="0.5", match={"side": "BUY", "token_id": TOKEN}))
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await statuses_told(desk, last="MINED") == ["MATCHED", "MINED"]
    assert loop.time() - began > 0.5


async def test_a_trade_is_taken_off_the_chain_and_fails(desk: Struck) -> None:
    subscribe = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["logs", {}]}
    chain = await desk.http.ws_connect(desk.running.urls["rpc_ws"])
    await chain.send_json(subscribe)
    await chain.receive_str(timeout=DEADLINE_S)
    await desk.plan(settle("failed_after_mined", delay_s="0.3"))
    expected = ["MATCHED", "MINED", "RETRYING", "FAILED"]
    assert await statuses_told(desk, last="FAILED") == expected
    assert await desk.wallet() == (START, {})
    assert await desk.logs() == []
    removed = await told_logs(chain, 6)
    assert [log["removed"] for log in removed] == [False] * 3 + [True] * 3
    for log, gone in zip(removed[:3], removed[3:], strict=True):
        assert {**log, "removed": True} == gone


async def told_logs(chain: aiohttp.ClientWebSocketResponse, count: int) -> list[Any]:
    frames: list[Any] = []

    def is_last(frame: Any) -> bool:
        frames.append(frame)
        return len(frames) == count

    return [frame["params"]["result"] for frame in await told(chain, is_last)]


async def test_rest_alone_says_that_a_trade_is_not_broadcast(desk: Struck) -> None:
    await desk.plan(settle("unbroadcast", delay_s="0.5"))
    socket = await desk.follow()
    await desk.order()
    await desk.until_status("MATCHED_NOT_BROADCASTED")
    await desk.until_status("MATCHED", "MINED", "CONFIRMED")
    frames = await told(socket, lambda frame: frame["status"] == "CONFIRMED")
    told_statuses = [frame["status"] for frame in frames if frame["event_type"] == "trade"]
    assert told_statuses == ["MATCHED", "MINED", "CONFIRMED"]


async def test_rest_alone_writes_the_prefixed_status(desk: Struck) -> None:
    await desk.plan(settle("prefixed"))
    assert await statuses_told(desk, last="CONFIRMED") == ["MATCHED", "MINED", "CONFIRMED"]
    await desk.until_status("TRADE_STATUS_CONFIRMED")


async def test_a_match_is_booked_as_several_trades_of_one_order_and_price(desk: Struck) -> None:
    await desk.plan(settle("split"))
    _, answer = await desk.order()
    assert len(answer["tradeIDs"]) in {2, 3}
    assert Decimal(answer["takingAmount"]) == 10
    rows = await desk.until_status("CONFIRMED")
    assert {row["id"] for row in rows} == set(answer["tradeIDs"])
    assert {row["taker_order_id"] for row in rows} == {answer["orderID"]}
    assert {row["price"] for row in rows} == {"0.45"}
    assert sum(Decimal(row["size"]) for row in rows) == 10
    order = await desk.get(f"/data/order/{answer['orderID']}")
    assert (order["size_matched"], order["associate_trades"]) == ("10", answer["tradeIDs"])
    fills = await desk.get("/_paper/fills")
    assert all(Decimal(fill["fee"]) == fee_of(Decimal(fill["size"])) for fill in fills)
    paid = sum(Decimal(fill["cost"]) + Decimal(fill["fee"]) for fill in fills)
    assert await desk.wallet() == (START - paid, {TOKEN: "10"})


def fee_of(size: Decimal) -> Decimal:
    """Return the fee of a trade at 0.45, by which clients reckon: to five decimals, half up."""
    schedule = size * Decimal("0.07") * Decimal("0.45") * Decimal("0.55")
    return schedule.quantize(Decimal("0.00001"), ROUND_HALF_UP)


async def test_the_last_block_is_taken_back_and_mined_again(desk: Struck) -> None:
    subscribe = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["logs", {}]}
    chain = await desk.http.ws_connect(desk.running.urls["rpc_ws"])
    await chain.send_json(subscribe)
    await chain.receive_str(timeout=DEADLINE_S)
    await desk.plan({"at": "chain", "fault": "reorg", "delay_s": "0.1", "count": 1})
    await desk.order()
    logs = await told_logs(chain, 9)
    assert [log["removed"] for log in logs] == [False] * 3 + [True] * 3 + [False] * 3
    assert len({log["transactionHash"] for log in logs}) == 1
    assert logs[0]["blockHash"] == logs[3]["blockHash"] != logs[6]["blockHash"]
    assert await desk.logs() == logs[6:]
    block = await desk.rpc("eth_getBlockByNumber", logs[6]["blockNumber"], False)
    assert block["hash"] == logs[6]["blockHash"]
    await desk.until_status("CONFIRMED")


async def test_a_tick_size_changes_for_checks_books_and_streams(desk: Struck) -> None:
    socket = await desk.http.ws_connect(desk.running.urls["ws_market"])
    await socket.send_json({"type": "market", "assets_ids": [TOKEN]})
    await told(socket, lambda frame: frame[0]["event_type"] == "book")
    off_grid = Asked(TOKEN, maker_amount=4_010_000, taker_amount=10_000_000)  # 0.401
    status, answer = await desk.order(off_grid)
    assert (status, "breaks minimum tick size rule" in answer["error"]) == (400, True)
    await desk.plan(
        {
            "at": "market_stream",
            "fault": "tick_change",
            "match": {"token_id": TOKEN},
            "text": "0.001",
            "delay_s": "0.1",
        }
    )
    assert await desk.struck() == [1]
    change, [book] = await told(socket, lambda frame: isinstance(frame, list))
    assert (change["old_tick_size"], change["new_tick_size"]) == ("0.01", "0.001")
    assert (change["event_type"], change["market"]) == ("tick_size_change", CONDITION)
    assert book["tick_size"] == "0.001"
    assert (await desk.get(f"/tick-size?token_id={OTHER}"))["minimum_tick_size"] == 0.001
    assert (await desk.get(f"/book?token_id={TOKEN}"))["tick_size"] == "0.001"
    status, answer = await desk.order(off_grid)
    assert (status, answer.get("status")) == (200, "live")


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"match": {"token_id": "5"}, "text": "0.001"}, "expected a known token_id"),
        ({"match": {"token_id": TOKEN}, "text": "0.002"}, "expected a tick size"),
        ({"match": {"token_id": TOKEN}, "text": "small"}, "expected a tick size"),
    ],
)
async def test_a_tick_size_that_cannot_be_is_refused(
    desk: Struck, rule: dict[str, object], complaint: str
) -> None:
    body = {"rules": [{"at": "market_stream", "fault": "tick_change", **rule}]}
    async with desk.http.post(f"{desk.running.clob}/_paper/faults", json=body) as response:
        assert response.status == 400
        assert complaint in (await response.json())["error"]
