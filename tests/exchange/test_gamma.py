"""Markets are found by token, and both descriptions joined without inventing a result."""

from decimal import Decimal

import pytest

from exchange.polymarket.gamma import Gamma, market_of, payouts_of
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_clob import ClobMarketRow
from exchange.polymarket.wire_gamma import GammaMarketRow
from exchange.port import WireError
from tests.exchange.fake_venue import Asked, FakeHttp, serving
from tests.exchange.samples import (
    CONDITION,
    NO,
    POSITION_NO,
    POSITION_YES,
    YES,
    clob_market_row,
    gamma_row,
)
from trading.types import ZERO, FeeSchedule, Protocol, TokenId

FEES = FeeSchedule(Decimal("0.05"), 1)
CLOB = parse(ClobMarketRow, clob_market_row())


def row(**changes: object) -> GammaMarketRow:
    return parse(GammaMarketRow, gamma_row(**changes))


async def test_an_open_market_is_found_by_its_token() -> None:
    fake = FakeHttp({"/markets/keyset": {"markets": [gamma_row()]}})
    async with serving(fake) as access:
        found = await Gamma(access).fetch_row(NO)
    assert found is not None
    assert found.condition_id == CONDITION
    assert fake.asked[0].query == {"clob_token_ids": NO, "closed": "false", "limit": "10"}


async def test_a_closed_market_is_found_too() -> None:
    def page(asked: Asked) -> object:
        return {"markets": [gamma_row(closed=True)] if asked.query["closed"] == "true" else []}

    async with serving(FakeHttp({"/markets/keyset": page})) as access:
        found = await Gamma(access).fetch_row(YES)
    assert found is not None
    assert found.closed


async def test_a_position_is_asked_for_as_one() -> None:
    rows = {"markets": [gamma_row(version="v2", positionIds=[POSITION_YES, POSITION_NO])]}
    fake = FakeHttp({"/markets/keyset": rows})
    async with serving(fake) as access:
        found = await Gamma(access).fetch_row(POSITION_NO)
    assert found is not None
    assert fake.asked[0].query["position_ids"] == POSITION_NO


@pytest.mark.parametrize("answers", [{}, {"/markets/keyset": {"markets": [gamma_row()]}}])
async def test_a_market_of_another_token_is_not_taken(answers: dict[str, object]) -> None:
    async with serving(FakeHttp(answers)) as access:
        assert await Gamma(access).fetch_row(TokenId(str(1 << 250 | 1 << 41))) is None


def test_terms_are_the_order_books_word() -> None:
    clob = parse(ClobMarketRow, clob_market_row(minimum_tick_size="0.001", neg_risk=True))
    market = market_of(row(), clob, FEES)
    assert (market.tick_size, market.min_size, market.neg_risk) == (
        Decimal("0.001"),
        Decimal(5),
        True,
    )
    assert market.accepts_orders
    assert market.is_active
    assert not market.is_closed
    assert (market.liquidity, market.volume) == (Decimal("20328.37"), Decimal("9.99"))
    assert (market.protocol, market.fees, market.payouts) == (Protocol.CLOB_V2, FEES, None)
    assert market.ends_at is not None
    assert market.outcome_of(NO) == "No"


def test_a_market_that_the_order_book_does_not_know_yet_accepts_no_orders() -> None:
    market = market_of(row(negRisk=True), None, FEES)
    assert not market.accepts_orders
    assert (market.tick_size, market.neg_risk) == (Decimal("0.01"), True)


@pytest.mark.parametrize("word", ["proposed", "Disputed", "challenged"])
def test_a_market_whose_result_is_on_its_way_takes_no_new_money(word: str) -> None:
    market = market_of(row(umaResolutionStatus=word), CLOB, FEES)
    assert not market.accepts_orders
    assert market.payouts is None


def test_figures_may_be_missing_or_text() -> None:
    market = market_of(row(liquidityNum=None, volumeNum=None, endDate=""), CLOB, FEES)
    assert (market.liquidity, market.volume, market.ends_at) == (Decimal("20328.3747"), None, None)
    market = market_of(row(liquidityNum=0, volumeNum=None, volume="7"), CLOB, FEES)
    assert (market.liquidity, market.volume) == (ZERO, Decimal(7))


@pytest.mark.parametrize(
    ("changes", "clob"),
    [
        ({"clobTokenIds": "[]"}, CLOB),
        ({"outcomes": '["Yes"]'}, CLOB),
        ({"orderMinSize": None}, None),
    ],
)
def test_a_market_without_its_terms_is_refused(
    changes: dict[str, object], clob: ClobMarketRow | None
) -> None:
    with pytest.raises(WireError, match="expected"):
        market_of(row(**changes), clob, FEES)


def test_the_winner_pays_one_and_the_loser_nothing() -> None:
    tokens = [{"token_id": NO, "winner": True}, {"token_id": YES, "winner": False}]
    clob = parse(ClobMarketRow, clob_market_row(tokens=tokens))
    assert payouts_of(row(), clob) == (Decimal(0), Decimal(1))


def test_a_void_market_pays_half_each_once_it_is_resolved() -> None:
    halves = '["0.5", "0.5"]'
    assert payouts_of(row(outcomePrices=halves), CLOB) is None
    assert payouts_of(row(outcomePrices=halves, umaResolutionStatus="resolved"), CLOB) == (
        Decimal("0.5"),
        Decimal("0.5"),
    )
    assert payouts_of(row(umaResolutionStatus="resolved"), None) is None
