"""Tests of listings and of what they tell about their books."""

from paper.model import MICROS, Side
from paper.registry import Listing, Registry, mirrored
from tests.paper.engine_room import CONDITION, NO, START, YES, a_market, levels


def a_listing() -> Listing:
    listing = Listing(a_market(), "play")
    listing.book.record(levels(("0.39", "2")), levels(("0.40", "3")))
    return listing


def test_a_mirror_turns_prices_around() -> None:
    assert mirrored(levels(("0.39", "2"))) == levels(("0.61", "2"))


def test_orders_on_the_second_outcome_are_turned_into_the_firsts_terms() -> None:
    listing = a_listing()
    assert (listing.outcome_of(YES), listing.outcome_of(NO)) == (0, 1)
    assert listing.in_book_terms(0, Side.BUY, 400_000) == (Side.BUY, 400_000)
    assert listing.in_book_terms(1, Side.BUY, 400_000) == (Side.SELL, 600_000)
    assert listing.in_book_terms(1, Side.SELL, 400_000) == (Side.BUY, 600_000)


def test_the_first_change_is_a_snapshot_and_later_ones_are_not() -> None:
    listing = a_listing()
    first = listing.book_changes(START)
    assert first is not None
    assert first.is_snapshot
    assert (first.bids, first.asks) == (levels(("0.39", "2")), levels(("0.40", "3")))
    assert listing.book_changes(START) is None
    listing.book.record(levels(("0.39", "4")), levels(("0.40", "3")))
    second = listing.book_changes(START + 1)
    assert second is not None
    assert not second.is_snapshot
    assert second.bids == levels(("0.39", "4"))
    assert listing.view(0).at == START + 1


def test_the_history_has_one_point_a_second_and_outcome() -> None:
    listing = a_listing()
    listing.book_changes(START)
    listing.book.record(levels(("0.30", "4")), levels(("0.40", "3")))
    listing.book_changes(START + 500)
    assert listing.prices(0) == [(START // 1000, 395_000)]
    assert listing.prices(1) == [(START // 1000, 605_000)]


def test_trades_leave_their_price_and_volume() -> None:
    listing = a_listing()
    assert listing.view(1).last_trade_price is None
    listing.add_trade(1, 610_000, 5 * MICROS)
    assert listing.view(0).last_trade_price == 390_000
    assert listing.view(1).last_trade_price == 610_000
    assert listing.market.volume == 5 * MICROS


def test_markets_are_found_by_condition_and_by_token() -> None:
    registry, listing = Registry(), a_listing()
    registry.add(listing)
    assert registry.get(CONDITION) is registry.of_token(YES) is registry.of_token(NO) is listing
    assert registry.get("0x1") is registry.of_token("1") is None
    assert registry.all() == [listing]


def test_a_redeemed_market_is_finished() -> None:
    registry, listing = Registry(), a_listing()
    registry.add(listing)
    assert registry.unfinished() == [listing]
    listing.is_redeemed = True
    assert registry.unfinished() == []


def test_changed_markets_are_saved_once() -> None:
    registry, listing = Registry(), a_listing()
    registry.add(listing)
    assert registry.take_changes() == [listing]
    assert registry.take_changes() == []
    registry.touch(listing)
    assert registry.take_changes() == [listing]
