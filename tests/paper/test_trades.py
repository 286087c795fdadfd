"""Tests of finding an API key's own trades."""

from paper.trades import OwnTrades
from tests.paper.still_venue import StillVenue
from tests.paper.test_rest_account import a_trade


def test_only_what_is_new_is_read_and_found_once() -> None:
    venue = StillVenue()
    own = OwnTrades(venue)
    assert own.of("a") == []
    venue.made += [a_trade(1, "a", "b"), a_trade(2, "", ""), a_trade(3, "a", "a")]
    assert [trade.trade_id for trade in own.of("a")] == ["trade-1", "trade-3"]
    venue.made.append(a_trade(4, "b"))
    assert [trade.trade_id for trade in own.of("b")] == ["trade-1", "trade-4"]
    assert own.of("") == []
