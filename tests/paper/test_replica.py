from hypothesis import given
from hypothesis import strategies as st

from paper.model import MICROS, Book, BookChanged, Level, Side
from paper.replica import Best, LevelChange, Replica, book_hash, mirrored

PRICES = st.integers(1, 99).map(lambda cents: cents * 10_000)
SIDES = st.dictionaries(PRICES, st.integers(0, 5).map(lambda shares: shares * MICROS), max_size=8)


def event(bids: dict[int, int], asks: dict[int, int], *, is_snapshot: bool = False) -> BookChanged:
    return BookChanged(
        "0xc",
        tuple(Level(price, size) for price, size in bids.items()),
        tuple(Level(price, size) for price, size in asks.items()),
        0,
        is_snapshot=is_snapshot,
    )


def test_only_real_changes_are_reported() -> None:
    replica = Replica({430_000: 5}, {450_000: 7})
    changes = replica.apply(event({430_000: 5, 440_000: 2, 420_000: 0}, {450_000: 0}))
    assert changes == (
        LevelChange(Side.BUY, 440_000, 2),
        LevelChange(Side.SELL, 450_000, 0),
    )
    assert (replica.bids, replica.asks) == ({430_000: 5, 440_000: 2}, {})


def test_the_second_outcome_is_the_mirror_of_the_first() -> None:
    replica = Replica({430_000: 5, 420_000: 6}, {450_000: 7})
    bids, asks = replica.levels(1)
    assert bids == (Level(550_000, 7),)
    assert asks == (Level(570_000, 5), Level(580_000, 6))
    assert replica.best(1) == Best(550_000, 570_000)
    assert mirrored([LevelChange(Side.SELL, 450_000, 7)]) == (LevelChange(Side.BUY, 550_000, 7),)


def test_empty_sides_have_no_best_price() -> None:
    assert Replica().best(0) == Replica().best(1) == Best(None, None)


def test_a_book_can_be_loaded_whole() -> None:
    replica = Replica({1: 1}, {2: 2})
    replica.load(Book("t", "0xc", (Level(430_000, 5),), (), 0))
    assert replica.levels(0) == ((Level(430_000, 5),), ())


def test_a_hash_names_the_content_of_one_tokens_book() -> None:
    levels = (Level(430_000, 5),)
    assert book_hash("a", levels, ()) == book_hash("a", levels, ())
    assert book_hash("a", levels, ()) != book_hash("b", levels, ())
    assert book_hash("a", levels, ()) != book_hash("a", (), levels)


@given(SIDES, SIDES, SIDES, SIDES)
def test_changes_replayed_elsewhere_give_the_same_book(
    bids: dict[int, int], asks: dict[int, int], new_bids: dict[int, int], new_asks: dict[int, int]
) -> None:
    replica, copy = Replica(), Replica()
    for told in (event(bids, asks), event(new_bids, new_asks, is_snapshot=True)):
        for change in replica.apply(told):
            side = {change.price: change.size}
            copy.apply(event(side, {}) if change.side is Side.BUY else event({}, side))
    assert (copy.bids, copy.asks) == (replica.bids, replica.asks)
    assert replica.bids == {price: size for price, size in new_bids.items() if size}
    assert replica.asks == {price: size for price, size in new_asks.items() if size}
