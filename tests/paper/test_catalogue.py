from dataclasses import replace

from paper.catalogue import Catalogue
from tests.paper.told_venue import ToldVenue


def test_markets_are_numbered_in_the_order_of_the_venue() -> None:
    catalogue = Catalogue(ToldVenue())
    assert [listed.market_id for listed in catalogue.markets] == [1, 2]
    assert [event.title for event in catalogue.events] == [
        "Will up-or-down happen?",
        "Will rain-or-shine happen?",
    ]


def test_markets_of_one_event_are_grouped() -> None:
    venue = ToldVenue()
    venue.listed[1] = replace(venue.listed[1], event_slug="up-or-down-event")
    [event] = Catalogue(venue).events
    assert event.title == "Up or down event"
    assert not event.is_closed
    venue.listed = [replace(market, closed=True) for market in venue.listed]
    assert Catalogue(venue).events[0].is_closed


def test_a_second_play_of_the_same_tape_has_events_of_its_own() -> None:
    venue = ToldVenue()
    first = venue.listed[0]
    venue.listed = [
        first,
        replace(first, condition_id="0x1", slug="sister"),
        replace(first, condition_id="0x2"),
        replace(first, condition_id="0x3", slug="sister"),
    ]
    events = Catalogue(venue).events
    assert [[listed.market_id for listed in event.markets] for event in events] == [[1, 2], [3, 4]]
    assert events[0].slug == events[1].slug


def test_numbers_stay_while_markets_come_and_change() -> None:
    venue = ToldVenue()
    first, second = venue.listed
    venue.listed = [first]
    catalogue = Catalogue(venue)
    assert [listed.market_id for listed in catalogue.markets] == [1]
    venue.listed = [replace(first, closed=True), second]
    assert [(listed.market_id, listed.market.closed) for listed in catalogue.markets] == [
        (1, True),
        (2, False),
    ]
    assert [event.is_closed for event in catalogue.events] == [True, False]


def test_markets_are_found_by_their_tokens_oldest_first() -> None:
    venue = ToldVenue()
    first, second = venue.listed
    catalogue = Catalogue(venue)
    tokens = [*second.token_ids, *first.token_ids, "unknown"]
    assert [listed.market_id for listed in catalogue.of_tokens(tokens)] == [1, 2]
