from dataclasses import replace

import pytest
from aiohttp import WSMsgType

from paper.faults import Fault, FaultPlan, Point
from paper.model import Traded, TradeStatus, TradeUpdated
from tests.paper.feed_desk import closed, frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import CONDITION, CROWD, HASH, KEY, NO, NOW, WHALE, YES, a_trade


def subscribe(kind: str, **more: object) -> dict[str, object]:
    subscription = {"topic": "activity", "type": kind, "filters": "", **more}
    return {"action": "subscribe", "subscriptions": [subscription]}


async def test_orders_matched_tells_the_taker_once_per_fill() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade()))
        first, second = await next_frame(socket), await next_frame(socket)
        assert await frames_until_pong(socket) == []
        assert (first["topic"], first["type"], first["timestamp"]) == (
            "activity",
            "orders_matched",
            NOW,
        )
        assert first["connection_id"] == second["connection_id"]
        payload = first["payload"]
        assert (payload["proxyWallet"], payload["asset"], payload["side"]) == (WHALE, YES, "BUY")
        assert (payload["price"], payload["size"]) == (0.44, 10)
        assert (payload["conditionId"], payload["transactionHash"]) == (CONDITION, HASH)
        assert (payload["outcome"], payload["outcomeIndex"]) == ("Up", 0)
        assert (payload["slug"], payload["eventSlug"]) == ("up-or-down", "up-or-down-event")
        assert payload["timestamp"] == (NOW - 60_000) // 1000
        assert second["payload"]["price"] == 0.45
        assert second["payload"]["size"] == 20


async def test_invented_wallets_are_marked_and_named_so() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("trades"))
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade()))
        payloads = [(await next_frame(socket))["payload"] for _ in range(4)]
        assert all(payload["invented"] is True for payload in payloads)
        assert payloads[0]["name"] == "invented-kestrel"
        assert payloads[1]["name"] == "invented-8738"


async def test_trades_tells_both_sides_in_their_own_terms() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("trades"))
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade()))
        payloads = [(await next_frame(socket))["payload"] for _ in range(4)]
        told = [(p["proxyWallet"], p["asset"], p["side"], p["price"]) for p in payloads]
        assert told == [
            (WHALE, YES, "BUY", 0.44),
            (CROWD, YES, "SELL", 0.44),
            (WHALE, YES, "BUY", 0.45),
            (CROWD, NO, "BUY", 0.55),
        ]


async def test_a_star_subscribes_to_both_kinds() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("*"))
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade()))
        kinds = [(await next_frame(socket))["type"] for _ in range(6)]
        assert sorted(kinds) == ["orders_matched"] * 2 + ["trades"] * 4


async def test_a_clients_match_is_told_when_its_transaction_is_known() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        trade = a_trade(owner=KEY[1], transaction_hash="")
        desk.venue.tell(Traded(trade))
        desk.venue.tell(TradeUpdated(trade))
        assert await frames_until_pong(socket) == []
        trade.status, trade.transaction_hash = TradeStatus.MINED, HASH
        desk.venue.tell(TradeUpdated(trade))
        desk.venue.tell(TradeUpdated(trade))
        frames = await frames_until_pong(socket)
        assert [frame["payload"]["transactionHash"] for frame in frames] == [HASH, HASH]
        assert "invented" not in frames[0]["payload"]
        assert frames[0]["payload"]["name"] == ""


async def test_a_match_that_failed_is_not_told() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade(owner=KEY[1], transaction_hash="")))
        desk.venue.tell(TradeUpdated(a_trade(owner=KEY[1], status=TradeStatus.FAILED)))
        desk.venue.tell(TradeUpdated(a_trade(owner=KEY[1])))
        assert await frames_until_pong(socket) == []


async def test_filters_and_other_topics_leave_nothing_to_tell() -> None:
    async with open_feeds() as desk:
        frame = subscribe("trades", filters='{"event_slug":"up-or-down-event"}')
        socket = await desk.socket("/rtds", frame)
        await socket.send_json(subscribe("trades", topic="comments"))
        await socket.send_json({"action": "subscribe", "subscriptions": ["activity"]})
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade()))
        assert await frames_until_pong(socket) == []


async def test_a_subscription_can_be_given_up() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("*"))
        await socket.send_json({**subscribe("trades"), "action": "unsubscribe"})
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade()))
        kinds = {frame["type"] for frame in await frames_until_pong(socket)}
        assert kinds == {"orders_matched"}


async def test_what_is_no_request_is_refused() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds")
        for text in ("{", "[]", '{"action":"subscribe"}', '{"action":1,"subscriptions":[]}'):
            await socket.send_str(text)
            assert (await next_frame(socket))["statusCode"] == 400


async def test_trades_of_unknown_markets_are_told_without_their_names() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        desk.venue.tell(Traded(a_trade(condition_id="0xunknown")))
        assert (await next_frame(socket))["payload"]["slug"] == ""


async def test_the_oldest_of_too_many_waiting_matches_is_given_up() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        for number in range(10_001):
            desk.venue.tell(
                Traded(a_trade(trade_id=str(number), owner=KEY[1], transaction_hash=""))
            )
            if number % 5_000 == 0:
                await desk.settled(socket)
        desk.venue.tell(TradeUpdated(a_trade(trade_id="0", owner=KEY[1])))
        assert await frames_until_pong(socket) == []
        desk.venue.tell(TradeUpdated(a_trade(trade_id="10000", owner=KEY[1])))
        assert len(await frames_until_pong(socket)) == 2


async def test_a_feed_that_fell_behind_closes_its_sockets() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        for _ in range(10_001):
            desk.venue.tell(TradeUpdated(a_trade()))
        assert "lost" in await closed(socket)


async def test_a_transaction_that_is_retried_is_not_told() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        trade = a_trade(owner=KEY[1], transaction_hash="")
        desk.venue.tell(Traded(replace(trade)))
        first = replace(trade, status=TradeStatus.RETRYING, transaction_hash="0x01")
        desk.venue.tell(TradeUpdated(first))
        assert await frames_until_pong(socket) == []
        desk.venue.tell(
            TradeUpdated(replace(trade, status=TradeStatus.MINED, transaction_hash=HASH))
        )
        assert (await next_frame(socket))["payload"]["transactionHash"] == HASH


@pytest.mark.parametrize(
    ("fault", "sizes"),
    [("drop", [20]), ("duplicate", [10, 10, 20]), ("freeze", [])],
)
async def test_messages_are_lost_and_doubled_by_plan(fault: str, sizes: list[int]) -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        rule = Fault(Point.RTDS, fault, count=1, match={"proxyWallet": WHALE, "token_id": YES})
        desk.venue.faults.replace(FaultPlan((rule,)))
        desk.venue.tell(Traded(a_trade()))
        told = [frame["payload"]["size"] for frame in await frames_until_pong(socket)]
        assert told == sizes


async def test_the_line_is_cut_by_plan() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/rtds", subscribe("orders_matched"))
        await desk.settled(socket)
        desk.venue.faults.replace(FaultPlan((Fault(Point.RTDS, "cut"),)))
        desk.venue.tell(Traded(a_trade()))
        assert (await socket.receive(timeout=5)).type in {WSMsgType.CLOSED, WSMsgType.ERROR}
