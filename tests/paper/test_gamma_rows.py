import json
from dataclasses import replace

from polymarket.models.gamma.market import Market as ClientMarket

from paper.catalogue import Catalogue
from paper.gamma_rows import event_row, market_row, quote
from paper.model import MICROS, Level
from tests.paper.told_venue import CONDITION, CONDITION_V3, NO, YES, YES_V3, ToldVenue


def row_of(venue: ToldVenue, number: int = 0) -> dict[str, object]:
    listed = Catalogue(venue).markets[number]
    return market_row(listed, quote(venue, listed.market))


def test_token_ids_are_listed_where_the_protocol_keeps_them() -> None:
    first, second = row_of(ToldVenue()), row_of(ToldVenue(), 1)
    assert json.loads(str(first["clobTokenIds"])) == [YES, NO]
    assert (first["version"], "positionIds" in first) == ("v1", False)
    assert (second["version"], second["clobTokenIds"]) == ("v2", "[]")
    assert second["positionIds"] == [YES_V3, str(int(YES_V3) + 1)]
    assert second["resolutionStatus"] == "active"


def test_lists_are_json_inside_a_string() -> None:
    row = row_of(ToldVenue())
    assert json.loads(str(row["outcomes"])) == ["Up", "Down"]
    assert json.loads(str(row["outcomePrices"])) == ["0.44", "0.56"]


def test_liquidity_is_the_notional_in_both_outcomes_books() -> None:
    row = row_of(ToldVenue())
    assert (row["liquidityNum"], row["liquidity"]) == (300, "300")
    assert (row["bestBid"], row["bestAsk"], row["spread"]) == (0.43, 0.45, 0.02)


def test_a_one_sided_book_is_priced_at_its_last_trade() -> None:
    venue = ToldVenue()
    venue.set_book(CONDITION, (Level(300_000, MICROS),), ())
    row = row_of(venue)
    assert row["outcomePrices"] == '["0.44","0.56"]'
    assert "bestAsk" not in row
    assert "spread" not in row


def test_without_book_and_trade_both_outcomes_stand_at_one_half() -> None:
    row = row_of(ToldVenue(), 1)
    assert row["outcomePrices"] == '["0.5","0.5"]'
    assert row["liquidityNum"] == 0
    assert "lastTradePrice" not in row


def test_a_resolved_market_shows_its_payouts() -> None:
    venue = ToldVenue()
    venue.listed[1] = replace(venue.listed[1], payouts=(0, MICROS), closed=True)
    row = row_of(venue, 1)
    assert row["outcomePrices"] == '["0","1"]'
    assert (row["resolutionStatus"], row["closedTime"]) == ("resolved", row["endDate"])
    assert ClientMarket.parse_response(row).condition_id == CONDITION_V3


def test_an_event_adds_its_markets_up() -> None:
    venue = ToldVenue()
    venue.listed[1] = replace(venue.listed[1], event_slug="up-or-down-event", neg_risk=True)
    [event] = Catalogue(venue).events
    row = event_row(event, [quote(venue, listed.market) for listed in event.markets])
    assert (row["title"], row["negRisk"], row["volume"]) == ("Up or down event", True, 2469.12)
