"""Markets come from the records, then from the venue; books always from the venue."""

from dataclasses import replace

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
