"""Our books are held against the venue's on demand, and nothing is changed by it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

import reconcile_report
from exchange.polymarket.endpoints import VenueAccess
from inquire import InquireError
from reconcile_report import answer_reckoning, reconcile
from settings import Settings
from storage.difference_tables import differences
from storage.postgres import PostgresStore
from tests.exchange.fake_venue import Asked, FakeHttp, serving
from tests.exchange.samples import CONDITION, OTHER_HASH, order_row, trade_row
from tests.storage.builders import NOW, WALLET, YES, bought, market, order_hash, usd
from trading.rules import RiskRules
from venue_file import save_venue

HTTP = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a second time without a pause."""
    monkeypatch.setattr(reconcile_report, "READ_AGAIN_S", 0.0)


def balances(cash: str, shares: str) -> FakeHttp:
    """A venue that holds some cash and some shares of a token."""

    def balance(asked: Asked) -> object:
        is_cash = asked.query["asset_type"] == "COLLATERAL"
        return {"balance": cash if is_cash else shares}

    held = {"token_id": YES, "current_size": 100, "status": "OPEN"}
    return FakeHttp(
        {
            "/balance-allowance": balance,
            "/v2/positions": {"data": [held], "pagination": {}},
            "/data/orders": {"data": []},
            "/data/trades": {"data": []},
            f"/clob-markets/{CONDITION}": {"fd": {"r": 0, "e": 1}},
        }
    )


@asynccontextmanager
async def a_stack(url: str, home: Path, fake: FakeHttp) -> AsyncIterator[Settings]:
    """A home with an account and a venue, and records of one position."""
    store = PostgresStore(url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    await store.acquire_lease(WALLET, "us", NOW)
    await store.save_market(market(), NOW)
    await bought(store)
    await store.close()
    user = {
        "address": WALLET,
        "funder": WALLET,
        "signature_type": 0,
        "key": "k",
        "secret": "c2VjcmV0",
        "passphrase": "p",
    }
    (home / "api-user.json").write_text(json.dumps(user))
    async with serving(fake) as access:
        _tell(home, access)
        yield Settings(home=home, database_url=url)


def _tell(home: Path, access: VenueAccess) -> None:
    save_venue(home, access.endpoints)


async def test_books_that_agree_are_said_to(database_url: str, tmp_path: Path) -> None:
    fake = balances("9950000000", "100000000")
    async with a_stack(database_url, tmp_path, fake) as settings:
        found = await reconcile(settings)
    assert found.is_equal
    answer = answer_reckoning(found)
    assert "both sides agree" in answer.as_text()
    assert "Yes 'Will it?'" in answer.as_text()
    assert "DIFFERS" not in answer.as_text()


async def test_what_differs_is_read_twice_and_told_with_its_size(
    database_url: str, tmp_path: Path
) -> None:
    fake = balances("9950000000", "90000000")
    async with a_stack(database_url, tmp_path, fake) as settings:
        found = await reconcile(settings)
    assert not found.is_equal
    asked = [request for request in fake.asked if "token_id" in request.query]
    assert len(asked) == 2
    written = answer_reckoning(found).as_json()
    assert isinstance(written, dict)
    figures = {figure["kind"]: figure for figure in written["figures"]}
    assert figures["TOKEN"]["unexplained"] == "-10"
    assert figures["TOKEN"]["size_usd"] == "5"
    assert figures["TOKEN"]["differs"] is True
    assert figures["CASH"]["differs"] is False
    store = PostgresStore(database_url, RiskRules(), WALLET)
    async with store.transaction() as connection:
        assert await connection.scalar(select(func.count()).select_from(differences)) == 0
    await store.close()


async def test_foreign_orders_and_trades_on_no_record_differ(
    database_url: str, tmp_path: Path
) -> None:
    fake = balances("9950000000", "100000000")
    fake.answers["/data/orders"] = {"data": [order_row(id=OTHER_HASH)]}
    ours = trade_row(
        id="unseen",
        taker_order_id=order_hash("s1#1"),
        maker_address=WALLET,
        match_time="1795348800",
        status="CONFIRMED",
    )
    fake.answers["/data/trades"] = {"data": [ours]}
    async with a_stack(database_url, tmp_path, fake) as settings:
        found = await reconcile(settings)
    assert not found.is_equal
    assert found.look.foreign == [OTHER_HASH]
    assert "foreign" in answer_reckoning(found).as_text()


async def test_what_is_missing_is_said_in_a_persons_words(
    database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(InquireError, match="no stack runs"):
        await reconcile(Settings(home=tmp_path))
    with pytest.raises(InquireError, match="API user"):
        await reconcile(Settings(home=tmp_path, database_url=database_url))
    away = balances("1", "1")
    async with a_stack(database_url, tmp_path, away) as settings:
        del away.answers["/balance-allowance"]
        with pytest.raises(InquireError, match="the venue does not answer"):
            await reconcile(settings)
