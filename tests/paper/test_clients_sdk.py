"""The unmodified polymarket-client trades on the local venue and streams from it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from polymarket import AsyncSecureClient
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from polymarket.environments import Environment
from polymarket.errors import OrderHeartbeatMismatchError, RequestRejectedError
from polymarket.models.clob import PriceRequest
from polymarket.models.clob.order_response import AcceptedOrder
from polymarket.streams import MarketSpec, UserSpec

from paper.model import Dialect, Side
from paper.signing import OrderTerms, exchange_for, order_digest
from paper.wallets import wallet_of, wallets_of
from tests.paper.open_venue import Running, open_venue
from tests.paper.posted_orders import address_of, key_number
from tests.paper.still_venue import TOKEN, TOKEN_NEG_RISK, TOKEN_V3

KEY = key_number(31)
OWNER = address_of(KEY)
DIALECTS = {
    TOKEN: (Dialect.CLOB_V2, False),
    TOKEN_NEG_RISK: (Dialect.CLOB_V2, True),
    TOKEN_V3: (Dialect.PROTOCOL_V2, False),
}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with open_venue(tmp_path) as venue:
        yield venue


def environment_of(running: Running) -> Environment:
    urls = running.urls
    config = dataclasses.replace(
        PRODUCTION_CONFIG,
        clob_url=urls["clob"],
        gamma_url=urls["gamma"],
        data_url=urls["data"],
        relayer_url=urls["relayer"],
        rpc_url=urls["rpc_http"],
        rtds_ws_url=urls["rtds"],
        clob_market_ws_url=urls["ws_market"],
        clob_user_ws_url=urls["ws_user"],
    )
    return create_environment(name="local", config=config)


@asynccontextmanager
async def logged_in(running: Running, wallet: str | None = OWNER) -> AsyncIterator[Any]:
    client = await AsyncSecureClient.create(
        private_key=KEY, wallet=wallet, environment=environment_of(running)
    )
    async with client:
        yield client


def id_of(order: Any) -> str:
    """Return the order id as the venue computes it, from what the client signed."""
    dialect, neg_risk = DIALECTS[order.token_id]
    terms = OrderTerms(
        salt=order.salt,
        maker=order.maker,
        signer=order.signer,
        token_id=int(order.token_id),
        maker_amount=order.maker_amount,
        taker_amount=order.taker_amount,
        side=Side(order.side),
        signature_type=order.signature_type,
        timestamp=order.timestamp,
        metadata=bytes.fromhex(order.metadata[2:]),
        builder=bytes.fromhex(order.builder[2:]),
    )
    return "0x" + order_digest(terms, exchange_for(dialect, neg_risk=neg_risk)).hex()


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
@pytest.mark.parametrize("token_id", [TOKEN, TOKEN_NEG_RISK, TOKEN_V3])
async def test_it_rests_an_order_and_cancels_it(
    running: Running, signature_type: int, token_id: str
) -> None:
    async with logged_in(running, wallet_of(OWNER, signature_type)) as client:
        signed = await client.create_limit_order(
            asset_id=token_id, price="0.4", size="10", side="BUY"
        )
        assert signed.signature_type == signature_type
        posted = await client.post_order(signed)
        assert isinstance(posted, AcceptedOrder)
        assert (posted.order_id, posted.status) == (id_of(signed), "live")
        order = await client.get_order(order_id=posted.order_id)
        assert (order.status, order.asset_id, str(order.price)) == ("LIVE", token_id, "0.4")
        assert order.maker_address == wallet_of(OWNER, signature_type)
        assert [each.id async for each in client.list_open_orders().iter_items()] == [order.id]
        cancelled = await client.cancel_order(order_id=order.id)
        assert cancelled.canceled == (order.id,)
        assert [each async for each in client.list_open_orders().iter_items()] == []


async def test_its_default_wallet_is_its_owners(running: Running) -> None:
    async with logged_in(running, None) as client:
        assert str(client.wallet) in wallets_of(OWNER, 3)
        signed = await client.create_limit_order(asset_id=TOKEN, price="0.4", size="10", side="BUY")
        posted = await client.post_order(signed)
        assert posted.order_id == id_of(signed)


async def test_it_reads_books_and_prices(running: Running) -> None:
    async with logged_in(running) as client:
        book = await client.get_order_book(asset_id=TOKEN)
        assert (str(book.bids[-1].price), str(book.asks[-1].price)) == ("0.43", "0.45")
        assert len(await client.get_order_books(asset_ids=[TOKEN, TOKEN_V3])) == 2
        assert str(await client.get_midpoint(asset_id=TOKEN)) == "0.44"
        assert str(await client.get_spread(asset_id=TOKEN)) == "0.02"
        assert str(await client.get_price(asset_id=TOKEN, side="SELL")) == "0.45"
        prices = await client.get_prices(requests=[PriceRequest(TOKEN, "BUY")])
        assert str(prices[TOKEN]["BUY"]) == "0.43"
        assert await client.get_last_trade_price(asset_id=TOKEN) is None
        assert await client.get_closed_only_mode() is False
        assert await client.get_notifications() == ()
        await client.drop_notifications(ids=[1])
        assert await client.get_order_scoring(order_id="0x1") is False
        assert await client.get_orders_scoring(order_ids=["0x1"]) == {"0x1": False}


@pytest.mark.parametrize("token_id", [TOKEN, TOKEN_V3])
async def test_it_buys_waits_for_the_chain_and_sells_again(running: Running, token_id: str) -> None:
    kind = "CONDITIONAL-V2" if token_id == TOKEN_V3 else "CONDITIONAL"
    async with logged_in(running, wallet_of(OWNER, 3)) as client:
        bought = await client.post_order(
            await client.create_market_order(
                asset_id=token_id, side="BUY", amount="9", max_price="0.45"
            )
        )
        assert (bought.status, str(bought.making_amount)) == ("matched", "9")
        [transaction] = await client.wait_for_order_fill_settlement(bought)
        assert transaction.startswith("0x")
        held = await client.get_balance_allowance(asset_type=kind, asset_id=token_id)
        assert held.balance == 20_000_000
        sold = await client.post_order(
            await client.create_market_order(asset_id=token_id, side="SELL", shares="20")
        )
        assert (sold.status, str(sold.taking_amount)) == ("matched", "8.6")
        trades = [each async for each in client.list_account_trades().iter_items()]
        assert [(trade.side, str(trade.size)) for trade in trades] == [
            ("SELL", "20"),
            ("BUY", "20"),
        ]
        last = await client.get_last_trade_price(asset_id=token_id)
        assert (str(last.price), last.side) == ("0.43", "SELL")


async def test_it_posts_and_cancels_many(running: Running) -> None:
    async with logged_in(running) as client:
        orders = [
            await client.create_limit_order(asset_id=TOKEN, price=price, size="10", side="BUY")
            for price in ("0.4", "0.41")
        ]
        posted = await client.post_orders([*orders, orders[0]])
        assert [answer.ok for answer in posted] == [True, True, False]
        assert "Duplicated" in posted[2].message
        cancelled = await client.cancel_orders(order_ids=[posted[0].order_id])
        assert cancelled.canceled == (posted[0].order_id,)
        assert (await client.cancel_all()).canceled == (posted[1].order_id,)


async def test_a_refusal_reaches_it_in_the_venues_words(running: Running) -> None:
    async with logged_in(running) as client:
        signed = await client.create_limit_order(
            asset_id=TOKEN, price="0.4", size="1000000", side="BUY"
        )
        with pytest.raises(RequestRejectedError, match="not enough balance / allowance") as error:
            await client.post_order(signed)
        assert error.value.status == 400


async def test_a_stale_heartbeat_is_told_the_expected_one(running: Running) -> None:
    async with logged_in(running) as client:
        first = await client.send_order_heartbeat()
        second = await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)
        with pytest.raises(OrderHeartbeatMismatchError) as error:
            await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)
        assert error.value.heartbeat_id == second.heartbeat_id


async def events_until(stream: Any, is_last: Callable[[Any], bool]) -> list[Any]:
    events = []
    async with asyncio.timeout(10):
        async for event in stream:
            events.append(event)
            if is_last(event):
                break
    return events


async def test_it_streams_books_orders_and_trades(running: Running) -> None:
    async with logged_in(running, wallet_of(OWNER, 3)) as client:
        user = await client.subscribe(UserSpec())
        market = await client.subscribe(MarketSpec(asset_ids=[TOKEN]))
        await events_until(market, lambda event: event.type == "book")
        signed = await client.create_market_order(
            asset_id=TOKEN, side="BUY", amount="9", max_price="0.45"
        )
        posted = await client.post_order(signed)
        told = await events_until(
            user, lambda event: event.type == "trade" and event.payload.status == "CONFIRMED"
        )
        orders = [event.payload for event in told if event.type == "order"]
        assert {order.id for order in orders} == {posted.order_id}
        trades = [event.payload for event in told if event.type == "trade"]
        assert [trade.status for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
        assert {trade.id for trade in trades} == set(posted.trade_ids)
        wanted = {"last_trade_price", "price_change"}

        def is_complete(event: Any) -> bool:
            wanted.discard(event.type)
            return not wanted

        await events_until(market, is_complete)
