"""Tests of all feeds together on the real venue: they must tell the same story."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import TestClient, TestServer
from eth_abi.abi import decode

from paper.data_api import DataSettings
from paper.feeds import add_feed_routes
from paper.model import MICROS, OrderType, VenueSettings
from paper.tape import open_tape
from paper.venue import Venue
from tests.paper.engine_room import ANNA, START, Clock, Wish, a_market, levels
from tests.paper.feed_desk import closed, frames_until_pong
from tests.paper.tiny_tape import DULL, SHARP, TINY_SECONDS, write_tiny_tape

ORDER_FILLED = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee"
SECRET = {"apiKey": "annas-key", "secret": "c2VjcmV0", "passphrase": "pass"}
EVERYTHING = {
    "action": "subscribe",
    "subscriptions": [{"topic": "activity", "type": "*", "filters": ""}],
}
LOGS = {"id": 1, "method": "eth_subscribe", "params": ["logs", {"topics": [ORDER_FILLED]}]}
Desk = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serve(venue: Venue) -> AsyncIterator[Desk]:
    app = web.Application()
    add_feed_routes(app, venue)
    async with TestClient(TestServer(app)) as desk:
        yield desk
    venue.close()


async def opened(desk: Desk, path: str, frame: object) -> ClientWebSocketResponse:
    socket = await desk.ws_connect(path)
    await socket.send_json(frame)
    return socket


async def get(desk: Desk, path: str) -> Any:
    response = await desk.get(path)
    assert response.status == 200, await response.text()
    return await response.json()


def turn(venue: Venue, clock: Clock, seconds: int) -> None:
    for _ in range(seconds * 5):
        clock.at += 200
        venue.step()


def filled(log: dict[str, Any]) -> tuple[str, str, str, str, int]:
    """Read (transaction, wallet, token, side, shares) out of an OrderFilled log."""
    types = ["uint8", "uint256", "uint256", "uint256", "uint256", "bytes32", "bytes32"]
    side, token, making, taking, *_ = decode(types, bytes.fromhex(log["data"][2:]))
    wallet = "0x" + log["topics"][2][-40:]
    size = taking if side == 0 else making
    return (log["transactionHash"], wallet, str(token), ("BUY", "SELL")[side], size)


def summed(rows: list[tuple[str, str, str, str, int]]) -> Counter[tuple[str, str, str, str]]:
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for transaction, wallet, token, side, size in rows:
        sums[transaction, wallet.lower(), token, side] += size
    return sums


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_an_own_order_is_told_everywhere(tmp_path: Path, clock: Clock) -> None:
    venue = Venue(None, VenueSettings(filler_fills_per_s=Decimal(0)), home=tmp_path, clock=clock)
    venue.open_wallet(ANNA)
    venue.add_market(a_market())
    venue.set_book(a_market().condition_id, levels(("0.40", "50")), levels(("0.42", "30")))
    venue.store.save_api_key(ANNA, *SECRET.values())
    async with serve(venue) as desk:
        user = await opened(desk, "/ws/user", {"type": "user", "auth": SECRET})
        market = await opened(desk, "/ws/market", {"assets_ids": list(a_market().token_ids)})
        chain = await opened(desk, "/rpc", LOGS)
        for socket in (user, market, chain):
            await frames_until_pong(socket)
        wish = Wish(price="0.42", size="10", order_type=OrderType.FAK)
        result = venue.submit(wish.signed(), OrderType.FAK, owner="annas-key", post_only=False)
        turn(venue, clock, 6)
        told = await frames_until_pong(user)
        states = [frame["status"] for frame in told if frame["event_type"] == "trade"]
        assert list(dict.fromkeys(states)) == ["MATCHED", "MINED", "CONFIRMED"]
        assert {frame["id"] for frame in told if frame["event_type"] == "order"} == {
            result.order_id
        }
        kinds = [frame["event_type"] for frame in await frames_until_pong(market)]
        assert {"price_change", "last_trade_price"} <= set(kinds)
        logs = [frame["params"]["result"] for frame in await frames_until_pong(chain)]
        [own] = [log for log in logs if log["topics"][1] == result.order_id]
        assert filled(own)[1:] == (ANNA.lower(), a_market().token_ids[0], "BUY", 10 * MICROS)
        [row] = (await get(desk, f"/data/v2/trades?user={ANNA}"))["data"]
        assert (row["transaction_hash"], row["size"]) == (own["transactionHash"], 10)
        await check_chain_reads(desk, result.order_id, own)


async def check_chain_reads(desk: Desk, order_id: str, own: dict[str, Any]) -> None:
    exchange = own["address"]
    calls = [
        {"to": exchange, "data": f"0x46423aa7{order_id[2:]}"},
        {"to": exchange, "data": "0x46423aa7" + "77" * 32},
    ]
    body = [{"id": n, "method": "eth_call", "params": [call]} for n, call in enumerate(calls)]
    body.append({"id": 9, "method": "eth_getLogs", "params": [{"fromBlock": own["blockNumber"]}]})
    known, unknown, found = await (await desk.post("/rpc", json=body)).json()
    assert decode(["bool", "uint256"], bytes.fromhex(known["result"][2:])) == (True, 0)
    assert decode(["bool", "uint256"], bytes.fromhex(unknown["result"][2:])) == (False, 0)
    assert own in found["result"]


async def test_all_feeds_tell_the_same_of_a_whole_play(tmp_path: Path, clock: Clock) -> None:
    tape = open_tape(write_tiny_tape(tmp_path / "tiny.tape"))
    venue = Venue(tape, VenueSettings(), home=tmp_path / "home", clock=clock)
    async with serve(venue) as desk:
        rtds = await opened(desk, "/rtds", EVERYTHING)
        chain = await opened(desk, "/rpc", LOGS)
        await frames_until_pong(rtds)
        await frames_until_pong(chain)
        messages: list[Any] = []
        logs: list[Any] = []
        for _ in range(TINY_SECONDS // 10 + 1):
            turn(venue, clock, 10)
            messages += await frames_until_pong(rtds)
            logs += [frame["params"]["result"] for frame in await frames_until_pong(chain)]
        on_chain = summed([filled(log) for log in logs])
        assert on_chain == summed(rtds_rows(messages, on_chain))
        assert on_chain == summed(await data_rows(desk))
        await check_results(desk)


def rtds_rows(messages: list[Any], known: Counter[Any]) -> list[tuple[str, str, str, str, int]]:
    """Read the `trades` messages, filler left out: it is on no chain."""
    transactions = {key[0] for key in known}
    payloads = [message["payload"] for message in messages if message["type"] == "trades"]
    assert any(p["transactionHash"] not in transactions for p in payloads), "filler is missing"
    assert all(payload["invented"] for payload in payloads)
    return [
        (
            payload["transactionHash"],
            payload["proxyWallet"],
            payload["asset"],
            payload["side"],
            round(payload["size"] * MICROS),
        )
        for payload in payloads
        if payload["transactionHash"] in transactions
    ]


async def data_rows(desk: Desk) -> list[tuple[str, str, str, str, int]]:
    answer = await get(desk, "/data/v2/trades?taker_only=false&limit=1000")
    return [
        (
            row["transaction_hash"],
            row["proxy_wallet"],
            row["token_id"],
            row["side"],
            round(row["size"] * MICROS),
        )
        for row in answer["data"]
    ]


async def check_results(desk: Desk) -> None:
    markets = await get(desk, "/gamma/markets?closed=true")
    assert [market["outcomePrices"] for market in markets] == ['["1","0"]', '["0","1"]']
    assert await get(desk, "/gamma/markets") == []
    for wallet in (SHARP, DULL):
        assert (await get(desk, f"/data/v2/positions?user={wallet}"))["data"] == []
        query = f"user={wallet}&status=CLOSED&limit=1000"
        closed_rows = (await get(desk, f"/data/v2/positions?{query}"))["data"]
        assert len(closed_rows) > 120, "a past of 120 trades and this play"
        assert all(row["last_event_at"] <= START // 1000 + 70 for row in closed_rows)
        past = [row for row in closed_rows if row["title"].startswith("Invented past")]
        assert max(row["last_event_at"] for row in past) <= START // 1000
    redeemed = (await get(desk, f"/data/v2/activity?user={SHARP}&type=REDEEM"))["data"]
    assert len(redeemed) == 2
    board = (await get(desk, "/data/v2/leaderboard"))["data"]
    assert [row["user_name"] for row in board] == ["invented-tiny-sharp", "invented-tiny-dull"]


async def test_sockets_are_closed_when_the_venue_stops(tmp_path: Path, clock: Clock) -> None:
    venue = Venue(None, VenueSettings(), home=tmp_path, clock=clock)
    app = web.Application()
    add_feed_routes(app, venue, data=DataSettings(lag_ms=0))
    async with TestClient(TestServer(app)) as desk:
        sockets = [await desk.ws_connect(path) for path in ("/ws/market", "/rtds", "/rpc")]
        await app.shutdown()
        for socket in sockets:
            assert await closed(socket) == "the venue is stopping"
    venue.close()
