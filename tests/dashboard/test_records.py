import pytest
from sqlalchemy import text

from dashboard.board import Section
from dashboard.queries import Records
from dashboard.records import PostgresRecords
from storage.port import StorageError, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.views import TradeFilter
from tests.dashboard.desk import a_board, a_desk
from tests.dashboard.fake_records import HOSTILE, NOW, WALLET, usd
from tests.storage.builders import WHALE, market, signal
from trading.rules import RiskRules
from trading.types import Reason, Refusal, SignalId, SignalState


async def test_every_section_is_made_from_an_empty_database(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules())
    records: Records = PostgresRecords(store)
    board = a_board(records)
    await records.ping()
    for section in Section:
        await board.section(section)
    assert await records.load_trade(SignalId("nobody")) is None
    assert await records.list_trades(TradeFilter(1)) == []
    await store.close()


async def test_the_whole_way_from_the_database_to_the_page(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd("10000"), "bankroll", NOW)
    await store.save_market(market(), NOW)
    await store.record_signal(signal(), NOW)
    refusal = Refusal(Reason.PRICE_MOVED, {"moved": "0.031", "why": HOSTILE})
    await store.finish_signal(SignalId("s1"), SignalState.FILTERED, refusal, NOW)
    async with a_desk(PostgresRecords(store)) as desk:
        (trade,) = await desk.rows(f"/api/trades?whale={WHALE}", "trades")
        assert trade["reason"] == "PRICE_MOVED"
        assert trade["numbers"] == {"moved": "0.031", "why": HOSTILE}
        status = (await desk.ask("/api/status")).json
        assert status["wallet"] == WALLET
        money = status["money"]
        assert isinstance(money, dict)
        assert money["equity"] == "10000"
        assert (await desk.ask("/readyz")).status == 200
    await store.close()


async def test_the_dashboard_cannot_write(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    records = PostgresRecords(store)
    with pytest.raises(StorageError, match="read-only"):
        async with records.transaction() as connection:
            await connection.execute(text("DELETE FROM events"))
    await store.record_deposit(usd("1"), "after", NOW)
    await store.close()


async def test_the_store_says_whose_books_and_which_rules() -> None:
    store = PostgresStore("postgresql://nobody@127.0.0.1:1/none", RiskRules(), WALLET)
    records = PostgresRecords(store)
    assert (records.wallet, records.rules) == (WALLET, RiskRules())
    with pytest.raises(StorageUnavailableError):
        await records.ping()
    await store.close()
