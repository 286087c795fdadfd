"""Tests of a node that fails and forgets, as its clients see it."""

from aiohttp import WSMsgType

from paper.faults import Fault, FaultPlan, Point
from paper.model import BlockMined, LogsRemoved
from tests.paper.feed_desk import FeedDesk, frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import HASH, WHALE, ToldVenue, a_log

LOGS = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["logs", {}]}
HEAD = {"jsonrpc": "2.0", "id": 2, "method": "eth_blockNumber", "params": []}
GET_LOGS = {
    "jsonrpc": "2.0",
    "id": 3,
    "method": "eth_getLogs",
    "params": [{"fromBlock": "0x0", "toBlock": "latest"}],
}
TOPIC = "0x" + "0" * 24 + WHALE[2:]


def a_venue(fault: str, **changes: object) -> ToldVenue:
    venue = ToldVenue()
    venue.head = 7
    rule = Fault(at=Point.CHAIN, fault=fault, **changes)  # type: ignore[arg-type]
    venue.faults.replace(FaultPlan((rule,)))
    return venue


async def answer(desk: FeedDesk, request: object) -> tuple[int, str]:
    response = await desk.http.post("/rpc", json=request)
    return response.status, await response.text()


async def test_a_request_fails_with_a_status_over_http() -> None:
    async with open_feeds(a_venue("rpc_error", status=503, text="busy", count=1)) as desk:
        assert await answer(desk, HEAD) == (503, "busy")
        assert (await answer(desk, HEAD))[0] == 200


async def test_a_request_fails_as_an_error_of_json_rpc() -> None:
    match = {"method": "eth_blockNumber"}
    async with open_feeds(a_venue("rpc_error", match=match)) as desk:
        status, text = await answer(desk, [HEAD, {**HEAD, "id": 5, "method": "eth_chainId"}])
        assert status == 200
        assert '"code":-32603' in text
        assert '"result":"0x89"' in text
        socket = await desk.socket("/rpc", HEAD)
        assert (await next_frame(socket))["error"]["message"] == "internal error"


async def test_a_log_is_missing_from_a_subscription_and_still_on_the_chain() -> None:
    venue = a_venue("drop", match={"maker": WHALE})
    venue.chain = [a_log(7, ("0xaa", "0xbb", TOPIC), WHALE), a_log(7, ("0xcc",), WHALE, 1)]
    async with open_feeds(venue) as desk:
        socket = await desk.socket("/rpc", LOGS)
        await next_frame(socket)
        venue.tell(BlockMined(7, tuple(venue.chain)))
        told = (await next_frame(socket))["params"]["result"]
        assert told["logIndex"] == "0x1"
        assert await frames_until_pong(socket) == []
        _, text = await answer(desk, GET_LOGS)
        assert text.count(HASH) == 2


async def test_logs_that_were_removed_are_told_again() -> None:
    async with open_feeds(a_venue("drop", count=1)) as desk:
        socket = await desk.socket("/rpc", LOGS)
        await next_frame(socket)
        desk.venue.tell(BlockMined(7, (a_log(7, ("0xaa",), WHALE),)))  # this one is dropped
        desk.venue.tell(LogsRemoved((a_log(7, ("0xaa",), WHALE),)))
        assert (await next_frame(socket))["params"]["result"]["topics"] == ["0xaa"]


async def test_a_subscription_is_cut() -> None:
    async with open_feeds(a_venue("cut", match={"subscription": "newHeads"})) as desk:
        socket = await desk.socket("/rpc", {**LOGS, "params": ["newHeads"]})
        await next_frame(socket)
        desk.venue.tell(BlockMined(7, ()))
        assert (await socket.receive(timeout=5)).type in {WSMsgType.CLOSED, WSMsgType.ERROR}
