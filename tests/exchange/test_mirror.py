"""A mirrored book is its last snapshot with every level change since."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exchange.polymarket.mirror import BookMirror
from exchange.polymarket.wire import parse
from exchange.polymarket.wire_clob import BookRow
from exchange.polymarket.wire_market import LevelChangeRow
from tests.exchange.samples import AT, YES, book_row
from trading.types import Level, Price, Shares


def mirror(**changes: object) -> BookMirror:
    row = parse(BookRow, book_row(**changes))
    return BookMirror(row, Price(Decimal("0.01")), Shares(Decimal(5)))


def change(side: str, price: str, size: str) -> LevelChangeRow:
    row = {"asset_id": YES, "side": side, "price": price, "size": size}
    return parse(LevelChangeRow, row)


def level(price: str, size: str) -> Level:
    return Level(Price(Decimal(price)), Shares(Decimal(size)))


def test_a_snapshot_is_mirrored_best_first() -> None:
    book = mirror().book(AT)
    assert book.bids == (level("0.49", "350"), level("0.48", "30"))
    assert book.asks == (level("0.51", "150"), level("0.52", "10"))
    assert (book.token_id, book.tick_size, book.min_size) == (YES, Decimal("0.01"), Decimal(5))


def test_changes_set_add_and_remove_levels() -> None:
    copy = mirror()
    later = AT + timedelta(seconds=1)
    copy.apply(change("BUY", "0.490", "7"), later)
    copy.apply(change("BUY", "0.50", "1"), later)
    copy.apply(change("SELL", "0.51", "0"), later)
    copy.apply(change("SELL", "0.6", "0"), later)
    book = copy.book(later)
    assert book.bids == (level("0.50", "1"), level("0.49", "7"), level("0.48", "30"))
    assert book.asks == (level("0.52", "10"),)
    assert book.at == later


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]), st.integers(1, 99), st.sampled_from(["0", "5", "9.5"])
        ),
        max_size=40,
    )
)
def test_the_last_word_on_each_level_stands(changes: list[tuple[str, int, str]]) -> None:
    copy = mirror(bids=[], asks=[])
    expected: dict[tuple[str, Decimal], Decimal] = {}
    for side, cents, size in changes:
        price = Decimal(cents) / 100
        copy.apply(change(side, str(price), size), AT)
        expected[side, price] = Decimal(size)
    book = copy.book(AT)
    kept = {key: size for key, size in expected.items() if size}
    assert {("BUY", x.price): x.size for x in book.bids} == {
        key: size for key, size in kept.items() if key[0] == "BUY"
    }
    assert {("SELL", x.price): x.size for x in book.asks} == {
        key: size for key, size in kept.items() if key[0] == "SELL"
    }
    assert list(book.bids) == sorted(book.bids, key=lambda x: -x.price)
    assert list(book.asks) == sorted(book.asks, key=lambda x: x.price)
