"""The kill switch and the breakers from the command line, on real records."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from halt import guard
from halt_command import LiftBreaker, PullSwitch, ReleaseSwitch, ShowBreakers
from inquire import InquireError
from storage.breakers import save_trip
from storage.guard_port import Kill, KillSource
from storage.postgres import PostgresStore
from tests.storage.builders import WALLET, usd
from trading.breakers import Breaker, Trip
from trading.profiles import DEFAULT
from trading.rules import RiskRules, Rules

PULL = PullSwitch("ann", "odd fills", closes_all=False)
LET_GO = ReleaseSwitch("ann", "all is well", everywhere=False)


@dataclass(frozen=True)
class Records:
    """Which records are asked, and where the home is."""

    database_url: str
    home: Path
    rules: Rules = DEFAULT


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", datetime.now(UTC))
    yield store
    await store.close()


@pytest.fixture
def records(database_url: str, tmp_path: Path, store: PostgresStore) -> Records:
    return Records(database_url, tmp_path)


async def trip(store: PostgresStore, breaker: Breaker, key: str = "") -> None:
    now = datetime.now(UTC)
    async with store.transaction() as connection:
        tripped = Trip(breaker, key, now, now + timedelta(hours=1), "3 of 21 orders failed")
        await save_trip(connection, WALLET, tripped)


async def test_halt_stops_entries_and_resume_lets_them_go(
    records: Records, store: PostgresStore
) -> None:
    told = await guard(records, PULL)
    assert "COMMAND (ann): odd fills" in told.as_text()
    assert (await store.load_portfolio(datetime.now(UTC))).entries_halted
    assert "entries may leave" in (await guard(records, LET_GO)).as_text()
    assert not (await store.load_portfolio(datetime.now(UTC))).entries_halted


async def test_resume_says_who_holds_the_switch_still(
    records: Records, store: PostgresStore
) -> None:
    now = datetime.now(UTC)
    await guard(records, PULL)
    await store.pull_switch(Kill(KillSource.DASHBOARD, "bob", "me too", now))
    with pytest.raises(InquireError, match=r"DASHBOARD.*bob.*me too"):
        await guard(records, LET_GO)
    (records.home / "HALT").write_text("by hand")
    with pytest.raises(InquireError, match=r"the file .*HALT"):
        await guard(records, ReleaseSwitch("ann", "w", everywhere=True))
    (records.home / "HALT").unlink()
    assert "may leave" in (await guard(records, LET_GO)).as_text()


async def test_close_all_is_kept_for_those_who_ask_the_owners(
    records: Records, store: PostgresStore
) -> None:
    await guard(records, PullSwitch("ann", "get out", closes_all=True))
    assert [kill.closes_all for kill in await store.list_kills()] == [True]


async def test_without_records_halt_writes_the_file_that_needs_nobody(tmp_path: Path) -> None:
    nowhere = Records("postgresql://127.0.0.1:1/none", tmp_path / "home")
    told = await guard(nowhere, PullSwitch("ann", "get out", closes_all=True))
    assert (tmp_path / "home" / "HALT").read_text() == "ann: get out (close-all)\n"
    assert "until it is taken away" in told.as_text()
    (tmp_path / "other" / "HALT").mkdir(parents=True)
    with pytest.raises(InquireError, match="cannot be written"):
        await guard(Records("", tmp_path / "other"), PULL)


async def test_breakers_are_shown_for_people_and_for_programs(
    records: Records, store: PostgresStore
) -> None:
    calm = (await guard(records, ShowBreakers())).as_text()
    assert calm.startswith("entries may leave")
    await trip(store, Breaker.MARKET_COOLDOWN, "0xc3")
    assert (await guard(records, ShowBreakers())).as_text().startswith("entries may leave")
    await trip(store, Breaker.FAILURE_RATE)
    lift = LiftBreaker("FAILURE_RATE", "", "ann", "it was the venue", None)
    assert "FAILURE_RATE is lifted until" in (await guard(records, lift)).as_text()
    await guard(records, PULL)
    told = await guard(records, ShowBreakers())
    text, found = told.as_text(), told.as_json()
    assert "entries are halted: kill switch held by COMMAND" in text
    assert "0xc3" in text
    assert "lifted until" in text
    assert isinstance(found, dict)
    names = {str(row["breaker"]) for row in found["breakers"]}
    shown_when_tripped = {
        Breaker.WHALE_COOLDOWN,
        Breaker.GEOBLOCK,
        Breaker.CLOSED_ONLY,
        Breaker.CLOCK,
    }
    assert names == {each.value for each in set(Breaker) - shown_when_tripped}
    assert found["entries_halted"] is True


@pytest.mark.parametrize(
    ("until", "words"),
    [(None, "nothing to lift"), (datetime(2001, 1, 1, tzinfo=UTC), "a time to come")],
)
async def test_what_cannot_be_lifted_is_refused(
    records: Records, until: datetime | None, words: str
) -> None:
    with pytest.raises(InquireError, match=words):
        await guard(records, LiftBreaker("LOSSES_IN_ROW", "", "ann", "w", until))
