import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

import ingest.whales
from exchange.port import ClosedPosition, LeaderboardRow, UnavailableError, WireError
from ingest.whales import WhaleBook
from storage.bell import PostgresBell
from storage.postgres import PostgresStore
from storage.whale_port import CHANNEL, WhaleChange, Word
from tests.ingest.desk import ShakyStore, until, utc_now
from tests.storage.builders import NOW, whale
from trading.types import ConditionId, Usd, Wallet, WhaleFill

ANNA, BERT, CARL = (Wallet("0x" + digit * 40) for digit in "abc")


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat at once."""
    monkeypatch.setattr(ingest.whales, "RETRY_S", 0)


def closed(wallet: Wallet, pnl: int, day: int) -> ClosedPosition:
    at = NOW - timedelta(days=40 - day)
    return ClosedPosition(
        wallet, ConditionId("0xc"), at, at, Usd(Decimal(100)), Usd(Decimal(pnl)), "politics"
    )


def leader(wallet: Wallet, rank: int) -> LeaderboardRow:
    return LeaderboardRow(
        wallet, f"number {rank}", rank, Usd(Decimal(9)), Usd(Decimal(900)), is_invented=True
    )


@dataclass
class History:
    """A venue's record of wallets, which fails as often as it is told to."""

    leaders: Sequence[LeaderboardRow] = ()
    positions: dict[Wallet, Sequence[ClosedPosition]] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    unreadable: frozenset[Wallet] = frozenset()
    asked: list[Wallet] = field(default_factory=list)

    async def fetch_leaderboard(self, limit: int) -> Sequence[LeaderboardRow]:
        if self.failures:
            raise self.failures.pop(0)
        return self.leaders[:limit]

    async def fetch_closed_positions(self, wallet: Wallet) -> Sequence[ClosedPosition]:
        self.asked.append(wallet)
        if wallet in self.unreadable:
            raise WireError("no such field")
        return self.positions.get(wallet, ())

    async def fetch_fills(self, wallet: Wallet, since: datetime) -> Sequence[WhaleFill]:
        return ()


def book(store: PostgresStore, history: History, *configured: Wallet) -> WhaleBook:
    return WhaleBook(history, store, configured, utc_now)


async def test_without_configured_wallets_the_leaders_are_followed(store: PostgresStore) -> None:
    wins = [closed(ANNA, 30 if n % 3 else -20, n) for n in range(30)]
    history = History([leader(ANNA, 1), leader(BERT, 2)], {ANNA: wins})
    whales = book(store, history)
    await whales.load()
    assert whales.followed.current() == {ANNA, BERT}
    anna, bert = await store.load_whale(ANNA), await store.load_whale(BERT)
    assert anna is not None
    assert bert is not None
    assert (anna.pseudonym, anna.rank, anna.is_invented) == ("number 1", 1, True)
    assert anna.standing.closed_trades == 30
    assert anna.profit_factor == 3
    assert anna.max_drawdown is not None
    assert anna.max_drawdown > 0
    assert (bert.roi, bert.profit_factor, bert.max_drawdown) == (None, None, None)


async def test_configured_wallets_are_followed_instead_of_the_leaders(store: PostgresStore) -> None:
    whales = book(store, History([leader(ANNA, 1)]), CARL)
    await whales.load()
    assert whales.followed.current() == {CARL}
    carl = await store.load_whale(CARL)
    assert carl is not None
    assert (carl.pseudonym, carl.rank) == (CARL, None)


async def test_a_wallet_configured_later_joins_those_known(store: PostgresStore) -> None:
    await book(store, History(), CARL).load()
    whales = book(store, History(), CARL, BERT)
    await whales.load()
    assert whales.followed.current() == {BERT, CARL}


async def test_what_a_person_decided_outlives_a_restart(store: PostgresStore) -> None:
    history = History([leader(ANNA, 1), leader(BERT, 2)])
    await book(store, history).load()
    anna = await store.load_whale(ANNA)
    assert anna is not None
    unfollowed = replace(anna, standing=replace(anna.standing, is_followed=False))
    await store.save_whale(unfollowed, NOW)
    whales = book(store, history)
    await whales.load()
    assert whales.followed.current() == {BERT}
    assert history.asked == [ANNA, BERT]


async def test_an_import_that_was_cut_short_goes_on(store: PostgresStore) -> None:
    await book(store, History([leader(ANNA, 1)]), ANNA).load()
    shaky = ShakyStore(store)
    history = History([leader(BERT, 1), leader(CARL, 2)])
    first = book(cast("PostgresStore", shaky), history)
    shaky.refused = {"save_whale"}
    async with store.transaction() as connection:
        await connection.exec_driver_sql("TRUNCATE cursors")
    with pytest.raises(Exception, match="save_whale"):
        await first.load()
    whales = book(store, history)
    await whales.load()
    assert whales.followed.current() == {ANNA, BERT, CARL}


async def test_whales_are_waited_for_while_venue_and_database_are_away(
    store: PostgresStore,
) -> None:
    shaky = ShakyStore(store)
    shaky.away = {"load_cursor": 1, "save_whale": 1, "list_followed": 1}
    history = History([leader(ANNA, 1)], failures=[UnavailableError("gone")])
    whales = book(cast("PostgresStore", shaky), history)
    await whales.load()
    assert whales.followed.current() == {ANNA}


async def test_an_unreadable_history_or_leaderboard_hides_no_other_whale(
    store: PostgresStore,
) -> None:
    history = History(
        failures=[WireError("no rank")],
        unreadable=frozenset({ANNA}),
    )
    whales = book(store, history, ANNA, BERT)
    await whales.load()
    assert whales.followed.current() == {BERT}


@asynccontextmanager
async def running(whales: WhaleBook, database_url: str) -> AsyncIterator[None]:
    bell = PostgresBell(database_url)
    await bell.wait(CHANNEL, "", timedelta(milliseconds=1))  # it listens from now on
    task = asyncio.create_task(whales.run(bell))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bell.close()


async def test_a_whale_added_to_the_records_is_followed_while_running(
    store: PostgresStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.whales, "REFRESH", timedelta(milliseconds=10))
    shaky = ShakyStore(store)
    whales = book(cast("PostgresStore", shaky), History(), ANNA)
    await whales.load()
    shaky.away = {"list_followed": 2}

    async def joined() -> bool:
        return len(whales.followed.current()) == 2

    async with running(whales, database_url):
        await store.save_whale(whale(), NOW)
        await until(joined)


async def test_what_a_person_changes_is_heard_at_once(
    store: PostgresStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backstop comes too late for this test."""
    monkeypatch.setattr(ingest.whales, "REFRESH", timedelta(minutes=5))
    whales = book(store, History(), ANNA)
    await whales.load()
    word = Word("anna", "wants out", NOW)

    async def is_gone() -> bool:
        return not whales.followed.current()

    async with running(whales, database_url):
        assert await store.change_whale(ANNA, WhaleChange.REMOVED, word)
        await until(is_gone)
