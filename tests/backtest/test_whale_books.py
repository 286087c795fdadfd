"""What whales close, by their own fills."""

from dataclasses import replace
from decimal import Decimal

from backtest.whale_books import WhaleBooks
from tests.backtest.past import WHALE, a_fill, a_market, after
from trading.types import FeeSchedule, Price, Side

MARKET = a_market()
SELL = Side.SELL


def test_a_stake_sold_in_parts_is_one_trade_from_first_to_last() -> None:
    books = WhaleBooks()
    assert books.take(a_fill(MARKET, after(1), "100", "0.40").fill, MARKET, "news") is None
    assert books.take(a_fill(MARKET, after(2), "50", "0.50", SELL).fill, MARKET, "news") is None
    closing = books.take(a_fill(MARKET, after(3), "80", "0.60", SELL).fill, MARKET, "news")
    assert closing is not None
    assert closing.wallet == WHALE
    assert closing.trade.cost == 40
    assert closing.trade.pnl == 25 + 30 - 40
    assert closing.trade.closed_at == after(3)
    assert closing.trade.category == "news"


def test_a_result_closes_both_outcomes() -> None:
    books = WhaleBooks()
    books.take(a_fill(MARKET, after(1), "100", "0.40").fill, MARKET, "news")
    books.take(a_fill(MARKET, after(1), "10", "0.50", token=1).fill, MARKET, "news")
    paid = (Price(Decimal(1)), Price(Decimal(0)))
    closings = list(books.resolve(MARKET, paid, "news", after(9)))
    assert [closing.trade.pnl for closing in closings] == [60, -5]
    assert list(books.resolve(MARKET, paid, "news", after(9))) == []


def test_takers_pay_fees_and_makers_do_not() -> None:
    market = a_market(fees=FeeSchedule(Decimal("0.04"), 1))
    paid = (Price(Decimal(1)), Price(Decimal(0)))
    found = []
    for is_taker in (True, None, False):
        books = WhaleBooks()
        fill = replace(a_fill(market, after(1), "100", "0.50").fill, is_taker=is_taker)
        books.take(fill, market, "news")
        found += [closing.trade.cost for closing in books.resolve(market, paid, "x", after(2))]
    assert found == [51, 51, 50]


def test_shares_never_seen_bought_close_nothing() -> None:
    books = WhaleBooks()
    assert books.take(a_fill(MARKET, after(1), side=SELL).fill, MARKET, "news") is None
