"""Tests of streams that lose, delay, double and shuffle frames, as a client of a socket sees it."""

import asyncio
from decimal import Decimal

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from paper.faults import Fault, FaultPlan, Faults, Point
from paper.model import OrderUpdated, TradeStatus, TradeUpdated
from paper.sockets import OUTBOX_FRAMES, Outlet
from paper.stream_faults import Lines, shuffled, texts
from tests.paper.feed_desk import FeedDesk, frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import KEY, NOW, YES, a_trade, an_order

LOGIN = {
    "type": "user",
    "auth": {"apiKey": KEY[1], "secret": KEY[2], "passphrase": KEY[3]},
}


def a_plan(fault: str, **changes: object) -> FaultPlan:
    rule = Fault(at=Point.USER_STREAM, fault=fault, **changes)  # type: ignore[arg-type]
    return FaultPlan((rule,))


async def listen(desk: FeedDesk) -> ClientWebSocketResponse:
    """Return a socket that follows an account."""
    socket = await desk.socket("/ws/user", LOGIN)
    await desk.settled(socket)
    return socket


def tell(desk: FeedDesk, *kinds: str) -> None:
    for kind in kinds:
        desk.venue.tell(OrderUpdated(an_order(), kind, NOW))


async def kinds_heard(socket: ClientWebSocketResponse, count: int) -> list[str]:
    return [(await next_frame(socket))["type"] for _ in range(count)]


async def test_a_frozen_socket_answers_pings_and_loses_frames_until_another_plan() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        desk.venue.faults.replace(a_plan("freeze", count=1))
        tell(desk, "PLACEMENT", "UPDATE")
        assert await frames_until_pong(socket) == []
        desk.venue.faults.replace(FaultPlan())
        tell(desk, "CANCELLATION")
        assert await kinds_heard(socket, 1) == ["CANCELLATION"]


async def test_a_freeze_of_some_time_thaws_by_itself() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        desk.venue.faults.replace(a_plan("freeze", count=1, delay_ms=50))
        tell(desk, "PLACEMENT")
        async with asyncio.timeout(5):
            while not (heard := await frames_until_pong(socket)):
                tell(desk, "UPDATE")
        assert {frame["type"] for frame in heard} == {"UPDATE"}
        assert desk.venue.faults.struck == (1,)


async def test_a_cut_socket_ends_without_a_close_frame() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        desk.venue.faults.replace(a_plan("cut", count=1))
        tell(desk, "PLACEMENT", "UPDATE")
        message = await socket.receive(timeout=5)
        assert message.type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        assert socket.close_code in {1006, None}
        again = await listen(desk)
        tell(desk, "CANCELLATION")
        assert await kinds_heard(again, 1) == ["CANCELLATION"]


async def test_frames_are_dropped_and_doubled() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        desk.venue.faults.replace(a_plan("drop", skip=1, count=1))
        tell(desk, "PLACEMENT", "UPDATE", "CANCELLATION")
        assert await kinds_heard(socket, 2) == ["PLACEMENT", "CANCELLATION"]
        desk.venue.faults.replace(a_plan("duplicate", count=1))
        tell(desk, "PLACEMENT", "UPDATE")
        assert await kinds_heard(socket, 3) == ["PLACEMENT", "PLACEMENT", "UPDATE"]


async def test_what_comes_within_a_moment_arrives_in_another_order() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        desk.venue.faults.replace(a_plan("shuffle", delay_ms=100))
        told = ["PLACEMENT", "UPDATE", "CANCELLATION"]
        tell(desk, *told)
        assert await frames_until_pong(socket) == []
        heard = await kinds_heard(socket, 3)
        assert sorted(heard) == sorted(told)
        assert heard != told


async def test_a_lagging_socket_keeps_the_order() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        desk.venue.faults.replace(a_plan("lag", delay_ms=100, count=1))
        tell(desk, "PLACEMENT", "UPDATE")
        assert await frames_until_pong(socket) == []
        assert await kinds_heard(socket, 2) == ["PLACEMENT", "UPDATE"]


async def test_a_rule_finds_frames_by_what_they_say() -> None:
    async with open_feeds() as desk:
        socket = await listen(desk)
        match = {"event_type": "trade", "status": "CONFIRMED", "token_id": YES}
        desk.venue.faults.replace(a_plan("drop", match=match))
        tell(desk, "PLACEMENT")
        for status in (TradeStatus.MINED, TradeStatus.CONFIRMED, TradeStatus.FAILED):
            desk.venue.tell(TradeUpdated(a_trade(owner=KEY[1], status=status)))
        heard = [(await next_frame(socket))["status"] for _ in range(3)]
        assert heard == ["LIVE", "MINED", "FAILED"]
        assert await frames_until_pong(socket) == []


async def test_every_socket_has_its_own_dice() -> None:
    async with open_feeds() as desk:
        sockets = [await listen(desk) for _ in range(2)]
        desk.venue.faults.replace(a_plan("drop", share=Decimal("0.5")))
        tell(desk, *(str(number) for number in range(40)))
        heard = [[frame["type"] for frame in await frames_until_pong(socket)] for socket in sockets]
        assert heard[0] != heard[1]
        assert all(5 < len(kinds) < 35 for kinds in heard)


async def test_a_line_that_holds_too_much_closes_its_socket() -> None:
    lines = Lines(Faults(a_plan("lag", delay_ms=60_000)), Point.USER_STREAM)
    outlet = Outlet()
    line = lines.open(outlet)
    for _ in range(OUTBOX_FRAMES + 1):
        line.send("frame", {})
    assert outlet.reason == "slow consumer"
    line.send("frame", {})
    assert lines.faults.struck == (OUTBOX_FRAMES + 1,)


def test_a_frame_is_matched_by_its_texts_and_its_token_by_one_name() -> None:
    assert texts({"asset": "1", "price": 0.5, "side": "BUY"}) == {
        "asset": "1",
        "token_id": "1",
        "side": "BUY",
    }
    assert texts({"token_id": "2", "asset_id": "1"})["token_id"] == "2"
    assert texts({"type": "order"}) == {"type": "order"}


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_a_shuffle_always_changes_the_order(count: int) -> None:
    frames = [str(number) for number in range(count)]
    for key in range(50):
        order = shuffled(frames, key)
        assert order != frames
        assert sorted(order) == frames
    assert shuffled(["alone"], 1) == ["alone"]
