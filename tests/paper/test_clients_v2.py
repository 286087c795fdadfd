"""The unmodified py-clob-client-v2 trades on the local venue."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
    PricesHistoryParams,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2
from py_clob_client_v2.signer import Signer

from paper.wallets import wallet_of
from tests.paper.open_venue import Running, open_venue
from tests.paper.posted_orders import V2, V2_NEG_RISK, V3, address_of, key_number
from tests.paper.still_venue import CONDITION, TOKEN, TOKEN_NEG_RISK, TOKEN_V3

KEY = key_number(21)
OWNER = address_of(KEY)
Result = TypeVar("Result")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # its HTTP pool is a global


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with open_venue(tmp_path) as venue:
        yield venue


async def drive(work: Callable[[], Result]) -> Result:
    """Run a synchronous client in a thread, while the venue runs here."""
    return await asyncio.to_thread(work)


def logged_in(running: Running, signature_type: int = 0) -> Any:
    funder = wallet_of(OWNER, signature_type) if signature_type else None
    client = ClobClient(running.clob, 137, key=KEY, signature_type=signature_type, funder=funder)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


async def test_it_derives_the_same_keys_again_and_lists_them(running: Running) -> None:
    def work() -> tuple[Any, Any, Any]:
        client = logged_in(running)
        return client.creds, client.derive_api_key(), client.get_api_keys()

    creds, derived, listed = await drive(work)
    assert derived == creds
    assert listed == {"apiKeys": [creds.api_key]}


async def test_it_reads_books_prices_and_markets(running: Running) -> None:
    def work() -> None:
        client = ClobClient(running.clob, 137)
        assert client.get_ok() == "OK"
        assert client.get_version() == 2
        assert isinstance(client.get_server_time(), int)
        book = client.get_order_book(TOKEN)
        assert book["bids"][-1] == {"price": "0.43", "size": "100"}
        assert book["asks"][-1] == {"price": "0.45", "size": "70"}
        assert client.get_order_book_hash(dict(book)) == book["hash"]
        many = client.get_order_books([BookParams(token_id=t) for t in (TOKEN, TOKEN_V3)])
        assert [each["asset_id"] for each in many] == [TOKEN, TOKEN_V3]
        assert client.get_tick_size(TOKEN) == "0.01"
        assert client.get_neg_risk(TOKEN_NEG_RISK) is True
        assert client.get_midpoint(TOKEN) == {"mid": "0.44"}
        assert client.get_spread(TOKEN) == {"spread": "0.02"}
        assert client.get_price(TOKEN, "BUY") == {"price": "0.43"}
        assert client.get_midpoints([BookParams(token_id=TOKEN)]) == {TOKEN: "0.44"}
        sides = [BookParams(token_id=TOKEN, side="SELL")]
        assert client.get_prices(sides) == {TOKEN: {"SELL": "0.45"}}
        assert len(client.get_markets()["data"]) == 3
        assert client.get_market(CONDITION)["condition_id"] == CONDITION
        assert client.get_clob_market_info(CONDITION)["mts"] == 0.01
        assert client.get_fee_exponent(TOKEN) == 1
        assert client.calculate_market_price(TOKEN, "BUY", 10) == 0.45
        history = client.get_prices_history(PricesHistoryParams(market=TOKEN, interval="max"))
        assert "history" in history

    await drive(work)


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
@pytest.mark.parametrize("token_id", [TOKEN, TOKEN_NEG_RISK])
async def test_it_rests_an_order_and_cancels_it(
    running: Running, signature_type: int, token_id: str
) -> None:
    def work() -> None:
        client = logged_in(running, signature_type)
        signed = client.create_order(OrderArgs(token_id=token_id, price=0.4, size=10, side="BUY"))
        exchange = V2_NEG_RISK if token_id == TOKEN_NEG_RISK else V2
        builder = ExchangeOrderBuilderV2(exchange, 137, Signer(KEY, 137))
        order_id = builder.build_order_hash(builder.build_order_typed_data(signed))
        posted = client.post_order(signed, OrderType.GTC)
        assert (posted["orderID"], posted["status"], posted["success"]) == (order_id, "live", True)
        order = client.get_order(order_id)
        assert (order["status"], order["original_size"], order["price"]) == ("LIVE", "10", "0.4")
        assert order["maker_address"] == wallet_of(OWNER, signature_type)
        assert [row["id"] for row in client.get_open_orders()] == [order_id]
        assert client.get_open_orders(OpenOrderParams(asset_id=TOKEN_V3)) == []
        answer = client.cancel_order(OrderPayload(orderID=order_id))
        assert answer == {"canceled": [order_id], "not_canceled": {}}
        assert client.get_order(order_id)["status"] == "CANCELED"
        assert client.get_open_orders() == []
        with pytest.raises(PolyApiException) as refused:
            client.post_order(signed, OrderType.GTC)
        expected = {"error": f"order {order_id} is invalid. Duplicated."}
        assert (refused.value.status_code, refused.value.error_msg) == (400, expected)

    await drive(work)


async def test_it_buys_at_the_market_and_sees_the_trade_settle(running: Running) -> None:
    def work() -> None:
        client = logged_in(running, 3)
        answer = client.create_and_post_market_order(
            MarketOrderArgs(token_id=TOKEN, amount=9, side="BUY", order_type=OrderType.FAK),
            order_type=OrderType.FAK,
        )
        assert (answer["status"], answer["makingAmount"]) == ("matched", "9")
        assert answer["takingAmount"] == "20"
        assert len(answer["transactionsHashes"]) == len(answer["tradeIDs"]) == 1
        [trade] = client.get_trades(TradeParams(id=answer["tradeIDs"][0]))
        assert trade["status"] in ("MINED", "CONFIRMED")
        assert (trade["taker_order_id"], trade["trader_side"]) == (answer["orderID"], "TAKER")
        assert trade["maker_address"] == wallet_of(OWNER, 3)
        assert client.get_trades_paginated()["next_cursor"] == "LTE="
        assert client.get_order(answer["orderID"]) is None
        params = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=TOKEN)
        assert client.get_balance_allowance(params)["balance"] == "20000000"
        cash = client.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))
        assert 9_990_000_000 <= int(cash["balance"]) < 9_991_000_000
        client.update_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))

    await drive(work)


async def test_it_trades_a_protocol_v2_position(running: Running) -> None:
    def work() -> None:
        client = logged_in(running, 3)
        signed = client.create_order(
            OrderArgs(position_id=TOKEN_V3, price=0.45, size=20, side="BUY")
        )
        builder = ExchangeOrderBuilderV2(V3, 137, Signer(KEY, 137), domain_version="3")
        order_id = builder.build_order_hash(builder.build_order_typed_data(signed))
        answer = client.post_order(signed, OrderType.GTC)
        assert (answer["orderID"], answer["status"]) == (order_id, "matched")
        wrong = client.create_order(OrderArgs(token_id=TOKEN_V3, price=0.4, size=10, side="BUY"))
        with pytest.raises(PolyApiException) as refused:
            client.post_order(wrong, OrderType.GTC)
        assert refused.value.error_msg == {"error": "Invalid order payload"}

    await drive(work)


async def test_it_posts_and_cancels_many(running: Running) -> None:
    def work() -> None:
        client = logged_in(running)
        orders = [
            client.create_order(OrderArgs(token_id=TOKEN, price=price, size=10, side="BUY"))
            for price in (0.4, 0.41, 0.39)
        ]
        answers = client.post_orders([PostOrdersV2Args(order=order) for order in orders])
        ids = [answer["orderID"] for answer in answers]
        assert all(answer["success"] for answer in answers)
        assert client.cancel_orders(ids[:1])["canceled"] == ids[:1]
        cancelled = client.cancel_market_orders(OrderMarketCancelParams(asset_id=TOKEN_V3))
        assert cancelled["canceled"] == []
        assert sorted(client.cancel_all()["canceled"]) == sorted(ids[1:])

    await drive(work)


async def test_a_refusal_reaches_it_in_the_venues_words(running: Running) -> None:
    def work() -> None:
        client = logged_in(running)
        with pytest.raises(PolyApiException) as refused:
            client.create_and_post_order(
                OrderArgs(token_id=TOKEN, price=0.4, size=1_000_000, side="BUY")
            )
        assert refused.value.status_code == 400
        assert "not enough balance / allowance" in str(refused.value.error_msg)
        with pytest.raises(PolyApiException) as refused:
            client.create_and_post_order(
                OrderArgs(token_id=TOKEN, price=0.4, size=10, side="BUY"),
                order_type=OrderType.FAK,
            )
        assert "no orders found to match with FAK order" in str(refused.value.error_msg)

    await drive(work)


async def test_its_small_requests_are_answered(running: Running) -> None:
    def work() -> None:
        client = logged_in(running)
        assert client.get_closed_only_mode() == {"closed_only": False}
        assert client.get_notifications() == []
        client.drop_notifications()
        beat = client.post_heartbeat("")
        assert client.post_heartbeat(beat["heartbeat_id"])["heartbeat_id"]
        key = client.create_readonly_api_key()["apiKey"]
        assert client.get_readonly_api_keys() == [key]
        assert client.delete_readonly_api_key(key) is True
        assert client.delete_api_key() == "OK"
        with pytest.raises(PolyApiException) as refused:
            client.get_api_keys()
        assert refused.value.status_code == 401

    await drive(work)
