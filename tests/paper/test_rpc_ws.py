from typing import Any

from aiohttp import ClientWebSocketResponse

from paper.model import BlockMined, OrderUpdated
from tests.paper.feed_desk import FeedDesk, closed, frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import NOW, a_log, an_order

TOPIC = "0x" + "aa" * 32
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"


async def ask(socket: ClientWebSocketResponse, method: str, *params: object) -> Any:
    await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return await next_frame(socket)


def mine(desk: FeedDesk) -> None:
    logs = (a_log(1_000, (TOPIC,), EXCHANGE), a_log(1_000, (TOPIC,), "0x" + "99" * 20, 1))
    desk.venue.tell(BlockMined(1_000, logs))


async def test_logs_of_new_blocks_are_told_as_filtered() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        name = (await ask(socket, "eth_subscribe", "logs", {"address": EXCHANGE}))["result"]
        mine(desk)
        frame = await next_frame(socket)
        assert frame["params"]["subscription"] == name
        assert frame["params"]["result"]["address"] == EXCHANGE.lower()
        assert await frames_until_pong(socket) == []


async def test_a_subscription_to_logs_needs_no_filter() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        await ask(socket, "eth_subscribe", "logs")
        mine(desk)
        assert len(await frames_until_pong(socket)) == 2


async def test_new_heads_are_told() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        await ask(socket, "eth_subscribe", "newHeads")
        desk.venue.tell(OrderUpdated(an_order(), "PLACEMENT", NOW))
        mine(desk)
        assert (await next_frame(socket))["params"]["result"]["number"] == "0x3e8"


async def test_a_subscription_can_be_ended() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        name = (await ask(socket, "eth_subscribe", "logs", {}))["result"]
        assert (await ask(socket, "eth_unsubscribe", name))["result"] is True
        assert (await ask(socket, "eth_unsubscribe", name))["result"] is False
        assert (await ask(socket, "eth_unsubscribe"))["result"] is False
        mine(desk)
        assert await frames_until_pong(socket) == []


async def test_everything_that_http_answers_is_answered_here_too() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        assert (await ask(socket, "eth_blockNumber"))["result"] == "0x3e8"
        await socket.send_str('[{"id":1,"method":"eth_chainId"},{"id":2,"method":"x"}]')
        assert [answer["id"] for answer in await next_frame(socket)] == [1, 2]


async def test_what_is_no_subscription_is_refused() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        for params in ((), ("syncing",), (1,), ("logs", {"topics": 1})):
            assert (await ask(socket, "eth_subscribe", *params))["error"]["code"] == -32602
        await socket.send_str("{")
        assert (await next_frame(socket))["error"]["code"] == -32700


async def test_there_is_a_limit_to_subscriptions() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        for _ in range(100):
            assert "result" in await ask(socket, "eth_subscribe", "newHeads")
        assert (await ask(socket, "eth_subscribe", "newHeads"))["error"]["code"] == -32005


async def test_a_feed_that_fell_behind_closes_its_sockets() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rpc")
        await desk.settled(socket)
        for number in range(10_001):
            desk.venue.tell(BlockMined(number, ()))
        assert "lost" in await closed(socket)
