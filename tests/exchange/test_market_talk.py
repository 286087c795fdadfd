"""One market socket: what it subscribes to, the books it mirrors, and what it refuses."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from exchange.polymarket.market_talk import MarketTalk
from exchange.port import (
    BookChange,
    LastTrade,
    MarketEvent,
    MarketResolution,
    Quarantined,
    StreamReset,
    TickSizeChange,
    UnavailableError,
)
from tests.exchange.samples import AT, CONDITION, NO, YES, book_row, clock
from trading.types import Level, OrderBook, Price, Shares, TokenId


class Desk:
    """A talk, what it emitted, and how often it asked for a book by REST."""

    def __init__(self, *tokens: TokenId) -> None:
        self.events: list[MarketEvent] = []
        self.fetched = 0
        self.now = clock()
        self.talk = MarketTalk(self._emit, lambda: self.now, self._fetch_book)
        self.talk.want(frozenset(tokens))
        self.said = [json.loads(frame) for frame in self.talk.hello()]

    async def _emit(self, event: MarketEvent) -> None:
        self.events.append(event)

    async def _fetch_book(self, token_id: TokenId) -> OrderBook:
        self.fetched += 1
        tick, least = Price(Decimal("0.001")), Shares(Decimal(15))
        return OrderBook(token_id, (), (), AT, AT, tick, least)

    async def hear(self, frame: object) -> bool:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        return await self.talk.hear(text)

    def more(self) -> list[dict[str, object]]:
        return [json.loads(frame) for frame in self.talk.more()]

    @property
    def books(self) -> list[OrderBook]:
        return [event.book for event in self.events if isinstance(event, BookChange)]


def price_change(*changes: tuple[str, str, str, str]) -> dict[str, object]:
    keys = ("asset_id", "side", "price", "size")
    rows = [dict(zip(keys, change, strict=True)) for change in changes]
    at = str(int((AT + timedelta(seconds=1)).timestamp() * 1000))
    return {
        "event_type": "price_change",
        "market": CONDITION,
        "price_changes": rows,
        "timestamp": at,
    }


TICK = {"event_type": "tick_size_change", "asset_id": YES, "new_tick_size": "0.001", "timestamp": 1}


def test_hello_subscribes_to_what_is_wanted() -> None:
    expected = {"type": "market", "assets_ids": sorted([YES, NO]), "custom_feature_enabled": True}
    assert Desk(YES, NO).said == [expected]


def test_changes_are_said_as_differences() -> None:
    desk = Desk(YES)
    desk.talk.want(frozenset([NO]))
    assert desk.talk.wake.is_set()
    assert [(frame["operation"], frame["assets_ids"]) for frame in desk.more()] == [
        ("unsubscribe", [YES]),
        ("subscribe", [NO]),
    ]
    assert desk.more() == []


async def test_a_snapshot_and_its_changes_give_whole_books() -> None:
    desk = Desk(YES)
    assert await desk.hear([book_row()])
    assert await desk.hear(price_change((YES, "BUY", "0.50", "7"), (YES, "SELL", "0.51", "0")))
    first, second = desk.books
    assert first.bids[0].price == Decimal("0.49")
    assert (second.bids[0].price, second.asks[0].price) == (Decimal("0.50"), Decimal("0.52"))
    assert desk.fetched == 0


async def test_changes_before_a_snapshot_and_books_of_other_tokens_are_passed_over() -> None:
    desk = Desk(NO)
    await desk.hear(price_change((NO, "BUY", "0.50", "7")))
    await desk.hear(book_row())
    assert desk.events == []


async def test_one_frame_changes_both_tokens_of_a_market() -> None:
    desk = Desk(YES, NO)
    await desk.hear([book_row(), book_row(asset_id=NO)])
    await desk.hear(price_change((YES, "BUY", "0.4", "7"), (NO, "SELL", "0.6", "7")))
    assert [book.token_id for book in desk.books] == [YES, NO, YES, NO]


async def test_a_snapshot_without_its_terms_asks_for_them_once() -> None:
    desk = Desk(YES)
    row = book_row()
    del row["tick_size"], row["min_order_size"]
    await desk.hear(row)
    await desk.hear(row)
    assert [(book.tick_size, book.min_size) for book in desk.books] == [
        (Decimal("0.001"), Decimal(15))
    ] * 2
    assert desk.fetched == 1


async def test_a_new_tick_size_drops_the_book_and_asks_for_another() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    assert await desk.hear(TICK)
    assert isinstance(desk.events[-1], TickSizeChange)
    assert [(frame["operation"], frame["assets_ids"]) for frame in desk.more()] == [
        ("unsubscribe", [YES]),
        ("subscribe", [YES]),
    ]
    await desk.hear(price_change((YES, "BUY", "0.50", "7")))
    assert len(desk.books) == 1
    row = book_row()
    del row["tick_size"]
    await desk.hear(row)
    assert desk.books[-1].tick_size == Decimal("0.001")


async def test_a_tick_size_of_another_token_is_passed_over() -> None:
    desk = Desk(NO)
    await desk.hear(TICK)
    assert desk.events == []


async def test_trades_and_resolutions_are_told() -> None:
    desk = Desk(YES)
    trade = {"event_type": "last_trade_price", "asset_id": YES, "price": "0.5", "size": "7"}
    await desk.hear({**trade, "timestamp": "1795348800123"})
    await desk.hear({"event_type": "market_resolved", "market": CONDITION, "timestamp": 1795348800})
    assert desk.events == [
        LastTrade(YES, Price(Decimal("0.5")), Shares(Decimal(7)), AT),
        MarketResolution(CONDITION, AT.replace(microsecond=0)),
    ]


async def test_remarks_are_no_data_and_unknown_kinds_no_events() -> None:
    desk = Desk(YES)
    for text in ("PONG", "NO NEW ASSETS", "INVALID OPERATION", "", "[]"):
        assert not await desk.hear(text)
    assert not await desk.hear({"event_type": "new_market"})
    assert desk.events == []


async def test_what_cannot_be_read_goes_to_quarantine_and_the_feed_goes_on() -> None:
    desk = Desk(YES)
    await desk.hear(book_row(timestamp="NaN"))
    await desk.hear("{broken")
    await desk.hear(book_row())
    first, second, third = desk.events
    assert isinstance(first, Quarantined)
    assert isinstance(second, Quarantined)
    assert isinstance(third, BookChange)
    assert (first.feed, second.payload) == ("market", "{broken")
    assert "timestamp" in first.why


async def test_a_new_connection_starts_books_anew() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    desk.talk.hello()
    await desk.talk.greeted()
    await desk.hear(price_change((YES, "BUY", "0.50", "7")))
    assert desk.events[1:] == [StreamReset(AT, frozenset([YES]))]


async def test_a_socket_is_wanted_as_soon_as_a_token_is() -> None:
    desk = Desk()
    desk.talk.want(frozenset([YES]))
    await desk.talk.wanted()
    assert desk.talk.tokens == {YES}


def answer(bid: str = "0.49", ask: str = "0.51", at: datetime = AT) -> OrderBook:
    """Return a book of YES as an answer gives it; `book_row` has these best prices."""
    deep = Shares(Decimal(1000))
    bids, asks = (Level(Price(Decimal(bid)), deep),), (Level(Price(Decimal(ask)), deep),)
    return OrderBook(YES, bids, asks, at, at, Price(Decimal("0.01")), Shares(Decimal(5)))


def with_best(frame: dict[str, object], bid: str, ask: str) -> dict[str, object]:
    rows = frame["price_changes"]
    assert isinstance(rows, list)
    return {**frame, "price_changes": [{**row, "best_bid": bid, "best_ask": ask} for row in rows]}


def told(desk: Desk, *, is_streamed: bool) -> list[OrderBook]:
    return [book for book in desk.books if book.is_streamed is is_streamed]


async def test_a_change_after_a_lost_frame_drops_the_book_and_asks_for_another() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    await desk.hear(with_best(price_change((YES, "BUY", "0.48", "7")), "0.30", "0.52"))
    assert len(desk.books) == 1
    assert [frame["operation"] for frame in desk.more()] == ["unsubscribe", "subscribe"]
    await desk.hear(book_row())
    await desk.hear(with_best(price_change((YES, "BUY", "0.48", "7")), "0.49", "0.51"))
    assert len(desk.books) == 3


async def test_a_book_that_seems_wrong_is_asked_for_once_and_then_believed() -> None:
    """Perhaps it is our reckoning that is wrong: the feed must go on."""
    desk = Desk(YES)
    wrong = with_best(price_change((YES, "BUY", "0.48", "7")), "0.30", "0.52")
    await desk.hear(book_row())
    await desk.hear(wrong)
    assert desk.more()
    await desk.hear(book_row())
    await desk.hear(wrong)
    assert len(desk.books) == 3
    assert desk.more() == []


async def test_books_of_which_nothing_is_told_are_silent() -> None:
    desk = Desk(YES, NO)
    desk.now = AT + timedelta(seconds=3)
    await desk.hear(book_row())
    assert desk.talk.silent(AT + timedelta(seconds=2)) == [NO]
    desk.now = AT + timedelta(seconds=9)
    assert desk.talk.silent(AT + timedelta(seconds=8)) == [NO, YES]
    await desk.talk.take(answer())
    assert desk.talk.silent(AT + timedelta(seconds=8)) == [NO]


async def test_an_answer_that_agrees_is_told_as_such() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    await desk.talk.take(answer())
    await desk.talk.take(replace(answer(), token_id=NO))
    assert [book.is_streamed for book in desk.books] == [True, False]
    assert desk.more() == []


async def test_an_answer_older_than_the_stream_is_passed_over() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    await desk.talk.take(answer("0.30", at=AT - timedelta(hours=1)))
    assert told(desk, is_streamed=False) == []


async def test_a_socket_that_shows_another_book_and_then_nothing_is_given_up() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    desk.now = AT + timedelta(seconds=1)
    await desk.talk.take(answer("0.30"))
    assert [frame["operation"] for frame in desk.more()] == ["unsubscribe", "subscribe"]
    desk.now = AT + timedelta(seconds=2)
    await desk.talk.take(answer("0.30"))
    assert desk.more() == []
    desk.now = AT + timedelta(seconds=3)
    await desk.talk.take(answer("0.30"))
    assert desk.talk.wake.is_set()
    with pytest.raises(UnavailableError, match="no snapshot"):
        desk.more()
    desk.talk.hello()
    assert desk.more() == []
    assert len(told(desk, is_streamed=False)) == 3


async def test_a_socket_that_tells_of_others_is_kept_and_asked_again_later() -> None:
    desk = Desk(YES, NO)
    await desk.hear(book_row())
    await desk.talk.take(answer("0.30"))
    desk.more()
    desk.now = AT + timedelta(seconds=2)
    await desk.hear(book_row(asset_id=NO))
    await desk.talk.take(answer("0.30"))
    assert desk.more() == []
    desk.now = AT + timedelta(seconds=40)
    await desk.talk.take(answer("0.30"))
    assert [frame["operation"] for frame in desk.more()] == ["unsubscribe", "subscribe"]


async def test_changes_of_books_that_are_not_watched_are_not_even_read() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    assert await desk.hear(price_change((NO, "BUY", "nonsense", "7"), (YES, "BUY", "0.50", "7")))
    assert [book.bids[0].price for book in desk.books] == [Decimal("0.49"), Decimal("0.50")]
    await desk.hear({**price_change(), "price_changes": "nonsense"})
    await desk.hear({**price_change(), "price_changes": [5]})
    assert [type(event) for event in desk.events[2:]] == [Quarantined, Quarantined]


async def test_a_socket_that_is_far_behind_is_given_up_once_a_minute() -> None:
    desk = Desk(YES)
    await desk.hear(book_row())
    change = price_change((YES, "BUY", "0.50", "7"))
    desk.now = AT + timedelta(seconds=6)
    await desk.hear(change)
    assert desk.more() == []
    desk.now = AT + timedelta(seconds=7)
    await desk.hear(change)
    with pytest.raises(UnavailableError, match="is 0:00:06 behind"):
        desk.more()
    desk.talk.hello()
    desk.now = AT + timedelta(seconds=60)
    await desk.hear(change)
    assert desk.more() == []
    desk.now = AT + timedelta(seconds=67)
    await desk.hear(change)
    with pytest.raises(UnavailableError, match="behind"):
        desk.more()
