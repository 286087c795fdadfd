from decimal import Decimal

import pytest

from tests.trading.scene import order_book, price, shares
from trading.entry_price import EntryPrice, price_entry
from trading.rules import SlippageRules
from trading.types import OrderBook, OrderType, Price, Reason

BOOK = order_book(bids=(("0.49", "100"),), asks=(("0.51", "100"), ("0.52", "200")))
CAP, FAK, GTC = price("0.52"), OrderType.FAK, OrderType.GTC


def priced(book: OrderBook, cap: Price = CAP, order_type: OrderType = FAK) -> EntryPrice:
    return price_entry(book, shares("100"), cap, order_type, SlippageRules())


def test_an_entry_is_bounded_by_its_cap_and_two_ticks_over_the_ask() -> None:
    found = priced(BOOK)
    assert (found.limit, found.mid, found.vwap) == (CAP, Decimal("0.50"), Decimal("0.51"))
    assert (found.slippage, found.reason) == (Decimal("0.024"), None)
    assert priced(BOOK, price("0.60")).limit == price("0.53")
    assert priced(BOOK, price("0.529")).limit == CAP


@pytest.mark.parametrize(
    ("book", "mid"),
    [
        (order_book(bids=()), "0"),
        (order_book(bids=(("0.53", "9"),), asks=(("0.51", "9"),)), "0.52"),
    ],
    ids=["empty", "crossed"],
)
def test_a_book_that_cannot_be_true_prices_nothing(book: OrderBook, mid: str) -> None:
    assert priced(book) == EntryPrice(CAP, price(mid), reason=Reason.BOOK_INVALID)


def test_only_an_order_that_may_rest_is_sent_where_nobody_sells_within_its_limit() -> None:
    moved = order_book(bids=(("0.52", "9"),), asks=(("0.53", "9"),))
    assert priced(moved).reason is Reason.PRICE_MOVED
    resting = priced(moved, order_type=GTC)
    assert (resting.limit, resting.vwap, resting.reason) == (CAP, None, None)


def test_an_entry_that_would_cost_too_much_is_refused() -> None:
    wide = order_book(bids=(("0.40", "100"),), asks=(("0.51", "100"),))
    assert priced(wide).reason is Reason.SLIPPAGE_TOO_HIGH
