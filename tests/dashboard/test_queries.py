from collections.abc import AsyncIterator

import pytest

from dashboard.queries import Records
from dashboard.records import PostgresRecords
from storage.postgres import PostgresStore
from storage.view_pnl import PnlBy
from storage.views import TradeFilter
from tests.dashboard.fake_records import NOW, FakeRecords
from trading.rules import RiskRules
from trading.types import SignalId


@pytest.fixture(params=["fake", "postgres"])
async def records(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Records]:
    """Each implementation in turn."""
    if request.param == "fake":
        yield FakeRecords()
        return
    store = PostgresStore(database_url, RiskRules())
    yield PostgresRecords(store)
    await store.close()


async def test_no_list_is_longer_than_asked_for(records: Records) -> None:
    assert list(await records.list_positions(0)) == []
    assert list(await records.list_trades(TradeFilter(0))) == []
    assert list(await records.list_orders_in_flight(0)) == []
    assert list(await records.list_events(0)) == []
    assert list(await records.list_pnl(PnlBy.WHALE, 0)) == []
    assert list(await records.list_days(0)) == []
    assert list(await records.list_reviews(open_only=True, limit=0)) == []


async def test_an_unknown_signal_is_none(records: Records) -> None:
    await records.ping()
    assert await records.load_trade(SignalId("nobody")) is None


async def test_the_overview_and_the_risk_are_always_there(records: Records) -> None:
    overview = await records.load_overview(NOW)
    assert overview.money.equity == overview.money.cash + overview.money.bid_value
    assert (await records.load_risk(NOW)).open_orders >= 0
    assert (await records.load_pnl_total()).gap == 0
    assert [row.feed for row in await records.list_feeds(NOW)]
