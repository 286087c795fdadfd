import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from embedded.addresses import Addresses, save_addresses
from inquire import InquireError, inquire
from storage.guard_port import Kill, KillSource
from storage.port import Mark
from storage.postgres import PostgresStore
from tests.storage.builders import (
    NOW,
    WALLET,
    bought,
    later,
    market,
    price,
    signal,
    usd,
    whale,
)
from trading.admission import ADMISSION, admission_trip
from trading.breakers import Breaker
from trading.profiles import DEFAULT
from trading.rules import RiskRules, Rules
from trading.types import Reason, Refusal, SignalId, SignalState

HEX = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Stack:
    """Where to ask."""

    home: Path
    database_url: str = ""
    rules: Rules = DEFAULT


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> Stack:
    """A stack with one copied and one refused signal, found by its home."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await store.save_whale(whale(), NOW)
    await store.save_market(replace(market(), question="Will\x1b[2J it?"), NOW)
    position = await bought(store)
    await store.save_marks([Mark(position.token_id, price("0.6"), later(1))])
    await store.record_signal(signal("s1"), NOW)
    await store.record_signal(signal(HEX), later(1))
    refusal = Refusal(Reason.SPREAD_TOO_WIDE, {"spread": "0.05"})
    await store.save_decision(SignalId(HEX), "assess_signal", refusal.numbers, later(1))
    await store.finish_signal(SignalId(HEX), SignalState.FILTERED, refusal, later(2))
    await store.close()
    save_addresses(tmp_path, Addresses(database_url, "", "", None))
    return Stack(tmp_path)


async def test_positions_are_shown_with_what_they_are_worth(stack: Stack) -> None:
    answer = await inquire(stack, "positions")
    [row] = json.loads(json.dumps(answer.as_json()))
    assert (row["size"], row["avg_entry_price"]) == ("100", "0.5")
    assert Decimal(row["unrealised_pnl"]) == 10
    assert (row["settled_cost"], row["bid_value"], row["payout"]) == ("50", "60", None)
    header, line = answer.as_text().splitlines()
    assert header.startswith("STATE")
    assert header.split()[4] == "AGE"
    seconds, unit = line.split()[4:6]
    assert (int(seconds) > 60, unit) == (True, "s"), "it was marked long before"
    assert "Deep-Blue (invented)" in line
    assert "$10.00" in line


async def test_what_a_stranger_wrote_cannot_move_the_cursor(stack: Stack) -> None:
    assert "\x1b" not in (await inquire(stack, "positions")).as_text()


async def test_trades_are_shown_newest_first_with_reasons(stack: Stack) -> None:
    answer = await inquire(stack, "trades")
    rows = json.loads(json.dumps(answer.as_json()))
    assert [row["state"] for row in rows] == ["FILTERED", "WAITING"]
    assert (rows[0]["reason"], rows[0]["numbers"]) == ("SPREAD_TOO_WIDE", {"spread": "0.05"})
    assert (rows[1]["filled_size"], rows[1]["fees"]) == ("100", "0")
    _, refused, copied = answer.as_text().splitlines()
    assert HEX[:12] in refused
    assert "SPREAD_TOO_WIDE" in refused
    assert "100 @ 0.5" in copied


async def test_whales_are_shown_with_their_scores(stack: Stack) -> None:
    answer = await inquire(stack, "whales")
    [row] = json.loads(json.dumps(answer.as_json()))
    assert (row["pseudonym"], row["total_volume"]) == ("Deep-Blue", "123456.789")
    assert "58.0%" in answer.as_text()
    assert row["active_positions"] == 1
    assert (row["ours"]["unrealised_pnl"], row["ours"]["positions"]) == ("10", 1)


async def test_status_tells_money_limits_and_what_holds_entries(stack: Stack) -> None:
    answer = await inquire(stack, "status")
    found = json.loads(json.dumps(answer.as_json()))
    assert found["wallet"] == WALLET
    assert found["money"]["equity"] == "10010"
    assert found["exposure"] == {"used": "50", "cap": "35000"}
    assert "allowed" in answer.as_text()
    assert "$50.00 of $35,000.00" in answer.as_text()
    assert found["money"]["deposits"] == "10000"
    assert found["equity_curve"]["points"] == []
    assert "no sample yet" in answer.as_text()


async def test_status_never_allows_entries_that_the_switch_or_a_breaker_stops(
    stack: Stack, database_url: str
) -> None:
    now = datetime.now(UTC)
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.hold_trip(admission_trip(Breaker.GEOBLOCK, "blocked here", now, ADMISSION))
    text = (await inquire(stack, "status")).as_text()
    assert "blocked here" in text
    assert "allowed" not in text
    await store.end_trip(Breaker.GEOBLOCK, "not any more", now)
    assert "allowed" in (await inquire(stack, "status")).as_text()
    await store.pull_switch(Kill(KillSource.COMMAND, "ann", "a test", now))
    answer = await inquire(stack, "status")
    await store.close()
    assert "kill switch" in json.loads(json.dumps(answer.as_json()))["stops"]
    assert "allowed" not in answer.as_text()


async def test_why_explains_a_signal_by_the_beginning_of_its_id(stack: Stack) -> None:
    answer = await inquire(stack, "why", HEX[:6])
    found = json.loads(json.dumps(answer.as_json()))
    assert found["signal_id"] == HEX
    assert found["steps"][0]["numbers"] == {"spread": "0.05"}
    assert "assess_signal" in answer.as_text()
    assert "SPREAD_TOO_WIDE" in answer.as_text()
    copied = json.loads(json.dumps((await inquire(stack, "why", "s1")).as_json()))
    assert copied["orders"][0]["filled_size"] == "100"


@pytest.mark.parametrize("beginning", ["f00", "", "%"])
async def test_why_of_an_unknown_signal_says_so(stack: Stack, beginning: str) -> None:
    with pytest.raises(InquireError, match="found none like"):
        await inquire(stack, "why", beginning)


async def test_why_wants_more_of_an_id_that_two_signals_share(
    stack: Stack, database_url: str
) -> None:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_signal(signal(HEX[:-1] + "0"), NOW)
    await store.close()
    with pytest.raises(InquireError, match="more than one"):
        await inquire(stack, "why", HEX[:6])


@pytest.mark.parametrize("command", ["positions", "trades", "whales", "status"])
async def test_an_empty_stack_has_an_answer_too(
    database_url: str, tmp_path: Path, command: str
) -> None:
    answer = await inquire(Stack(tmp_path, database_url), command)
    assert answer.as_text()


async def test_without_a_stack_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InquireError, match="whalecopy up"):
        await inquire(Stack(tmp_path), "status")


async def test_a_stack_that_was_killed_does_not_answer(tmp_path: Path) -> None:
    gone = f"postgresql+asyncpg://u@/whalecopy?host={tmp_path}"
    save_addresses(tmp_path, Addresses(gone, "", "", None))
    with pytest.raises(InquireError, match="does not answer"):
        await inquire(Stack(tmp_path), "status")


async def test_a_database_without_tables_is_no_stack(
    empty_database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(InquireError, match="found no schema"):
        await inquire(Stack(tmp_path, empty_database_url), "status")


async def test_an_address_that_is_none_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(InquireError, match="DATABASE_URL"):
        await inquire(Stack(tmp_path, "mysql://nowhere"), "status")


async def test_an_unknown_question_is_refused(stack: Stack) -> None:
    with pytest.raises(InquireError, match="expected a question"):
        await inquire(stack, "weather")
