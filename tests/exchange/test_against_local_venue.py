"""The adapters against the local venue's own process: every protocol, with nothing replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from exchange.polymarket.activity import ActivityApi
from exchange.polymarket.chain import ChainFeed
from exchange.polymarket.client import PolymarketGateway, TradingAccount
from exchange.polymarket.credentials import fetch_user
from exchange.polymarket.data_api import DataApi
from exchange.polymarket.endpoints import VenueAccess
from exchange.polymarket.market_data import PolymarketMarketData
from exchange.polymarket.rtds import RtdsFeed
from exchange.polymarket.settlement import PolygonChain
from exchange.polymarket.signing import LocalSigner
from exchange.polymarket.v1 import V1Terms, v1_gateway
from exchange.polymarket.wallets import TradingWallet, generate_wallet
from exchange.polymarket.wire import read_json
from exchange.polymarket.wire_gamma import read_markets
from exchange.port import BookChange, LastTrade, MarketResolution, OrderDraft, WhaleFeed
from tests.exchange.samples import intent, now
from tests.exchange.sets import Tokens, Wallets
from tests.exchange.venue_process import running_venue
from tests.paper.tiny_tape import DULL, SHARP
from trading.orders import PreparedOrder, VenueOrder, VenueTrade
from trading.submits import SubmitAnswer
from trading.types import (
    ZERO,
    IntentId,
    Market,
    OrderState,
    OrderType,
    Price,
    Protocol,
    Settlement,
    Shares,
    Side,
    SignatureType,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
)

LIMIT_S = 40
WHALES = [Wallet(SHARP), Wallet(DULL)]
TWENTY = Shares(Decimal(20))


@pytest_asyncio.fixture(scope="module")
async def slow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VenueAccess]:
    """Serve markets that stay open for five minutes."""
    async with running_venue(tmp_path_factory.mktemp("slow"), "--speed", "0.2") as access:
        yield access


@dataclass
class Trader:
    """One wallet that trades at the venue."""

    gateway: PolymarketGateway
    data: PolymarketMarketData
    wallet: TradingWallet
    access: VenueAccess
    orders: list[PreparedOrder] = field(default_factory=list)

    async def market(self, protocol: Protocol) -> Market:
        for token_id in await token_ids(self.access):
            found = await self.data.fetch_market(token_id)
            assert found is not None
            if found.protocol is protocol:
                return found
        raise AssertionError(protocol)

    async def prepare(self, market: Market, side: Side, order_type: OrderType) -> PreparedOrder:
        """Prepare 20 shares at the best price of the other side, or behind our own for GTC."""
        async with asyncio.timeout(LIMIT_S):
            # The market opens a moment after it is listed; no event tells a client so.
            while not (book := await self.data.fetch_book(market.token_ids[0])).bids:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        meets_asks = (side is Side.BUY) is not order_type.rests
        price = book.asks[0].price if meets_asks else book.bids[0].price
        number = IntentId(f"{self.wallet.funder}-{len(self.orders)}")
        token_id = market.token_ids[0]
        draft = OrderDraft(number, market, token_id, side, TWENTY, price, order_type, now())
        self.orders.append(self.gateway.prepare(draft))
        return self.orders[-1]


async def token_ids(access: VenueAccess) -> list[TokenId]:
    async with access.session.get(access.endpoints.gamma + "/markets/keyset") as response:
        rows = read_markets(read_json(await response.read()))
    return [token_id for row in rows for token_id in row.token_ids]


async def open_account(access: VenueAccess, signature_type: SignatureType) -> Trader:
    wallet = generate_wallet(signature_type)
    signer = LocalSigner(wallet.private_key)
    user = await fetch_user(access, signer)
    assert await fetch_user(access, signer) == user
    account = TradingAccount(user, wallet.funder, signature_type)
    gateway = PolymarketGateway(access, account, signer)
    return Trader(gateway, PolymarketMarketData(access), wallet, access)


class Collected:
    """What a stream has yielded so far, gathered beside the test."""

    def __init__(self, events: AsyncIterator[object]) -> None:
        self._events = events
        self._news = asyncio.Condition()
        self.seen: list[object] = []

    async def gather(self) -> None:
        async for event in self._events:
            async with self._news:
                self.seen.append(event)
                self._news.notify_all()

    async def until(self, is_enough: Callable[[list[object]], bool]) -> None:
        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(lambda: is_enough(self.seen))

    def fills(self, wallet: Wallet) -> list[WhaleFill]:
        return [e for e in self.seen if isinstance(e, WhaleFill) and e.wallet == wallet]


@asynccontextmanager
async def collecting(*streams: AsyncIterator[object]) -> AsyncIterator[list[Collected]]:
    collected = [Collected(stream) for stream in streams]
    tasks = [asyncio.create_task(item.gather()) for item in collected]
    try:
        yield collected
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("signature_type", list(SignatureType))
@pytest.mark.parametrize("protocol", [Protocol.CLOB_V2, Protocol.PROTOCOL_V2])
async def test_an_order_lives_and_dies_under_its_hash(
    slow: VenueAccess, signature_type: SignatureType, protocol: Protocol
) -> None:
    trader = await open_account(slow, signature_type)
    gateway = trader.gateway
    assert await gateway.fetch_cash() == 10_000
    market = await trader.market(protocol)
    resting = await trader.prepare(market, Side.BUY, OrderType.GTC)
    answer = await gateway.post_order(intent(resting, OrderType.GTC))
    assert (answer.http_status, answer.order_id) == (200, resting.order_hash)
    assert answer.status == "live"
    again = await gateway.post_order(intent(resting, OrderType.GTC))
    assert again.http_status == 400
    assert "Duplicated" in again.error
    order = await gateway.fetch_order(resting.order_hash)
    assert order == VenueOrder(resting.order_hash, OrderState.LIVE, Shares(Decimal(0)), "LIVE")
    assert await gateway.fetch_open_orders() == (resting.order_hash,)
    report = await gateway.cancel_orders([resting.order_hash])
    assert report.cancelled == (resting.order_hash,)
    assert await gateway.fetch_open_orders() == ()
    late = await gateway.cancel_orders([resting.order_hash])
    assert [order_hash for order_hash, _ in late.refused] == [resting.order_hash]


@pytest.mark.parametrize("signature_type", list(SignatureType))
async def test_a_match_is_told_by_stream_listing_and_chain_alike(
    slow: VenueAccess, signature_type: SignatureType
) -> None:
    trader = await open_account(slow, signature_type)
    gateway, chain = trader.gateway, PolygonChain(slow)
    market = await trader.market(Protocol.CLOB_V2)
    begun_at = now()
    bought = await trader.prepare(market, Side.BUY, OrderType.FAK)
    assert await chain.fetch_filled(bought.unsigned, bought.order_hash) is None
    chain_feed = ChainFeed(slow).stream_fills(Wallets([trader.wallet.funder]))
    async with collecting(gateway.stream_account(), chain_feed) as (account, logs):
        await account.until(lambda seen: len(seen) > 0)
        answer = await gateway.post_order(intent(bought))
        assert (answer.status, answer.size_matched) == ("matched", TWENTY)
        await account.until(lambda seen: Settlement.CONFIRMED in settlements(seen))
        await logs.until(lambda seen: any(isinstance(event, WhaleFill) for event in seen))
    (listed,) = await gateway.fetch_trades(market.condition_id, begun_at)
    streamed = [event for event in account.seen if isinstance(event, VenueTrade)]
    assert listed == streamed[-1]
    assert settlements(account.seen)[:1] == [Settlement.MATCHED]
    assert (listed.order_hash, listed.size, listed.is_taker) == (bought.order_hash, TWENTY, True)
    assert listed.cost == bought.price * TWENTY
    assert listed.cost + listed.fee <= bought.cost_max
    states = [event.state for event in account.seen if isinstance(event, VenueOrder)]
    assert states[-1] is OrderState.MATCHED
    (logged,) = await chain.fetch_fills(bought.unsigned, bought.order_hash)
    assert (logged.size, logged.cost, logged.fee) == (TWENTY, listed.cost, listed.fee)
    assert await chain.fetch_filled(bought.unsigned, bought.order_hash) == TWENTY
    (fill,) = logs.fills(trader.wallet.funder)
    assert (fill.order_hash, fill.is_taker) == (bought.order_hash, True)
    assert fill.transaction_hash == listed.transaction_hash
    assert await gateway.fetch_shares(market.token_ids[0]) == TWENTY
    assert await gateway.fetch_cash() == 10_000 - listed.cost - listed.fee
    sold = await trader.prepare(market, Side.SELL, OrderType.FAK)
    assert (await gateway.post_order(intent(sold))).size_matched == TWENTY


def settlements(seen: list[object]) -> list[Settlement]:
    return [event.settlement for event in seen if isinstance(event, VenueTrade)]


@pytest.mark.parametrize("protocol", [Protocol.CLOB_V2, Protocol.PROTOCOL_V2])
async def test_an_order_over_several_levels_costs_what_the_venue_takes(
    slow: VenueAccess, protocol: Protocol
) -> None:
    trader = await open_account(slow, SignatureType.POLY_1271)
    market = await trader.market(protocol)
    book = await trader.data.fetch_book(market.token_ids[1])
    size = Shares(book.asks[0].size + book.asks[1].size + 33)
    terms = (market.token_ids[1], Side.BUY, size, book.asks[2].price, OrderType.FAK)
    draft = OrderDraft(IntentId("sweep"), market, *terms, now())
    prepared = trader.gateway.prepare(draft)
    begun_at = now()
    async with collecting(trader.gateway.stream_account()) as (account,):
        await account.until(lambda seen: len(seen) > 0)
        answer = await trader.gateway.post_order(intent(prepared))
        assert answer.status == "matched"
        trades = await trader.gateway.fetch_trades(market.condition_id, begun_at)
        await account.until(lambda seen: settlements(seen).count(Settlement.CONFIRMED) == 3)
    assert len(trades) == 3
    assert sum(trade.size for trade in trades) == answer.size_matched
    spent = sum((trade.cost + trade.fee for trade in trades), ZERO)
    assert spent <= prepared.cost_max
    assert await trader.gateway.fetch_cash() == 10_000 - spent
    fills = await PolygonChain(slow).fetch_fills(prepared.unsigned, prepared.order_hash)
    assert sum(fill.cost + fill.fee for fill in fills) == spent


async def test_two_of_our_wallets_meet_as_maker_and_taker(slow: VenueAccess) -> None:
    maker = await open_account(slow, SignatureType.POLY_1271)
    taker = await open_account(slow, SignatureType.EOA)
    market = await maker.market(Protocol.PROTOCOL_V2)
    begun_at = now()
    book = await maker.data.fetch_book(market.token_ids[0])
    yes_price = Price(book.bids[0].price)
    resting = await maker.prepare(market, Side.BUY, OrderType.GTC)
    answer = await maker.gateway.post_order(intent(resting, OrderType.GTC))
    assert answer.status == "live"
    for_no = OrderDraft(
        IntentId("against"),
        market,
        market.token_ids[1],
        Side.BUY,
        Shares(Decimal(6100)),
        Price(Decimal(1) - yes_price),
        OrderType.FAK,
        now(),
    )
    minted = taker.gateway.prepare(for_no)
    assert (await taker.gateway.post_order(intent(minted))).http_status == 200
    (ours,) = await taker.gateway.fetch_trades(market.condition_id, begun_at)
    assert (ours.token_id, ours.side) == (market.token_ids[1], Side.BUY)
    assert ours.cost <= minted.unsigned.maker_amount / Decimal(1_000_000)
    assert ours.fee > 0
    made = await maker.gateway.fetch_trades(market.condition_id, begun_at)
    assert sum(part.size for part in made) == TWENTY
    for part in made:
        assert (part.order_hash, part.is_taker, part.fee) == (resting.order_hash, False, Usd(ZERO))
        assert (part.token_id, part.side) == (market.token_ids[0], Side.BUY)
        assert part.cost == part.size * resting.price


async def test_books_are_streamed_as_rest_tells_them(slow: VenueAccess) -> None:
    data = PolymarketMarketData(slow)
    tokens = await token_ids(slow)
    wanted = Tokens(tokens[:1])
    async with collecting(data.stream_market(wanted)) as (market,):
        await market.until(lambda seen: books(seen) != {})
        wanted.set(*tokens)
        await market.until(lambda seen: set(books(seen)) == set(tokens))
        await market.until(lambda seen: any(isinstance(event, LastTrade) for event in seen))
    rest = await data.fetch_book(tokens[-1])
    streamed = books(market.seen)[tokens[-1]].book
    assert (streamed.tick_size, streamed.min_size) == (rest.tick_size, rest.min_size)
    assert len(streamed.bids) == len(rest.bids)
    assert abs((await data.fetch_clock() - now()).total_seconds()) < 5
    assert await data.fetch_market(TokenId("123456")) is None
    assert all(0 < price < 1 for price in await data.fetch_price_history(tokens[0]))


def books(seen: list[object]) -> dict[TokenId, BookChange]:
    return {event.book.token_id: event for event in seen if isinstance(event, BookChange)}


async def all_fills(access: VenueAccess, since: datetime, size: Shares) -> list[WhaleFill]:
    """Ask what a wallet did until the record, which is late, tells of so many shares."""
    record = ActivityApi(access)
    told: list[WhaleFill] = []
    async with asyncio.timeout(LIMIT_S):
        while sum(fill.size for fill in told) < size:
            told += (await record.fetch_activity(Wallet(SHARP), since)).fills
            await asyncio.sleep(0.1)
    return told


async def test_whales_are_seen_on_every_source_and_markets_resolve(tmp_path: Path) -> None:
    async with running_venue(tmp_path, "--speed", "5") as access:
        data, api = PolymarketMarketData(access), DataApi(access)
        tokens = await token_ids(access)
        begun_at = now()
        feeds: list[WhaleFeed] = [ChainFeed(access), RtdsFeed(access)]
        streams = [feed.stream_fills(Wallets(WHALES)) for feed in feeds]
        async with collecting(data.stream_market(Tokens(tokens)), *streams) as collected:
            market, *sources = collected
            for source in sources:
                await source.until(lambda seen: total_of(seen, Wallet(SHARP)) == 9750)
                await source.until(lambda seen: total_of(seen, Wallet(DULL)) == 2500)
            await market.until(
                lambda seen: sum(isinstance(event, MarketResolution) for event in seen) >= 2
            )
        chain, rtds = sources
        done = await all_fills(access, begun_at - timedelta(minutes=1), Shares(Decimal(9750)))
        assert len(chain.fills(Wallet(SHARP))) == 3
        assert len(rtds.fills(Wallet(SHARP))) == len(done) == 16
        assert [fill.is_taker for fill in chain.fills(Wallet(DULL))] == [False]
        listed = await api.fetch_fills(Wallet(SHARP), begun_at - timedelta(minutes=1))
        assert sum(fill.size for fill in listed) == 9750
        resolved = await data.fetch_market(tokens[0])
        assert resolved is not None
        assert sorted(resolved.payouts or ()) == [0, 1]
        assert resolved.is_closed
        assert not resolved.accepts_orders
        leaders = await api.fetch_leaderboard(5)
        assert {row.wallet for row in leaders} >= set(WHALES)
        assert all(row.is_invented for row in leaders if row.wallet in WHALES)
        positions = await api.fetch_closed_positions(Wallet(SHARP))
        assert len(positions) >= 120
        assert await PolygonChain(access).fetch_block_number() > 0


def total_of(seen: list[object], wallet: Wallet) -> Decimal:
    fills = [event for event in seen if isinstance(event, WhaleFill) and event.wallet == wallet]
    return sum((fill.size for fill in fills), Decimal(0))


async def test_v1_orders_trade_on_the_v1_dialect_and_nowhere_else(
    tmp_path: Path, slow: VenueAccess
) -> None:
    async with running_venue(tmp_path, "--speed", "0.2", "--v1-dialect") as access:
        assert (await _post_v1(access)).status == "live"
    refused = await _post_v1(slow)
    assert (refused.http_status, refused.error) == (400, "order_version_mismatch")


async def _post_v1(access: VenueAccess) -> SubmitAnswer:
    trader = await open_account(access, SignatureType.EOA)
    user = await fetch_user(access, LocalSigner(trader.wallet.private_key))
    account = TradingAccount(user, trader.wallet.funder, SignatureType.EOA)
    gateway = v1_gateway(access, account, trader.wallet.private_key, V1Terms())
    v1 = Trader(gateway, trader.data, trader.wallet, access)
    order = await v1.prepare(await v1.market(Protocol.CLOB_V2), Side.BUY, OrderType.GTC)
    answer = await gateway.post_order(intent(order, OrderType.GTC))
    assert answer.http_status != 200 or answer.order_id == order.order_hash
    return answer
