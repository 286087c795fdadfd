from decimal import Decimal

from trading.own_books import BookOrder, OwnBooks
from trading.reconcile import BookKind, Span
from trading.rules import ReconcileRules
from trading.types import OrderHash, Price, Shares, TokenId, Usd, Wallet

RULES = ReconcileRules()
HELD, COMING, STRANGE = TokenId("7"), TokenId("8"), TokenId("9")
BOOKS = OwnBooks(
    wallet=Wallet("0xw"),
    cash=Usd(Decimal(100)),
    cash_moves=(Decimal(-20), Decimal(5)),
    shares={HELD: Shares(Decimal(40))},
    share_moves={COMING: (Decimal(10),)},
    prices={HELD: Price(Decimal("0.5"))},
)


def order(name: str, *, is_open: bool = True, is_sure: bool = True) -> BookOrder:
    price = Price(Decimal("0.5"))
    return BookOrder(OrderHash(name), HELD, Shares(Decimal(30)), price, is_open, is_sure)


def test_cash_is_compared_with_what_is_on_its_way() -> None:
    read = BOOKS.read_cash(Usd(Decimal(85)))
    assert (read.subject.kind, read.subject.key) == (BookKind.CASH, "0xw")
    assert read.slack == Span(Decimal(-20), Decimal(5))
    assert read.is_explained(RULES)
    assert not BOOKS.read_cash(Usd(Decimal(79))).is_explained(RULES)


def test_shares_are_compared_token_by_token() -> None:
    assert BOOKS.tokens == {HELD, COMING}
    assert BOOKS.read_shares(HELD, Shares(Decimal(40))).is_equal(RULES)
    assert BOOKS.read_shares(COMING, Shares(Decimal(10))).is_explained(RULES)
    strange = BOOKS.read_shares(STRANGE, Shares(Decimal(3)))
    assert strange.unexplained == 3
    assert BOOKS.read_shares(HELD, Shares(Decimal(30))).size_usd == 5


def test_orders_on_one_side_only_differ_and_those_on_both_do_not() -> None:
    found = {"a": order("a"), "b": order("b"), "c": order("c", is_open=False)}
    books = OwnBooks(Wallet("0xw"), orders={OrderHash(h): o for h, o in found.items()})
    read = books.read_orders([OrderHash("a"), OrderHash("c"), OrderHash("foreign")])
    assert [(r.subject.key, r.unexplained) for r in read] == [
        ("a", Decimal(0)),
        ("b", Decimal(-30)),
        ("c", Decimal(30)),
    ]


def test_an_order_that_has_just_changed_may_be_there_or_not() -> None:
    books = OwnBooks(Wallet("0xw"), orders={OrderHash("a"): order("a", is_sure=False)})
    assert [read.is_explained(RULES) for read in books.read_orders([])] == [True]


def test_orders_that_are_over_on_both_sides_are_left_out() -> None:
    books = OwnBooks(Wallet("0xw"), orders={OrderHash("a"): order("a", is_open=False)})
    assert books.read_orders([]) == []
