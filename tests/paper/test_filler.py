"""Tests of invented fills."""

from decimal import Decimal

from paper.crowd import Crowd
from paper.filler import BURST_MAX, Filler
from paper.model import MICROS, Side, Trade, TradeStatus
from paper.registry import Listing
from tests.paper.engine_room import START, YES, a_market, levels


def a_listing(*, is_empty: bool = False, accepts: bool = True) -> Listing:
    listing = Listing(a_market(accepting_orders=accepts, fee_rate=Decimal("0.07")), "play")
    if not is_empty:
        listing.book.record(levels(("0.39", "2")), levels(("0.42", "3")))
    return listing


def fills(listing: Listing, rate: str, milliseconds: int, seed: int = 1) -> list[Trade]:
    filler = Filler(Decimal(rate), seed, Crowd(()), "play")
    return [
        trade
        for at in range(START, START + milliseconds + 1, 20)
        for trade in filler.due([listing], at)
    ]


def test_the_rate_is_kept() -> None:
    assert len(fills(a_listing(), "5", 10_000)) == 50
    assert len(fills(a_listing(), "0.5", 10_000)) == 5
    assert fills(a_listing(), "0", 10_000) == []


def test_fills_are_invented_final_and_at_the_best_price() -> None:
    listing = a_listing()
    found = fills(listing, "20", 5_000)
    for trade in found:
        assert trade.invented
        assert trade.status is TradeStatus.CONFIRMED
        price = trade.price if trade.token_id == YES else MICROS - trade.price
        buys_first = (trade.side is Side.BUY) == (trade.token_id == YES)
        assert price == (420_000 if buys_first else 390_000)
        assert trade.size * trade.price == trade.cost * MICROS
        assert sum(maker.size for maker in trade.makers) == trade.size
        assert trade.fee > 0
    assert len({trade.transaction_hash for trade in found}) == 100
    assert len({trade.wallet for trade in found}) > 20
    assert listing.book.levels(Side.SELL) == levels(("0.42", "3"))


def test_an_empty_side_is_passed_over() -> None:
    listing = a_listing()
    listing.book.record(levels(("0.39", "2")), ())
    found = fills(listing, "5", 10_000)
    assert len(found) >= 49
    assert all((trade.side is Side.SELL) == (trade.token_id == YES) for trade in found)


def test_a_seed_always_makes_the_same_fills() -> None:
    assert fills(a_listing(), "5", 2_000) == fills(a_listing(), "5", 2_000)
    assert fills(a_listing(), "5", 2_000, seed=2) != fills(a_listing(), "5", 2_000)


def test_nothing_is_invented_where_nothing_can_trade() -> None:
    assert fills(a_listing(is_empty=True), "5", 2_000) == []
    assert fills(a_listing(accepts=False), "5", 2_000) == []


def test_after_a_pause_only_a_burst_is_made_up_for() -> None:
    filler = Filler(Decimal(5), 1, Crowd(()), "play")
    assert list(filler.due([a_listing()], START)) == []
    assert len(list(filler.due([a_listing()], START + 3_600_000))) == BURST_MAX
