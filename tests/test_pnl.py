import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from pnl import tell_pnl
from storage.port import Mark
from storage.postgres import PostgresStore
from storage.view_pnl import PnlBy
from tests.storage.builders import NOW, WALLET, WHALE, YES, bought, later, price, sold, usd, whale
from trading.profiles import DEFAULT
from trading.rules import RiskRules, Rules


@dataclass(frozen=True)
class Stack:
    """Where to ask."""

    home: Path
    database_url: str = ""
    rules: Rules = DEFAULT


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> Stack:
    """A stack that won 10, is down 5 and paid a fee of 1."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await store.save_whale(whale(), NOW)
    await sold(store, await bought(store), at="0.60")
    await bought(store, "s2#1", fee="1")
    await store.save_marks([Mark(YES, price("0.45"), later(1))])
    await store.close()
    return Stack(tmp_path, database_url)


async def found(stack: Stack, by: PnlBy) -> dict[str, object]:
    told: dict[str, object] = json.loads(json.dumps((await tell_pnl(stack, by)).as_json()))
    return told


async def test_pnl_by_whale_adds_up(stack: Stack) -> None:
    told = await found(stack, PnlBy.WHALE)
    assert told["lines"] == [{"whale": WHALE, "name": "Deep-Blue", **dict(told["total"])}]  # type: ignore[call-overload]
    assert told["total"] == {
        "positions": 2,
        "held": 1,
        "cost": "50",
        "bid_value": "45",
        "fees": "1",
        "realised_pnl": "9",
        "unrealised_pnl": "-5",
        "pnl": "4",
    }
    assert [told["cash"], told["equity"], told["gain"]] == ["9959", "10004", "0.000400"]
    assert (told["by"], told["gap"]) == ("whale", "0")


@pytest.mark.parametrize("by", list(PnlBy))
async def test_every_split_is_written_for_people_too(stack: Stack, by: PnlBy) -> None:
    text_ = (await tell_pnl(stack, by)).as_text()
    assert "P&L $4.00: $9.00 realised, -$5.00 unrealised, +0.04%" in text_
    assert "it adds up" in text_
    assert len(text_.splitlines()) >= 5


async def test_positions_and_days_have_their_figures(stack: Stack) -> None:
    positions = await found(stack, PnlBy.POSITION)
    lines = positions["lines"]
    assert isinstance(lines, list)
    assert {line["state"]: line["pnl"] for line in lines} == {"OPEN": "-6", "CLOSED": "10"}
    days = await found(stack, PnlBy.DAY)
    assert days["lines"] == [
        {"day": "2026-11-22", "positions": 2, "realised_pnl": "9", "equity": None}
    ]
    markets = await found(stack, PnlBy.MARKET)
    assert isinstance(markets["lines"], list)
    assert markets["lines"][0]["question"].startswith("0x")


async def test_books_that_do_not_add_up_are_called_out(stack: Stack) -> None:
    store = PostgresStore(stack.database_url, RiskRules(), WALLET)
    async with store.transaction() as connection:
        await connection.execute(text("UPDATE balances SET cash = cash + 2"))
    await store.close()
    assert "DIFFERS BY -$2.00" in (await tell_pnl(stack, PnlBy.WHALE)).as_text()


async def test_nothing_traded_is_said_so(database_url: str, tmp_path: Path) -> None:
    told = await tell_pnl(Stack(tmp_path, database_url), PnlBy.WHALE)
    assert told.as_text().startswith("nothing was traded")
    assert "deposited: it adds up" in told.as_text()
