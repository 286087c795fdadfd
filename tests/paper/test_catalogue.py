from dataclasses import replace

from paper.catalogue import list_catalogue
from tests.paper.told_venue import ToldVenue


def test_markets_are_numbered_in_the_order_of_the_venue() -> None:
    catalogue = list_catalogue(ToldVenue())
    assert [listed.market_id for listed in catalogue.markets] == [1, 2]
    assert [event.title for event in catalogue.events] == [
        "Will up-or-down happen?",
        "Will rain-or-shine happen?",
    ]


def test_markets_of_one_event_are_grouped() -> None:
    venue = ToldVenue()
    venue.listed[1] = replace(venue.listed[1], event_slug="up-or-down-event")
    [event] = list_catalogue(venue).events
    assert event.title == "Up or down event"
    assert not event.is_closed
    venue.listed = [replace(market, closed=True) for market in venue.listed]
    assert list_catalogue(venue).events[0].is_closed


def test_a_second_play_of_the_same_tape_has_events_of_its_own() -> None:
    venue = ToldVenue()
    first = venue.listed[0]
    venue.listed = [
        first,
        replace(first, slug="sister"),
        replace(first, condition_id="0x2"),
        replace(first, condition_id="0x3", slug="sister"),
    ]
    events = list_catalogue(venue).events
    assert [[listed.market_id for listed in event.markets] for event in events] == [[1, 2], [3, 4]]
    assert events[0].slug == events[1].slug
