"""The real-time socket is filtered here, merged over its copies, and renewed when it freezes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed

from exchange.polymarket import rtds
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.lines import LineRules
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.rtds import RtdsCopy, RtdsFeed, RtdsTalk, fill_of
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_data import ActivityRow
from exchange.port import (
    FeedPulse,
    FillEvent,
    Quarantined,
    StreamReset,
    UnavailableError,
    WireError,
)
from tests.exchange.fake_venue import LIMIT_S, listening
from tests.exchange.samples import AT, TX, WHALE, YES, activity_row, clock
from tests.exchange.sets import Wallets
from trading.types import Side, Source, WhaleFill

BRISK = LineRules(backoff_min=timedelta(milliseconds=1))


def message(kind: str = "orders_matched", **changes: object) -> dict[str, object]:
    return {
        "connection_id": "abc",
        "timestamp": 1795348800025,
        "topic": "activity",
        "type": kind,
        "payload": activity_row(**changes),
    }


class Desk:
    """A talk on one of two sockets, and what it emitted."""

    def __init__(self, merger: SurplusMerger | None = None, number: int = 0) -> None:
        self.events: list[FillEvent] = []
        self.pulses = 0
        copy = RtdsCopy(merger or SurplusMerger(), number)
        self.talk = RtdsTalk(self._emit, Wallets([WHALE]), copy, clock)

    async def _emit(self, event: FillEvent) -> None:
        if isinstance(event, FeedPulse):
            self.pulses += 1
        else:
            self.events.append(event)

    async def hear(self, frame: object) -> bool:
        text = frame if isinstance(frame, str) else json.dumps(frame, default=str)
        return await self.talk.hear(text)


def test_both_kinds_are_subscribed_without_filters() -> None:
    (hello,) = Desk().talk.hello()
    frame = json.loads(hello)
    assert frame["action"] == "subscribe"
    assert [(item["type"], item["filters"]) for item in frame["subscriptions"]] == [
        ("orders_matched", ""),
        ("trades", ""),
    ]
    assert Desk().talk.more() == ()


async def test_a_followed_wallets_fill_is_told() -> None:
    desk = Desk()
    assert await desk.hear(message())
    (fill,) = desk.events
    assert isinstance(fill, WhaleFill)
    assert (fill.wallet, fill.token_id, fill.side) == (WHALE, YES, Side.BUY)
    assert (fill.size, fill.price) == (Decimal(5), Decimal("0.6"))
    assert (fill.transaction_hash, fill.source, fill.log_index) == (TX, Source.RTDS, None)
    assert (fill.traded_at, fill.seen_at) == (AT.replace(microsecond=0), AT)


async def test_strangers_are_data_but_no_fills() -> None:
    desk = Desk()
    assert await desk.hear(message(proxyWallet="0x" + "77" * 20, size=0))
    assert desk.events == []


def _text(frame: object) -> str:
    return json.dumps(frame, default=str)


async def test_what_only_looks_like_a_strangers_frame_is_read() -> None:
    """A name may hold anything; an array may hold a stranger's match and a whale's."""
    stranger = {"proxyWallet": "0x" + "77" * 20}
    words = '"topic":"activity","type":"trades","payload":{"proxyWallet":"0x' + "77" * 20 + '"}'
    for frame in (
        message(name=words),
        [message(**stranger), message()],
        _text(message()).replace("0x", "\\u0030x"),
        _text(message()).replace(": ", " :\n"),
        _text(message(proxyWallet=WHALE.upper().replace("0X", "0x"))),
    ):
        desk = Desk()
        assert await desk.hear(frame)
        assert len(desk.events) == 1, frame


async def test_one_match_that_cannot_be_read_costs_no_other_of_its_frame() -> None:
    desk = Desk()
    assert await desk.hear([message(size=0), message(), {**message(), "payload": 7}])
    assert [type(event) for event in desk.events] == [Quarantined, WhaleFill, Quarantined]
    assert not await desk.hear("{")
    assert not await desk.hear("[1]")


async def test_the_firehose_is_a_sign_of_life_once_a_second() -> None:
    desk = Desk()
    assert not desk.talk.is_alive
    for _ in range(5):
        await desk.hear(message(proxyWallet="0x" + "77" * 20))
    assert desk.pulses == 1
    assert desk.talk.is_alive


async def test_a_socket_whose_turn_it_is_is_left_at_its_next_frame() -> None:
    desk = Desk()
    desk.talk.renew()
    with pytest.raises(UnavailableError, match="renewed"):
        await desk.hear(message())
    desk.talk.hello()
    assert await desk.hear(message())


async def test_sockets_are_renewed_in_turn_and_never_the_last_one_that_lives() -> None:
    async with listening() as venue:
        endpoints = replace(VenueEndpoints(), rtds=venue.url)
        access = VenueAccess(endpoints, None, clock)  # type: ignore[arg-type]  # not used
        feed = RtdsFeed(access, BRISK, renew_every=timedelta(milliseconds=20))
        events = feed.stream_fills(Wallets([WHALE]))
        reading = asyncio.create_task(_drain(events))
        one, two = await venue.next(), await venue.next()
        await one.say(message())  # the other one is silent: this one stays
        for _ in range(5):
            await asyncio.sleep(0.02)
            await one.say(message())
        assert venue.connections.empty()
        await two.say(message())
        for _ in range(3):
            await asyncio.sleep(0.03)
            for socket in (one, two):
                with contextlib.suppress(ConnectionClosed):
                    await socket.say(message())
        await venue.next()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _drain(events: AsyncIterator[FillEvent]) -> None:
    async for _ in events:
        pass


async def test_two_sockets_and_two_kinds_tell_each_fill_once() -> None:
    merger = SurplusMerger()
    first, second = Desk(merger, 1), Desk(merger, 2)
    for desk in (first, second):
        for kind in ("orders_matched", "trades"):
            await desk.hear(message(kind))
            await desk.hear({**message(kind), "timestamp": 1795348800026})
            await desk.hear(message(kind))
    assert len(first.events) == 2
    assert second.events == []


async def test_other_topics_pongs_and_blanks_are_no_data() -> None:
    desk = Desk()
    for text in ("", "pong", '{"body": {"message": "Invalid request body"}}'):
        assert not await desk.hear(text)
    assert not await desk.hear({**message(), "topic": "comments"})
    assert desk.events == []


@pytest.mark.parametrize(
    "changes", [{"size": 0}, {"transactionHash": ""}, {"proxyWallet": None}, {"size": "1e-9"}]
)
async def test_a_fill_that_concerns_us_and_cannot_be_read_goes_to_quarantine(
    changes: dict[str, object],
) -> None:
    desk = Desk()
    assert not await desk.hear(message("trades", **changes))
    assert [type(event) for event in desk.events] == [Quarantined]


def test_a_fill_needs_its_transaction() -> None:
    row = parse(ActivityRow, activity_row(transactionHash=None))
    with pytest.raises(WireError, match="transaction hash"):
        fill_of(row, Source.DATA_API, AT)


async def test_the_feed_runs_two_sockets_and_survives_the_loss_of_one() -> None:
    async with listening() as venue:
        endpoints = replace(VenueEndpoints(), rtds=venue.url)
        access = VenueAccess(endpoints, None, clock)  # type: ignore[arg-type]  # not used
        feed = RtdsFeed(access, BRISK)
        assert feed.name == "rtds"
        events = feed.stream_fills(Wallets([WHALE]))
        first = await asyncio.wait_for(anext(events), LIMIT_S)
        second = await asyncio.wait_for(anext(events), LIMIT_S)
        assert first == second == StreamReset(AT)
        one, two = await venue.next(), await venue.next()
        await one.drop()
        await two.say(message())
        seen = [await asyncio.wait_for(anext(events), LIMIT_S) for _ in range(3)]
        assert {type(event) for event in seen} == {StreamReset, WhaleFill, FeedPulse}
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_a_message_without_a_time_cannot_be_told_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtds, "HEARD_MAX", 1)
    desk = Desk()
    untimed = {**message(), "timestamp": None}
    for frame in (untimed, untimed, message(), message(price="0.7"), message()):
        await desk.hear(frame)
    assert len(desk.events) == 5
