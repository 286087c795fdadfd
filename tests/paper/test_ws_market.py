import json
from dataclasses import replace

from polymarket._internal.streams.clob.market import ClobMarketStreamManager
from polymarket.models.clob.market_events import MarketBookEvent, parse_market_event

from paper.model import (
    MICROS,
    Book,
    BookChanged,
    Level,
    MarketOpened,
    MarketResolved,
    TickSizeChanged,
    Traded,
)
from tests.paper.feed_desk import closed, frames_until_pong, next_frame, open_feeds
from tests.paper.told_venue import (
    CONDITION,
    CONDITION_V3,
    HASH,
    NO,
    NOW,
    YES,
    YES_V3,
    a_market,
    a_trade,
)

SUBSCRIBE = {"type": "market", "assets_ids": [YES, NO]}
CUSTOM = {**SUBSCRIBE, "custom_feature_enabled": True}
CHANGE = BookChanged(CONDITION, (Level(440_000, 7 * MICROS),), (Level(450_000, 0),), NOW + 5)


async def test_a_subscriber_first_gets_the_books_of_its_tokens() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        yes, no = await next_frame(socket)
        assert (yes["event_type"], yes["asset_id"], yes["market"]) == ("book", YES, CONDITION)
        assert yes["bids"] == [{"price": "0.43", "size": "100"}]
        assert yes["timestamp"] == str(NOW)
        assert no["asks"] == [{"price": "0.57", "size": "100"}]
        parsed = parse_market_event(yes)
        assert isinstance(parsed, MarketBookEvent)
        assert parsed.payload.hash


async def test_the_best_level_of_a_book_comes_last() -> None:
    async with open_feeds() as desk:
        desk.venue.set_book(
            CONDITION,
            (Level(430_000, MICROS), Level(420_000, MICROS)),
            (Level(450_000, MICROS), Level(460_000, MICROS)),
        )
        socket = await desk.socket("/ws/market", {**SUBSCRIBE, "assets_ids": [YES]})
        [book] = await next_frame(socket)
        assert [level["price"] for level in book["bids"]] == ["0.42", "0.43"]
        assert [level["price"] for level in book["asks"]] == ["0.46", "0.45"]


async def test_a_change_is_told_for_both_tokens() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", {**SUBSCRIBE, "assets_ids": [YES]})
        await next_frame(socket)
        desk.venue.tell(CHANGE)
        frame = await next_frame(socket)
        assert (frame["event_type"], frame["timestamp"]) == ("price_change", str(NOW + 5))
        told = [
            (c["asset_id"], c["side"], c["price"], c["size"], c["best_bid"], c["best_ask"])
            for c in frame["price_changes"]
        ]
        assert told == [
            (YES, "BUY", "0.44", "7", "0.44", "1"),
            (YES, "SELL", "0.45", "0", "0.44", "1"),
            (NO, "SELL", "0.56", "7", "0", "0.56"),
            (NO, "BUY", "0.55", "0", "0", "0.56"),
        ]
        assert len({change["hash"] for change in frame["price_changes"]}) == 2


async def test_a_whole_book_is_told_as_the_levels_that_differ() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        bids = (Level(430_000, 100 * MICROS),)
        desk.venue.tell(BookChanged(CONDITION, bids, (), NOW, is_snapshot=True))
        frame = await next_frame(socket)
        assert [(c["side"], c["size"]) for c in frame["price_changes"]] == [
            ("SELL", "0"),
            ("BUY", "0"),
        ]


async def test_nothing_is_told_when_nothing_changed() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        desk.venue.tell(BookChanged(CONDITION, (Level(430_000, 100 * MICROS),), (), NOW))
        assert await frames_until_pong(socket) == []


async def test_best_prices_are_told_only_to_who_asked_for_the_extra_events() -> None:
    async with open_feeds() as desk:
        plain = await desk.socket("/ws/market", SUBSCRIBE)
        custom = await desk.socket("/ws/market", CUSTOM)
        for socket in (plain, custom):
            await next_frame(socket)
        desk.venue.tell(CHANGE)
        assert (await next_frame(plain))["event_type"] == "price_change"
        assert await frames_until_pong(plain) == []
        kinds = [(await next_frame(custom)) for _ in range(3)]
        assert [frame["event_type"] for frame in kinds] == [
            "price_change",
            "best_bid_ask",
            "best_bid_ask",
        ]
        assert (kinds[1]["best_bid"], kinds[1]["best_ask"], kinds[1]["spread"]) == ("0.44", "", "")


async def test_a_spread_is_told_when_both_sides_stand() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", {**CUSTOM, "assets_ids": [YES]})
        await next_frame(socket)
        desk.venue.tell(BookChanged(CONDITION, (Level(440_000, MICROS),), (), NOW))
        await next_frame(socket)
        assert (await next_frame(socket))["spread"] == "0.01"


async def test_a_match_is_told_without_its_traders() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        desk.venue.tell(Traded(a_trade()))
        frame = await next_frame(socket)
        assert (frame["event_type"], frame["asset_id"]) == ("last_trade_price", YES)
        assert (frame["size"], frame["side"], frame["transaction_hash"]) == ("30", "BUY", HASH)
        assert "invented" not in frame
        assert "wallet" not in json.dumps(frame)


async def test_an_invented_match_says_so() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        desk.venue.tell(Traded(a_trade(invented=True, transaction_hash="")))
        frame = await next_frame(socket)
        assert frame["invented"] is True
        assert "transaction_hash" not in frame


async def test_a_new_tick_size_is_followed_by_a_whole_book() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", {**SUBSCRIBE, "assets_ids": [NO]})
        await next_frame(socket)
        desk.venue.tell(TickSizeChanged(CONDITION, 10_000, 1_000, NOW))
        frame = await next_frame(socket)
        assert (frame["old_tick_size"], frame["new_tick_size"]) == ("0.01", "0.001")
        [book] = await next_frame(socket)
        assert (book["event_type"], book["asset_id"]) == ("book", NO)


async def test_openings_and_results_are_told_to_who_asked_for_the_extra_events() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", CUSTOM)
        await next_frame(socket)
        desk.venue.listed.append(a_market("0x" + "09" * 32, ("9", "10")))
        desk.venue.tell(MarketOpened(desk.venue.listed[-1]))
        desk.venue.tell(MarketResolved(desk.venue.resolve((0, MICROS))))
        opened, resolved = await next_frame(socket), await next_frame(socket)
        assert (opened["event_type"], opened["assets_ids"]) == ("new_market", ["9", "10"])
        assert (opened["id"], resolved["id"]) == ("3", "1")
        assert (resolved["winning_asset_id"], resolved["winning_outcome"]) == (NO, "Down")
        assert parse_market_event(opened).type == "new_market"
        assert parse_market_event(resolved).type == "market_resolved"


async def test_a_void_market_has_no_winner() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", CUSTOM)
        await next_frame(socket)
        desk.venue.tell(MarketResolved(desk.venue.resolve((MICROS // 2, MICROS // 2))))
        frame = await next_frame(socket)
        assert frame["winning_asset_id"] is None
        assert parse_market_event(frame).type == "market_resolved"


async def test_tokens_can_be_added_and_dropped_later() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", {"type": "MARKET", "assets_ids": [NO]})
        await next_frame(socket)
        await socket.send_json({"operation": "subscribe", "assets_ids": [YES, NO]})
        [added] = await next_frame(socket)
        assert added["asset_id"] == YES
        await socket.send_json({"operation": "unsubscribe", "assets_ids": [YES, NO]})
        await desk.settled(socket)
        desk.venue.tell(CHANGE)
        assert await frames_until_pong(socket) == []


async def test_naming_a_known_token_again_switches_the_extra_events() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        again = {"operation": "subscribe", "assets_ids": [YES], "custom_feature_enabled": True}
        await socket.send_json(again)
        await desk.settled(socket)
        desk.venue.tell(MarketResolved(desk.venue.resolve((MICROS, 0))))
        assert (await next_frame(socket))["event_type"] == "market_resolved"


async def test_a_socket_with_too_many_tokens_gets_changes_but_no_books() -> None:
    async with open_feeds() as desk:
        many = [YES, *(str(number) for number in range(500))]
        socket = await desk.socket("/ws/market", {**SUBSCRIBE, "assets_ids": many})
        await desk.settled(socket)
        desk.venue.tell(CHANGE)
        assert (await next_frame(socket))["event_type"] == "price_change"


async def test_a_token_without_a_book_gets_one_as_soon_as_there_is_one() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", {**SUBSCRIBE, "assets_ids": [YES_V3]})
        await desk.settled(socket)
        bids = (Level(300_000, MICROS),)
        desk.venue.books[YES_V3] = Book(YES_V3, CONDITION_V3, bids, (), NOW)
        desk.venue.tell(BookChanged(CONDITION_V3, bids, (), NOW))
        [book] = await next_frame(socket)
        assert book["bids"] == [{"price": "0.3", "size": "1"}]


async def test_events_of_unknown_markets_are_left_out() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", CUSTOM)
        await next_frame(socket)
        desk.venue.tell(replace(CHANGE, condition_id="0xunknown"))
        desk.venue.tell(TickSizeChanged("0xunknown", 10_000, 1_000, NOW))
        assert await frames_until_pong(socket) == []


async def test_what_is_no_operation_is_answered_in_plain_text() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market")
        for text in (
            "{",
            "[1]",
            "[" * 100_000,
            '{"assets_ids": "x"}',
            '{"type": 7, "assets_ids": []}',
            '{"operation": "dance", "assets_ids": []}',
            json.dumps({"assets_ids": [str(number) for number in range(20_001)]}),
        ):
            await socket.send_str(text)
            assert await socket.receive_str(timeout=5) == "INVALID OPERATION", text


async def test_a_feed_that_fell_behind_closes_its_sockets_and_starts_anew() -> None:
    async with open_feeds() as desk:
        socket = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(socket)
        for _ in range(10_001):
            desk.venue.tell(BookChanged(CONDITION, (), (), NOW))
        assert "lost" in await closed(socket)
        again = await desk.socket("/ws/market", SUBSCRIBE)
        await next_frame(again)
        desk.venue.tell(CHANGE)
        assert (await next_frame(again))["event_type"] == "price_change"


async def test_the_official_client_follows_a_market() -> None:
    async with open_feeds() as desk:
        url = desk.url.replace("http", "ws") + "/ws/market"
        async with ClobMarketStreamManager(url=url) as manager:
            handle = await manager.subscribe(token_ids=[YES, NO], custom_feature_enabled=True)
            first, second = await anext(handle), await anext(handle)
            assert {first.type, second.type} == {"book"}
            desk.venue.tell(CHANGE)
            desk.venue.tell(Traded(a_trade()))
            desk.venue.tell(TickSizeChanged(CONDITION, 10_000, 1_000, NOW))
            kinds = [(await anext(handle)).type for _ in range(6)]
            assert kinds == [
                "price_change",
                "best_bid_ask",
                "best_bid_ask",
                "last_trade_price",
                "tick_size_change",
                "book",
            ]
            assert manager.dropped_events == 0
