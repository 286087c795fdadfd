"""Our own account as a whole: paged to its end, and one bad row spoils no other."""

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import exchange.polymarket.account
from exchange.polymarket.account import READ_AT_ONCE, PolymarketAccount, PolymarketBooks
from exchange.polymarket.client import PolymarketGateway
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import FeeSchedules
from exchange.polymarket.signing import NoSigner
from exchange.polymarket.wire_clob import BookRow
from exchange.port import UnavailableError
from tests.exchange.fake_venue import Asked, FakeHttp, serving
from tests.exchange.samples import (
    AT,
    CONDITION,
    HASH,
    NO,
    THIRD_HASH,
    YES,
    account,
    order_row,
    trade_row,
)
from tests.exchange.test_data_api import page
from trading.types import SignatureType

FEES = {f"/clob-markets/{CONDITION}": {"fd": {"r": 0, "e": 1}}}


def own_account(access: VenueAccess) -> PolymarketAccount:
    trader = account(SignatureType.EOA)
    gateway = PolymarketGateway(access, trader, NoSigner(trader.user.address))
    return PolymarketAccount(access, trader, gateway, FeeSchedules(access))


def position_row(token_id: str, size: object, status: str = "OPEN") -> dict[str, object]:
    return {"token_id": token_id, "current_size": size, "status": status}


def book_row(token_id: str) -> dict[str, object]:
    return {
        "asset_id": token_id,
        "bids": [{"price": "0.49", "size": "10"}],
        "asks": [{"price": "0.51", "size": "10"}],
        "timestamp": "1795348800123",
        "tick_size": "0.01",
        "min_order_size": "5",
    }


async def test_holdings_are_read_to_the_last_page_without_what_is_closed() -> None:
    def answer(asked: Asked) -> object:
        if "cursor" in asked.query:
            return page(position_row(NO, "3.5"), position_row(YES, 0.25))
        return page(position_row(YES, 7), position_row(NO, 9, "CLOSED"), cursor="next")

    async with serving(FakeHttp({"/v2/positions": answer})) as access:
        held = await own_account(access).fetch_holdings()
    assert held == {YES: Decimal("7.25"), NO: Decimal("3.5")}


async def test_holdings_that_never_end_and_those_that_are_not_there_are_unavailable() -> None:
    cursors = iter(range(1000))
    endless = FakeHttp({"/v2/positions": lambda _: page(cursor=f"page {next(cursors)}")})
    async with serving(endless) as access:
        with pytest.raises(UnavailableError, match="more than"):
            await own_account(access).fetch_holdings()
    async with serving(FakeHttp()) as access:
        with pytest.raises(UnavailableError, match="404"):
            await own_account(access).fetch_holdings()


async def test_trades_of_all_markets_are_asked_for_by_time() -> None:
    fake = FakeHttp({**FEES, "/data/trades": {"data": [trade_row(), trade_row(status="?")]}})
    async with serving(fake) as access:
        trades = await own_account(access).fetch_own_trades(AT)
        assert await own_account(access).fetch_own_trades(datetime.fromtimestamp(0, UTC))
    assert [trade.order_hash for trade in trades] == [HASH]
    assert fake.asked[0].query == {"after": "1795348799", "next_cursor": "MA=="}


async def test_balances_and_open_orders_are_the_gateways() -> None:
    fake = FakeHttp(
        {
            "/balance-allowance": {"balance": "12500000"},
            "/data/orders": {"data": [order_row(), order_row(id=THIRD_HASH)]},
        }
    )
    async with serving(fake) as access:
        ours = own_account(access)
        assert await ours.fetch_cash() == await ours.fetch_shares(YES) == Decimal("12.5")
        assert await ours.fetch_open_orders() == (HASH, THIRD_HASH)


async def test_books_come_in_one_request_and_a_bad_one_spoils_no_other() -> None:
    fake = FakeHttp({"/books": [book_row(YES), {**book_row(NO), "bids": "many"}]})
    async with serving(fake) as access:
        books = await PolymarketBooks(access).fetch_books([YES, NO])
    assert [(book.token_id, book.bids[0].price) for book in books] == [(YES, Decimal("0.49"))]
    assert json.loads(fake.asked[0].body) == [{"token_id": YES}, {"token_id": NO}]


async def test_a_hundred_books_let_others_have_their_turns() -> None:
    turns, is_over = 0, asyncio.Event()

    async def take_turns() -> None:
        nonlocal turns
        while not is_over.is_set():
            turns += 1
            await asyncio.sleep(0)

    row = BookRow.model_validate(book_row(YES))
    parsed: list[int] = []

    def note(*_: object) -> BookRow:
        parsed.append(turns)
        return row

    async with serving(FakeHttp({"/books": [book_row(YES)] * 100})) as access:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exchange.polymarket.account, "parse", note)
            taking = asyncio.create_task(take_turns())
            assert len(await PolymarketBooks(access).fetch_books([YES] * 100)) == 100
            is_over.set()
            await taking
    assert len(set(parsed)) == 100 // READ_AT_ONCE


async def test_a_refused_request_for_books_is_asked_again_and_an_unknown_one_is_empty() -> None:
    refused = FakeHttp({"/books": {"error": "Invalid payload"}}, {"/books": 400})
    async with serving(refused) as access:
        with pytest.raises(UnavailableError, match="Invalid payload"):
            await PolymarketBooks(access).fetch_books([YES])
    async with serving(FakeHttp()) as access:
        assert await PolymarketBooks(access).fetch_books([YES]) == []
