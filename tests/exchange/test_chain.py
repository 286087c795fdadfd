"""The chain feed follows several nodes at once and passes each fill once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from exchange.polymarket.chain import ChainFeed
from exchange.polymarket.endpoints import VenueAccess, VenueEndpoints
from exchange.polymarket.lines import LineRules
from exchange.port import FeedDoubt, FeedPulse, FillEvent, StreamReset
from tests.exchange.chain_logs import FillTerms, log_row
from tests.exchange.fake_venue import LIMIT_S, Connection, listening
from tests.exchange.samples import TX, WHALE, clock
from tests.exchange.sets import Wallets
from trading.types import Wallet, WhaleFill

BRISK = LineRules(ping=None, backoff_min=timedelta(milliseconds=1))
SECOND = Wallet("0x" + "d2" * 20)


def notice(**changes: object) -> dict[str, object]:
    log = log_row(None, blockTimestamp="0x1", **changes)
    return {"method": "eth_subscription", "params": {"subscription": "0x1", "result": log}}


async def next_event(events: AsyncIterator[FillEvent]) -> FillEvent:
    return await asyncio.wait_for(anext(events), LIMIT_S)


async def next_fill(events: AsyncIterator[FillEvent]) -> WhaleFill:
    while True:
        event = await next_event(events)
        if isinstance(event, WhaleFill):
            return event


async def greeted(connection: Connection) -> list[dict[str, object]]:
    return [await connection.next_frame() for _ in range(2)]


async def test_two_nodes_tell_each_fill_once_and_one_may_fail() -> None:
    followed = Wallets([WHALE])
    async with listening() as first, listening() as second:
        endpoints = replace(VenueEndpoints(), rpc_ws=(first.url, second.url))
        access = VenueAccess(endpoints, None, clock)  # type: ignore[arg-type]  # not used
        feed = ChainFeed(access, BRISK)
        assert feed.name == "chain"
        events = feed.stream_fills(followed)
        assert isinstance(await next_event(events), StreamReset)
        one, two = await first.next(), await second.next()
        await greeted(one)
        await greeted(two)
        await one.say(notice())
        assert (await next_fill(events)).log_index == 1
        await two.say(notice())
        await one.drop()
        await two.say(notice(logIndex="0x2"))
        assert (await next_fill(events)).log_index == 2
        again = await first.next()
        await greeted(again)
        followed.set(WHALE, SECOND)
        assert (await again.next_frame())["method"] == "eth_subscribe"
        log = log_row(FillTerms(wallet=SECOND), blockTimestamp="0x1", logIndex="0x3")
        params = {"subscription": "0x1", "result": log}
        await again.say({"method": "eth_subscription", "params": params})
        assert (await next_fill(events)).wallet == SECOND
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_what_only_one_of_two_nodes_tells_is_doubted_once() -> None:
    async with listening() as first, listening() as second:
        endpoints = replace(VenueEndpoints(), rpc_ws=(first.url, second.url))
        access = VenueAccess(endpoints, None, clock)  # type: ignore[arg-type]  # not used
        events = ChainFeed(access, BRISK, since=position).stream_fills(Wallets([WHALE]))
        assert isinstance(await next_event(events), StreamReset)
        one, two = await first.next(), await second.next()
        await answer(one, newest=100)
        await answer(two, newest=100)
        await one.say(notice(blockNumber=hex(101)))
        assert (await next_fill(events)).block_number == 101
        for node in (one, two, one):
            for number in (100, 111, 112):
                await node.say(head(number))
        seen: list[FillEvent] = []
        while sum(isinstance(event, FeedPulse) for event in seen) < 9:
            seen.append(await next_event(events))
        (doubt,) = [event for event in seen if isinstance(event, FeedDoubt)]
        assert (doubt.feed, doubt.transaction_hash) == ("chain", TX)
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator


async def answer(connection: Connection, newest: int) -> None:
    """Let the subscription stand; the gap up to the newest block holds nothing."""
    logs, _ = await greeted(connection)
    await connection.say({"id": logs["id"], "result": "0x1"})
    number = await connection.next_frame()
    await connection.say({"id": number["id"], "result": hex(newest)})
    gap = await connection.next_frame()
    await connection.say({"id": gap["id"], "result": []})


async def position() -> int | None:
    return 100


def head(number: int) -> dict[str, object]:
    result = {"number": hex(number), "timestamp": "0x1"}
    return {"method": "eth_subscription", "params": {"subscription": "0x2", "result": result}}
