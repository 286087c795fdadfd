"""Markets come from the records, then from the venue; books always from the venue."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from exchange.port import UnavailableError
from storage.postgres import PostgresStore
from tests.activities.desk import Desk
from tests.storage.builders import NO, WALLET, YES
from trading.types import TokenId


async def test_a_known_market_is_not_asked_for_again(desk: Desk) -> None:
    desk.venue.market = None
    found = await desk.markets.find(YES)
    assert found is not None
    assert found.token_ids == (YES, NO)


async def test_an_unknown_market_is_asked_for_and_kept(desk: Desk) -> None:
    token = TokenId("9" * 77)
    assert desk.venue.market is not None
    desk.venue.market = replace(desk.venue.market, token_ids=(token, NO), slug="another")
    assert await desk.markets.find(token) == desk.venue.market
    desk.venue.market = None
    assert await desk.markets.refresh(token) is None
    assert isinstance(desk.store, PostgresStore)
    assert desk.store.wallet == WALLET


async def test_a_quote_is_the_book_with_its_volatility(desk: Desk) -> None:
    quote = await desk.markets.quote(YES)
    assert quote.book == await desk.markets.book(YES)
    assert quote.volatility == 0


async def test_entries_share_a_book_for_half_a_second(desk: Desk) -> None:
    markets = desk.markets
    shared = (await markets.quote(YES)).book
    desk.venue.quote("0.40", "0.42")
    desk.clock.advance(timedelta(milliseconds=500))
    assert await markets.recent_book(YES) == (await markets.quote(YES)).book == shared
    fresh = await markets.book(YES)
    assert fresh.asks[0].price == Decimal("0.42")
    desk.clock.advance(timedelta(milliseconds=1))
    assert (await markets.recent_book(YES)).asks == fresh.asks


async def test_what_the_venue_cannot_tell_is_unavailable(desk: Desk) -> None:
    desk.venue.script.is_away = True
    with pytest.raises(UnavailableError):
        await desk.markets.quote(YES)
