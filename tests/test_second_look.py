"""`why` makes a decision again, and says what today's rules and whale would change."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from embedded.addresses import Addresses, save_addresses
from inquire import inquire
from storage.decision_inputs import InputWriter, Judgement
from storage.postgres import PostgresStore
from storage.whale_port import WhaleChange, Word
from tests.storage.builders import NOW, WHALE, market, signal, usd, whale
from tests.test_inquire import HEX, Stack
from tests.trading.scene import facts
from trading.decide import Facts
from trading.profiles import DEFAULT
from trading.rules import RiskRules
from trading.types import SignalId
from trading.verdict import decide_again


def scene() -> Facts:
    """What was known when a whale that is on record was copied."""
    return replace(facts(), signal=replace(facts().signal, wallet=WHALE), whale=whale().standing)


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> Stack:
    """A stack with one copied signal."""
    store = PostgresStore(database_url, RiskRules())
    await store.save_whale(whale(), NOW)
    await store.save_market(market(), NOW)
    await store.record_signal(signal(HEX), NOW)
    verdict = decide_again(scene(), DEFAULT)
    judged = Judgement("assess_signal", verdict, InputWriter(DEFAULT).write(scene()))
    await store.save_judgement(SignalId(HEX), judged, NOW)
    await store.close()
    save_addresses(tmp_path, Addresses(database_url, "", "", None))
    return Stack(tmp_path)


async def why(stack: Stack) -> tuple[str, Mapping[str, object]]:
    answer = await inquire(stack, "why", HEX[:6])
    found = answer.as_json()
    assert isinstance(found, Mapping)
    again = found["again"]
    assert isinstance(again, Mapping)
    return answer.as_text(), again


async def test_a_decision_made_again_is_the_same(stack: Stack) -> None:
    text, again = await why(stack)
    assert "made again  the same to the last figure" in text
    assert "today       COPIED, the same to the last figure" in text
    assert again["is_same"] is True


async def test_what_todays_rules_would_change_is_said(stack: Stack) -> None:
    risk = replace(DEFAULT.risk, position_max=usd(100))
    text, again = await why(replace(stack, rules=replace(DEFAULT, risk=risk)))
    assert "made again  the same to the last figure" in text
    assert "today       COPIED, with other figures:" in text
    today = again["today"]
    assert isinstance(today, Mapping)
    changed = {row["name"]: row for row in today["changed"]}
    assert Decimal(changed["notional"]["now"]) < 100 < Decimal(changed["notional"]["was"])


async def test_a_whale_paused_since_would_not_be_copied(stack: Stack, database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules())
    await store.change_whale(WHALE, WhaleChange.PAUSED, Word("ann", "because", NOW))
    await store.close()
    text, _ = await why(stack)
    assert "today       WHALE_PAUSED, with other figures:" in text


async def test_figures_that_were_tampered_with_are_found_out(
    stack: Stack, database_url: str
) -> None:
    """The control: a verdict that its inputs do not give."""
    store = PostgresStore(database_url, RiskRules())
    async with store.transaction() as connection:
        await connection.exec_driver_sql(
            'UPDATE decisions SET verdict = (verdict::jsonb || \'{"size": "1"}\')::json'
        )
    await store.close()
    text, again = await why(stack)
    assert "made again  COPIED, otherwise:" in text
    assert again["is_same"] is False


async def test_a_decision_from_before_inputs_were_kept_is_not_guessed_at(
    stack: Stack, database_url: str
) -> None:
    store = PostgresStore(database_url, RiskRules())
    async with store.transaction() as connection:
        await connection.exec_driver_sql("UPDATE decisions SET inputs = NULL")
    await store.close()
    answer = await inquire(stack, "why", HEX[:6])
    assert "made again  not possible" in answer.as_text()
