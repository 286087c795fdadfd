"""Tests of the recorded overlay, of resting orders and of their queue."""

from hypothesis import given
from hypothesis import strategies as st

from paper.books import MarketBook, Resting, opposite
from paper.matching import Offer
from paper.model import Level, Side
from tests.paper.engine_room import levels, shares

P = 400_000


def a_book(asks: str = "100", bids: str = "50") -> MarketBook:
    book = MarketBook()
    book.record(levels(("0.39", bids)), levels(("0.40", asks)))
    book.take_changes()
    return book


def show(book: MarketBook, size: str) -> None:
    book.record((), levels(("0.40", size)))


def rest(book: MarketBook, name: str, size: str, price: str = "0.40") -> Resting:
    order = Resting(name, Side.SELL, shares(price), shares(size))
    book.place(order)
    return order


def test_sides_face_each_other() -> None:
    assert opposite(Side.BUY) is Side.SELL
    assert opposite(Side.SELL) is Side.BUY


def test_recorded_sizes_are_rounded_down_to_a_hundredth() -> None:
    book = MarketBook()
    book.record((Level(390_000, 1_239_999), Level(380_000, 9_999)), ())
    assert book.levels(Side.BUY) == (Level(390_000, 1_230_000),)


def test_taken_size_is_subtracted_while_the_level_stands_still() -> None:
    book = a_book()
    book.take(Side.SELL, P, shares("60"))
    show(book, "100")
    assert book.visible(Side.SELL, P) == shares("40")
    assert list(book.taken()) == [(Side.SELL, P, shares("60"))]


def test_a_rise_of_the_recorded_size_fills_the_level_up_again() -> None:
    book = a_book()
    book.take(Side.SELL, P, shares("60"))
    show(book, "100.01")
    assert book.visible(Side.SELL, P) == shares("100.01")
    assert not list(book.taken())


def test_where_the_level_falls_no_more_is_subtracted_than_is_left() -> None:
    book = a_book()
    book.take(Side.SELL, P, shares("60"))
    show(book, "50")
    assert book.visible(Side.SELL, P) == 0
    show(book, "0")
    assert not list(book.taken())
    show(book, "20")
    assert book.visible(Side.SELL, P) == shares("20")


def test_taken_size_can_be_restored() -> None:
    book = a_book()
    book.restore_taken(Side.SELL, P, shares("99"))
    assert book.levels(Side.SELL) == levels(("0.40", "1"))


def test_an_order_waits_behind_what_is_shown_at_its_price() -> None:
    book = a_book()
    order = rest(book, "a", "10")
    assert order.ahead == shares("100")
    assert book.levels(Side.SELL) == levels(("0.40", "110"))
    offers = list(book.offers(Side.BUY, P))
    assert offers == [Offer(P, shares("100")), Offer(P, shares("10"), "a")]


def test_an_order_moves_up_as_the_recorded_size_falls_and_not_back_as_it_rises() -> None:
    book = a_book()
    order = rest(book, "a", "10")
    show(book, "30")
    show(book, "80")
    assert order.ahead == shares("30")
    assert list(book.offers(Side.BUY, P)) == [
        Offer(P, shares("30")),
        Offer(P, shares("10"), "a"),
        Offer(P, shares("50")),
    ]


def test_an_order_moves_up_as_others_trade_at_its_price() -> None:
    book = a_book()
    order = rest(book, "a", "10")
    book.pass_queue(Side.SELL, P, shares("70"))
    assert order.ahead == shares("30")
    book.take(Side.SELL, P, shares("40"))
    assert order.ahead == 0


def test_orders_at_one_price_are_served_in_the_order_they_came() -> None:
    book = a_book(asks="0")
    rest(book, "a", "10")
    show(book, "5")
    rest(book, "b", "10")
    assert [(offer.order_id, offer.size) for offer in book.offers(Side.BUY, P)] == [
        ("a", shares("10")),
        ("", shares("5")),
        ("b", shares("10")),
    ]


def test_offers_come_best_first_and_end_at_the_limit() -> None:
    book = MarketBook()
    book.record(
        levels(("0.39", "1"), ("0.38", "2"), ("0.37", "3")), levels(("0.40", "1"), ("0.41", "2"))
    )
    assert [offer.price for offer in book.offers(Side.SELL, 380_000)] == [390_000, 380_000]
    assert [offer.price for offer in book.offers(Side.BUY, 400_000)] == [400_000]


def test_a_filled_order_leaves_and_a_partly_filled_one_stays() -> None:
    book = a_book()
    rest(book, "a", "10")
    rest(book, "b", "5")
    book.reduce("a", shares("4"))
    assert book.resting("a") is not None
    book.reduce("a", shares("6"))
    assert book.resting("a") is None
    assert [order.order_id for order in book.all_resting()] == ["b"]
    book.remove("b")
    assert book.levels(Side.SELL) == levels(("0.40", "100"))


def test_orders_in_reach_are_those_a_price_would_meet() -> None:
    book = a_book()
    rest(book, "far", "1", "0.45")
    rest(book, "near", "1", "0.41")
    assert [order.order_id for order in book.in_reach(Side.BUY, 410_000)] == ["near"]
    assert [order.order_id for order in book.in_reach(Side.BUY, 450_000)] == ["near", "far"]
    assert book.in_reach(Side.SELL, 100_000) == []


def test_an_order_is_crossed_when_the_other_side_reaches_its_price() -> None:
    book = a_book()
    order = Resting("a", Side.BUY, 390_000, shares("10"))
    book.place(order)
    assert book.crossed() == []
    book.record((), levels(("0.38", "3"), ("0.39", "4"), ("0.40", "100")))
    assert book.crossed() == [order]
    assert book.recorded_offers(order) == [
        Offer(380_000, shares("3")),
        Offer(390_000, shares("4")),
    ]
    book.record((), ())
    assert book.crossed() == []


def test_a_selling_order_is_crossed_by_bids() -> None:
    book = a_book()
    order = rest(book, "a", "10", "0.41")
    book.record(levels(("0.42", "1"), ("0.41", "2"), ("0.40", "3")), ())
    assert book.crossed() == [order]
    assert [offer.price for offer in book.recorded_offers(order)] == [420_000, 410_000]


def test_the_mid_price_needs_both_sides() -> None:
    book = a_book()
    assert book.mid() == 395_000
    assert book.best(Side.BUY) == 390_000
    book.record((), levels(("0.40", "1")))
    assert book.mid() is None
    assert book.best(Side.BUY) is None


def test_changes_tell_new_sizes_once_and_zero_for_what_is_gone() -> None:
    book = a_book()
    book.record(levels(("0.38", "1")), levels(("0.40", "100")))
    assert book.take_changes() == (levels(("0.39", "0"), ("0.38", "1")), ())
    assert book.take_changes() == ((), ())


_ACTS = st.lists(
    st.tuples(st.sampled_from(["show", "take", "rest", "fill"]), st.integers(1, 30)), max_size=40
)


@given(_ACTS)
def test_no_visible_size_is_ever_negative_and_offers_add_up(acts: list[tuple[str, int]]) -> None:
    book = a_book(asks="20")
    for number, (act, size) in enumerate(acts):
        micros = shares(str(size))
        if act == "show":
            show(book, str(size))
        elif act == "rest":
            rest(book, str(number), str(size))
        elif act == "take" and book.visible(Side.SELL, P) >= micros:
            book.take(Side.SELL, P, micros)
        elif act == "fill" and book.all_resting():
            order = book.all_resting()[0]
            book.reduce(order.order_id, min(micros, order.leaves))
        offered = sum(offer.size for offer in book.offers(Side.BUY, P))
        resting = sum(order.leaves for order in book.all_resting())
        assert book.visible(Side.SELL, P) >= 0
        assert offered == resting + book.visible(Side.SELL, P)
        assert all(0 <= order.ahead <= book.visible(Side.SELL, P) for order in book.all_resting())
