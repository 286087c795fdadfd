"""The unmodified py-clob-client trades in the V1 dialect, and is told of its age otherwise."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from py_clob_client.client import ClobClient
from py_clob_client.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderType,
    PostOrdersArgs,
    TradeParams,
)
from py_clob_client.exceptions import PolyApiException
from py_order_utils.builders import OrderBuilder
from py_order_utils.signer import Signer

from paper.wallets import wallet_of
from tests.paper.open_venue import QUICK, Running, open_venue
from tests.paper.posted_orders import V1, V1_NEG_RISK, address_of, key_number
from tests.paper.still_venue import CONDITION, TOKEN, TOKEN_NEG_RISK

KEY = key_number(41)
OWNER = address_of(KEY)
OLD = dataclasses.replace(QUICK, v1_dialect=True)
Result = TypeVar("Result")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # its HTTP pool is a global


async def drive(work: Callable[[], Result]) -> Result:
    """Run a synchronous client in a thread, while the venue runs here."""
    return await asyncio.to_thread(work)


def logged_in(running: Running, signature_type: int = 0) -> Any:
    funder = wallet_of(OWNER, signature_type) if signature_type else None
    client = ClobClient(running.clob, 137, KEY, signature_type=signature_type, funder=funder)
    client.set_api_creds(client.create_or_derive_api_creds())
    return client


def id_of(signed: Any, exchange: str) -> str:
    return str(OrderBuilder(exchange, 137, Signer(KEY))._create_struct_hash(signed.order))


@pytest.mark.parametrize("signature_type", [0, 1, 2])
@pytest.mark.parametrize(("token_id", "exchange"), [(TOKEN, V1), (TOKEN_NEG_RISK, V1_NEG_RISK)])
async def test_it_rests_an_order_and_cancels_it(
    tmp_path: Path, signature_type: int, token_id: str, exchange: str
) -> None:
    async with open_venue(tmp_path, OLD) as running:

        def work() -> None:
            client = logged_in(running, signature_type)
            signed = client.create_order(
                OrderArgs(token_id=token_id, price=0.4, size=10, side="BUY")
            )
            posted = client.post_order(signed, OrderType.GTC)
            order_id = id_of(signed, exchange)
            assert (posted["orderID"], posted["status"]) == (order_id, "live")
            assert client.get_order(order_id)["maker_address"] == wallet_of(OWNER, signature_type)
            assert [row["id"] for row in client.get_orders(OpenOrderParams())] == [order_id]
            assert client.cancel(order_id)["canceled"] == [order_id]
            assert client.get_orders() == []

        await drive(work)


async def test_it_buys_at_the_market_and_lists_the_trade(tmp_path: Path) -> None:
    async with open_venue(tmp_path, OLD) as running:

        def work() -> None:
            client = logged_in(running)
            signed = client.create_market_order(
                MarketOrderArgs(token_id=TOKEN, amount=9, side="BUY", order_type=OrderType.FAK)
            )
            posted = client.post_order(signed, OrderType.FAK)
            assert (posted["status"], posted["takingAmount"]) == ("matched", "20")
            [trade] = client.get_trades(TradeParams(id=posted["tradeIDs"][0]))
            assert trade["taker_order_id"] == posted["orderID"]
            balance = client.get_balance_allowance(BalanceAllowanceParams(AssetType.COLLATERAL))
            assert 9_990_000_000 <= int(balance["balance"]) < 9_991_000_000
            assert V1 in balance["allowances"]

        await drive(work)


async def test_it_posts_and_cancels_many(tmp_path: Path) -> None:
    async with open_venue(tmp_path, OLD) as running:

        def work() -> None:
            client = logged_in(running)
            orders = [
                client.create_order(OrderArgs(token_id=TOKEN, price=price, size=10, side="BUY"))
                for price in (0.4, 0.41, 0.39)
            ]
            legs = [PostOrdersArgs(order=order, orderType=OrderType.GTC) for order in orders]
            ids = [answer["orderID"] for answer in client.post_orders(legs)]
            assert client.cancel_orders(ids[:1])["canceled"] == ids[:1]
            assert client.cancel_market_orders(asset_id=TOKEN)["canceled"] == ids[1:]
            assert client.cancel_market_orders(market=CONDITION)["canceled"] == []
            assert client.cancel_all()["canceled"] == []

        await drive(work)


async def test_it_reads_books_and_prices_from_either_dialect(tmp_path: Path) -> None:
    async with open_venue(tmp_path) as running:

        def work() -> None:
            client = logged_in(running)
            assert client.get_ok() == "OK"
            book = client.get_order_book(TOKEN)
            assert (book.bids[-1].price, book.asks[-1].price) == ("0.43", "0.45")
            told = book.hash
            assert client.get_order_book_hash(book) == told
            assert client.get_midpoint(TOKEN) == {"mid": "0.44"}
            assert client.get_tick_size(TOKEN) == "0.01"
            assert client.get_neg_risk(TOKEN_NEG_RISK) is True
            assert client.get_fee_rate_bps(TOKEN) == 1000
            assert client.get_markets()["count"] == 3
            assert client.get_closed_only_mode() == {"closed_only": False}
            assert client.get_notifications() == []
            assert client.post_heartbeat(None)["heartbeat_id"]

        await drive(work)


async def test_its_orders_have_the_wrong_version_for_todays_venue(tmp_path: Path) -> None:
    async with open_venue(tmp_path) as running:

        def work() -> None:
            client = logged_in(running)
            signed = client.create_order(OrderArgs(token_id=TOKEN, price=0.4, size=10, side="BUY"))
            with pytest.raises(PolyApiException) as refused:
                client.post_order(signed)
            assert refused.value.status_code == 400
            assert refused.value.error_msg == {"error": "order_version_mismatch"}

        await drive(work)
