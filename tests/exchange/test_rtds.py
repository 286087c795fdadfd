"""The real-time socket is filtered here, merged over its copies, and renewed when it freezes."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.lines import LineRules
from exchange.polymarket.merging import SurplusMerger
from exchange.polymarket.rtds import RtdsCopy, RtdsFeed, RtdsTalk, fill_of
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_data import ActivityRow
from exchange.port import FillEvent, Quarantined, StreamReset, WireError
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
        copy = RtdsCopy(merger or SurplusMerger(), number)
        self.talk = RtdsTalk(self._emit, Wallets([WHALE]), copy, clock)

    async def _emit(self, event: FillEvent) -> None:
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


async def test_two_sockets_and_two_kinds_tell_each_fill_once() -> None:
    merger = SurplusMerger()
    first, second = Desk(merger, 1), Desk(merger, 2)
    for desk in (first, second):
        for kind in ("orders_matched", "trades"):
            await desk.hear(message(kind))
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
        seen = [await asyncio.wait_for(anext(events), LIMIT_S) for _ in range(2)]
        assert {type(event) for event in seen} == {StreamReset, WhaleFill}
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator
