"""Books, markets, fees and the time, asked for with as few requests as will do."""

from decimal import Decimal

import pytest

from exchange.polymarket import market_data
from exchange.polymarket.market_data import FeeSchedules, PolymarketMarketData
from exchange.port import UnavailableError, WireError
from tests.exchange.fake_venue import FakeHttp, serving
from tests.exchange.samples import (
    AT,
    CONDITION,
    NO,
    YES,
    book_row,
    clob_market_row,
    gamma_row,
)
from trading.types import ConditionId, FeeSchedule

FEES = FeeSchedule(Decimal("0.05"), 1)
MARKET = {
    "/markets/keyset": {"markets": [gamma_row()]},
    f"/markets/{CONDITION}": clob_market_row(),
    f"/clob-markets/{CONDITION}": {"fd": {"r": 0.04, "e": 1}},
}


async def test_a_book_is_read_best_first() -> None:
    async with serving(FakeHttp({"/book": book_row()})) as access:
        book = await PolymarketMarketData(access).fetch_book(YES)
    assert (book.bids[0].price, book.asks[0].price) == (Decimal("0.49"), Decimal("0.51"))
    assert book.received_at == AT


async def test_a_missing_book_is_unavailable_and_anothers_is_refused() -> None:
    async with serving(FakeHttp()) as access:
        with pytest.raises(UnavailableError, match="expected a book"):
            await PolymarketMarketData(access).fetch_book(YES)
    async with serving(FakeHttp({"/book": book_row()})) as access:
        with pytest.raises(WireError, match="expected the book of"):
            await PolymarketMarketData(access).fetch_book(NO)


async def test_a_market_is_joined_and_its_fees_remembered() -> None:
    fake = FakeHttp(MARKET)
    async with serving(fake) as access:
        fees = FeeSchedules(access)
        data = PolymarketMarketData(access, fees)
        first = await data.fetch_market(YES)
        assert first == await data.fetch_market(YES)
        assert await fees.of(CONDITION) == FEES
    assert first is not None
    assert (first.condition_id, first.fees) == (CONDITION, FEES)
    assert len(fake.asked) == 4


@pytest.mark.parametrize(
    ("changes", "rate"),
    [({"feesEnabled": False}, "0"), ({"feeSchedule": None}, "0.04"), ({}, "0.05")],
)
async def test_fees_come_from_the_directory_or_else_from_the_order_book(
    changes: dict[str, object], rate: str
) -> None:
    answers = {**MARKET, "/markets/keyset": {"markets": [gamma_row(**changes)]}}
    async with serving(FakeHttp(answers)) as access:
        market = await PolymarketMarketData(access).fetch_market(YES)
    assert market is not None
    assert market.fees.rate == Decimal(rate)


async def test_an_unknown_token_has_no_market() -> None:
    async with serving(FakeHttp({"/markets/keyset": {"markets": []}})) as access:
        assert await PolymarketMarketData(access).fetch_market(YES) is None


async def test_past_prices_come_oldest_first_without_those_of_a_settled_market() -> None:
    points = [{"t": 120, "p": 0.55}, {"t": 60, "p": "0.5"}, {"t": 180, "p": 1}]
    fake = FakeHttp({"/prices-history": {"history": points}})
    async with serving(fake) as access:
        prices = await PolymarketMarketData(access).fetch_price_history(YES)
    assert list(prices) == [Decimal("0.5"), Decimal("0.55")]
    assert fake.asked[0].query == {"market": YES, "interval": "1h", "fidelity": "1"}
    async with serving(FakeHttp()) as access:
        assert await PolymarketMarketData(access).fetch_price_history(YES) == ()


async def test_the_venue_tells_the_time() -> None:
    async with serving(FakeHttp({"/time": "1795348800"})) as access:
        assert await PolymarketMarketData(access).fetch_clock() == AT.replace(microsecond=0)
    async with serving(FakeHttp()) as access:
        with pytest.raises(UnavailableError, match="/time"):
            await PolymarketMarketData(access).fetch_clock()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "_CACHED_MAX", 1)
    fake = FakeHttp(MARKET)
    async with serving(fake) as access:
        fees = FeeSchedules(access)
        fees.learn(CONDITION, FEES)
        fees.learn(ConditionId("0x01"), FEES)
        assert (await fees.of(CONDITION)).rate == Decimal("0.04")
        data = PolymarketMarketData(access)
        await data.fetch_market(YES)
        await data.fetch_market(NO)
