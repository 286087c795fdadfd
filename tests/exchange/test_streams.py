"""The market stream spreads tokens over sockets; the account stream tells only what is ours."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.lines import LineRules
from exchange.polymarket.market_talk import MarketTalk
from exchange.polymarket.own_trades import Owner, own_parts
from exchange.polymarket.streams import (
    TOKENS_PER_SOCKET,
    AccountStream,
    AccountTalk,
    MarketStream,
    assign,
)
from exchange.polymarket.wire_clob import TradeRow
from exchange.port import (
    AccountEvent,
    BookChange,
    MarketEvent,
    Quarantined,
    StreamReset,
    UnavailableError,
)
from tests.exchange.fake_venue import LIMIT_S, listening
from tests.exchange.samples import (
    AT,
    HASH,
    NO,
    OTHER_HASH,
    THIRD_HASH,
    YES,
    account,
    book_row,
    clock,
    maker_row,
    market,
    order_row,
    trade_row,
)
from tests.exchange.sets import Tokens
from trading.orders import VenueOrder, VenueTrade
from trading.types import OrderBook, OrderState, TokenId

BRISK = LineRules(backoff_min=timedelta(milliseconds=1))
USER = account().user


def access(url: str) -> VenueAccess:
    endpoints = VenueEndpoints(ws_market=url, ws_user=url)
    return VenueAccess(endpoints, None, clock)  # type: ignore[arg-type]  # not used


async def no_book(token_id: TokenId) -> OrderBook:
    raise UnavailableError(token_id)


def new_talk() -> MarketTalk:
    async def emit(event: MarketEvent) -> None:
        raise AssertionError(event)

    return MarketTalk(emit, clock, no_book)


def tokens(first: int, last: int) -> frozenset[TokenId]:
    return frozenset(TokenId(str(number)) for number in range(first, last))


def test_tokens_are_spread_over_sockets_of_two_hundred() -> None:
    talks: list[MarketTalk] = []
    added = assign(tokens(0, 450), talks, new_talk)
    assert added == talks
    assert [len(talk.tokens) for talk in talks] == [TOKENS_PER_SOCKET, TOKENS_PER_SOCKET, 50]
    assert frozenset().union(*(talk.tokens for talk in talks)) == tokens(0, 450)


def test_a_token_stays_with_its_socket_and_room_is_used_again() -> None:
    talks: list[MarketTalk] = []
    assign(tokens(0, 300), talks, new_talk)
    before = [talk.tokens for talk in talks]
    assert assign(tokens(0, 300) - tokens(5, 10) | tokens(900, 903), talks, new_talk) == []
    assert talks[0].tokens & before[1] == frozenset()
    assert sum(len(talk.tokens) for talk in talks) == 298
    assert assign(frozenset(), talks, new_talk) == []
    assert [talk.tokens for talk in talks] == [frozenset(), frozenset()]


async def next_event(events: object) -> object:
    return await asyncio.wait_for(anext(events), LIMIT_S)  # type: ignore[call-overload]  # iterator


async def test_books_are_streamed_for_a_set_that_changes() -> None:
    wanted = Tokens([YES])
    async with listening() as venue:
        events = MarketStream(access(venue.url), no_book, BRISK).events(wanted)
        assert isinstance(await next_event(events), StreamReset)
        connection = await venue.next()
        assert (await connection.next_frame())["assets_ids"] == [YES]
        await connection.say([book_row()])
        change = await next_event(events)
        assert isinstance(change, BookChange)
        wanted.set(NO)
        assert (await connection.next_frame())["assets_ids"] == [YES]
        assert (await connection.next_frame())["assets_ids"] == [NO]
        await connection.drop()
        assert isinstance(await next_event(events), StreamReset)
        assert (await (await venue.next()).next_frame())["assets_ids"] == [NO]
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator


class AccountDesk:
    """An account talk, and what it emitted."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []
        self.talk = AccountTalk(self._emit, USER, self._read, clock)

    async def _emit(self, event: AccountEvent) -> None:
        self.events.append(event)

    async def _read(self, row: TradeRow) -> Sequence[VenueTrade]:
        return own_parts(row, Owner("key-1", account().funder), market().fees)

    async def hear(self, frame: object) -> bool:
        return await self.talk.hear(frame if isinstance(frame, str) else json.dumps(frame))


def test_the_account_stream_logs_in_for_all_markets() -> None:
    (hello,) = AccountDesk().talk.hello()
    assert json.loads(hello) == {
        "type": "user",
        "auth": {
            "apiKey": "key-1",
            "secret": USER.credentials.secret.get_secret_value(),
            "passphrase": "pass-phrase-1",
        },
    }
    assert AccountDesk().talk.more() == ()


async def test_orders_and_trades_of_ours_are_told() -> None:
    desk = AccountDesk()
    assert await desk.hear({"event_type": "order", **order_row(), "type": "PLACEMENT"})
    ours = [
        maker_row(owner="key-1", matched_amount="10"),
        maker_row(owner="key-1", matched_amount="15", order_id=THIRD_HASH),
    ]
    trade = trade_row(trader_side="MAKER", status="MATCHED", maker_orders=ours)
    assert await desk.hear([{"event_type": "trade", **trade}])
    order, first, second = desk.events
    assert isinstance(order, VenueOrder)
    assert (order.order_hash, order.state) == (HASH, OrderState.LIVE)
    assert isinstance(first, VenueTrade)
    assert isinstance(second, VenueTrade)
    assert [first.order_hash, second.order_hash] == [OTHER_HASH, THIRD_HASH]


async def test_a_killed_order_is_told_as_cancelled() -> None:
    desk = AccountDesk()
    killed = order_row(
        type="CANCELLATION",
        order_type="FOK",
        status="CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
        size_matched="",
        original_size="12",
    )
    await desk.hear({"event_type": "order", **killed})
    (order,) = desk.events
    assert isinstance(order, VenueOrder)
    assert order.state is OrderState.CANCELLED


async def test_remarks_and_other_events_are_passed_over() -> None:
    desk = AccountDesk()
    assert not await desk.hear("PONG")
    assert await desk.hear({"event_type": "news"})
    assert desk.events == []


async def test_an_account_event_that_cannot_be_read_goes_to_quarantine() -> None:
    desk = AccountDesk()
    await desk.hear({"event_type": "order", "id": 7})
    await desk.hear("{")
    assert [type(event) for event in desk.events] == [Quarantined, Quarantined]


async def test_the_account_stream_tells_of_every_new_connection() -> None:
    async def read(row: TradeRow) -> Sequence[VenueTrade]:
        raise UnavailableError("no fees known")

    async with listening() as venue:
        events = AccountStream(access(venue.url), USER, read, BRISK).events()
        assert await next_event(events) == StreamReset(AT)
        connection = await venue.next()
        assert (await connection.next_frame())["type"] == "user"
        await connection.say({"event_type": "order", **order_row()})
        assert isinstance(await next_event(events), VenueOrder)
        # A trade that cannot be priced now costs the socket: it will be asked for.
        await connection.say({"event_type": "trade", **trade_row()})
        assert await next_event(events) == StreamReset(AT)
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator
