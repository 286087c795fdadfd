from typing import Any

from polymarket._internal.streams.clob.user import ClobUserStreamManager
from polymarket.models import ApiKeyCreds

from paper.model import OrderUpdated, TradeStatus, TradeUpdated
from tests.paper.feed_desk import closed, frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import CONDITION, CONDITION_V3, KEY, NOW, OTHER_KEY, a_trade, an_order

AUTH = {"apiKey": KEY[1], "secret": KEY[2], "passphrase": KEY[3]}
OTHER_AUTH = {"apiKey": OTHER_KEY[1], "secret": OTHER_KEY[2], "passphrase": OTHER_KEY[3]}
LOGIN = {"type": "user", "auth": AUTH}
PLACED = OrderUpdated(an_order(), "PLACEMENT", NOW)


async def test_an_owner_hears_of_its_orders() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", LOGIN)
        await desk.settled(socket)
        desk.venue.tell(PLACED)
        frame = await next_frame(socket)
        assert (frame["event_type"], frame["type"]) == ("order", "PLACEMENT")
        assert (frame["owner"], frame["market"]) == (KEY[1], CONDITION)
        assert (frame["original_size"], frame["price"]) == ("100", "0.44")


async def test_an_owner_hears_of_every_state_of_its_trades() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", LOGIN)
        await desk.settled(socket)
        for status in TradeStatus:
            desk.venue.tell(TradeUpdated(a_trade(owner=KEY[1], status=status)))
            desk.venue.tell(TradeUpdated(a_trade(owner="")))
            assert (await next_frame(socket))["status"] == status.value


async def test_nobody_hears_of_another_keys_orders() -> None:
    async with open_feeds() as desk:
        other = await desk.socket("/ws/user", {"type": "user", "auth": OTHER_AUTH})
        await desk.settled(other)
        desk.venue.tell(PLACED)
        desk.venue.tell(TradeUpdated(a_trade(owner=KEY[1])))
        assert await frames_until_pong(other) == []


async def test_wrong_credentials_close_the_socket() -> None:
    wrong: tuple[Any, ...] = (
        {**AUTH, "secret": "no"},
        {**AUTH, "apiKey": 1},
        {"apiKey": KEY[1]},
        "key",
        None,
    )
    async with open_feeds() as desk:
        for auth in wrong:
            socket = await desk.socket("/ws/user", {"type": "user", "auth": auth})
            assert await closed(socket) == "invalid credentials", auth


async def test_markets_that_are_no_list_close_the_socket() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", {**LOGIN, "markets": "all"})
        assert await closed(socket) == "invalid markets"


async def test_what_is_not_json_is_answered_in_plain_text() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user")
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=5) == "INVALID OPERATION"


async def test_markets_narrow_what_is_heard() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", {**LOGIN, "markets": [CONDITION_V3.upper()]})
        await desk.settled(socket)
        desk.venue.tell(PLACED)
        assert await frames_until_pong(socket) == []
        await socket.send_json({"operation": "subscribe", "markets": [CONDITION]})
        await desk.settled(socket)
        desk.venue.tell(PLACED)
        assert (await next_frame(socket))["event_type"] == "order"
        await socket.send_json({"operation": "unsubscribe", "markets": [CONDITION]})
        await desk.settled(socket)
        desk.venue.tell(PLACED)
        assert await frames_until_pong(socket) == []
        await socket.send_json({"operation": "unsubscribe", "markets": [CONDITION_V3]})
        await desk.settled(socket)
        desk.venue.tell(PLACED)
        assert (await next_frame(socket))["event_type"] == "order"


async def test_an_unsubscribe_from_all_markets_changes_nothing() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", LOGIN)
        await socket.send_json({"operation": "unsubscribe", "markets": [CONDITION]})
        await desk.settled(socket)
        desk.venue.tell(PLACED)
        assert (await next_frame(socket))["event_type"] == "order"


async def test_unknown_operations_are_refused_after_the_login() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", LOGIN)
        many = [str(number) for number in range(20_000)]
        await socket.send_json({"operation": "subscribe", "markets": [CONDITION]})
        for frame in (
            {"operation": "dance", "markets": []},
            {"operation": "subscribe", "markets": [1]},
            {"operation": "subscribe", "markets": many},
            {"operation": "subscribe", "markets": [*many, "one too many"]},
        ):
            await socket.send_json(frame)
            assert await socket.receive_str(timeout=5) == "INVALID OPERATION"


async def test_a_feed_that_fell_behind_closes_its_sockets() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/user", LOGIN)
        await desk.settled(socket)
        for _ in range(10_001):
            desk.venue.tell(OrderUpdated(an_order(owner="nobody"), "UPDATE", NOW))
        assert "lost" in await closed(socket)


async def test_the_official_client_follows_an_account() -> None:
    async def credentials() -> ApiKeyCreds:
        return ApiKeyCreds(key=KEY[1], secret=KEY[2], passphrase=KEY[3])

    async with open_feeds() as desk:
        url = desk.url.replace("http", "ws") + "/ws/user"
        async with ClobUserStreamManager(url=url, resolve_credentials=credentials) as manager:
            handle = await manager.subscribe()
            probe = await desk.socket("/ws/user", LOGIN)  # opened later, so it is heard later
            await desk.settled(probe)
            desk.venue.tell(PLACED)
            desk.venue.tell(TradeUpdated(a_trade(owner=KEY[1], status=TradeStatus.MINED)))
            order, trade = await anext(handle), await anext(handle)
            assert (order.type, trade.type) == ("order", "trade")
            assert manager.dropped_events == 0
