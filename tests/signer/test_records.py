"""What the signer reads of real records, and that it can only read."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from pydantic import SecretStr

from exchange.polymarket.signing import salt_of
from exchange.redeem_text import write_request
from signer.desk import DeskParts, SigningDesk
from signer.facts import OrderFacts, RecordsUnavailableError
from signer.frames import Document
from signer.policy import refuse_overselling
from signer.records import PostgresRecords
from signer.settings import SignerLimits
from signer.tally import Tally
from storage.builds import name_build
from storage.exit_port import ExitPlan
from storage.guard_port import Kill, KillSource
from storage.postgres import PostgresStore
from storage.redeem_port import Sending, SendingState
from tests.signer.orders import ACCOUNT, BUILD, FORM, HELD_KEY, ask, policy
from tests.signer.test_redemptions import request
from tests.storage.builders import (
    CAPS,
    MARKET,
    NOW,
    WHALE,
    YES,
    booked,
    entry,
    leave,
    market,
    price,
    shares,
    signal,
    trade,
    usd,
)
from trading.breakers import Breaker
from trading.orders import Intent
from trading.rules import RiskRules
from trading.types import ExitReason, OrderState, SignatureType, Usd


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[PostgresStore]:
    """Records of the signer's wallet, with money, a lease, a market and a signal."""
    store = PostgresStore(database_url, RiskRules(), ACCOUNT.funder)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(ACCOUNT.funder, "us", NOW) == 1
    await store.save_market(market(), NOW)
    await store.record_signal(replace(signal(), wallet=WHALE, token_id=YES), NOW)
    yield store
    await store.close()


@pytest.fixture
async def records(database_url: str) -> AsyncIterator[PostgresRecords]:
    found = PostgresRecords(SecretStr(database_url), Usd(Decimal(500)))
    yield found
    await found.close()


def bound(name: str = "s1#1") -> Intent:
    """Return an entry that the signer's own wallet would make."""
    intent = entry(name, wallet=ACCOUNT.funder)
    one = market()
    unsigned = replace(
        intent.order.unsigned,
        signer=ACCOUNT.order_signer,
        signature_type=SignatureType.POLY_1271,
        salt=salt_of(intent.intent_id),
        timestamp_ms=int(NOW.timestamp()) * 1000,
        protocol=one.protocol,
        neg_risk=one.neg_risk,
    )
    order = replace(intent.order, unsigned=unsigned, order_hash=FORM.hash_order(unsigned))
    return replace(intent, order=order)


async def committed(books: PostgresStore, name: str = "s1#1") -> Intent:
    intent = bound(name)
    await books.reserve_entry(intent, CAPS, NOW)
    return intent


async def facts_of(records: PostgresRecords, intent: Intent, at: datetime = NOW) -> OrderFacts:
    facts = await records.load_order(intent.order.order_hash, at)
    assert facts is not None
    return facts


async def test_a_committed_entry_is_read_whole_and_passes(
    books: PostgresStore, records: PostgresRecords
) -> None:
    intent = await committed(books)
    facts = await facts_of(records, intent)
    assert facts.unsigned == intent.order.unsigned
    assert facts.state is OrderState.PREPARED
    assert facts.standing.lease_epoch == 1
    assert facts.standing.halt == ""
    assert policy().refuse(facts, ask(facts), NOW) is None
    assert await records.load_order(bound("s2#1").order.order_hash, NOW) is None


async def test_the_signed_bytes_are_those_of_the_key(
    books: PostgresStore, records: PostgresRecords
) -> None:
    intent = await committed(books)
    parts = DeskParts(records, HELD_KEY, policy(), Tally(SignerLimits()))
    asked: Document = {"ask": "sign", "order": intent.order.order_hash, "epoch": 1, "build": BUILD}
    answer = await SigningDesk(parts, lambda: NOW).answer(asked)
    signature = await HELD_KEY.signer.sign_order(intent.order.unsigned)
    assert answer == {"ok": {"signature": signature}}


async def test_whatever_halts_entries_is_seen(
    books: PostgresStore, records: PostgresRecords, database_url: str
) -> None:
    intent = await committed(books)

    async def halt() -> str:
        return (await facts_of(records, intent)).standing.halt

    kill = Kill(KillSource.DASHBOARD, "ann", "a test", NOW)
    await books.pull_switch(kill)
    assert (await halt()).startswith("kill switch")
    await books.release_switch(kill)
    assert await halt() == ""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        later = NOW + timedelta(hours=1)
        await connection.execute(
            "INSERT INTO breaker_trips VALUES ($1, $2, '', 'a trip', $3, $4)",
            ACCOUNT.funder,
            Breaker.FAILURE_RATE,
            NOW,
            later,
        )
        assert await halt() == "breaker: a trip"
        await connection.execute(
            "INSERT INTO breaker_overrides VALUES ($1, $2, '', 'ann', 'why', $3, $4)",
            ACCOUNT.funder,
            Breaker.FAILURE_RATE,
            NOW,
            later,
        )
        assert await halt() == ""
        await connection.execute(
            "INSERT INTO daily_pnl SELECT position_id, $2, $1, -501 FROM positions",
            ACCOUNT.funder,
            NOW.date(),
        )
        assert "daily loss" in await halt()
        await connection.execute("DELETE FROM daily_pnl")
        await connection.execute(
            "INSERT INTO breakers (wallet, paused_at, paused_until, changed_at)"
            " VALUES ($1, $2, $3, $2)",
            ACCOUNT.funder,
            NOW,
            later,
        )
        assert "losses in a row" in await halt()
        await connection.execute("DELETE FROM breakers")
    finally:
        await connection.close()
    await books.halt_wallet("by hand", NOW)
    assert "by hand" in await halt()


async def test_another_lease_and_another_build_are_seen(
    books: PostgresStore, records: PostgresRecords
) -> None:
    intent = await committed(books)
    await name_build(books, ACCOUNT.funder, 1, "2.0")
    later = NOW + timedelta(seconds=30)
    assert await books.acquire_lease(ACCOUNT.funder, "them", later) == 2
    standing = (await facts_of(records, intent)).standing
    assert (standing.lease_epoch, standing.lease_build) == (2, "2.0")


async def test_what_was_sent_lately_is_read_the_oldest_first(
    books: PostgresStore, records: PostgresRecords
) -> None:
    intent = await committed(books)
    assert await records.list_sent(ACCOUNT.funder, NOW - timedelta(days=1)) == []
    assert await books.begin_sending(intent.order.order_hash, 1, NOW)
    (past,) = await records.list_sent(ACCOUNT.funder, NOW - timedelta(days=1))
    assert (past.intent_id, past.is_entry, past.signal_id) == ("s1#1", True, "s1")
    facts = await facts_of(records, intent)
    assert (facts.copies, facts.state) == (1, OrderState.SENDING)
    assert refuse_overselling(facts) is None


async def test_how_low_a_person_lets_an_exit_go_is_read(
    books: PostgresStore, records: PostgresRecords
) -> None:
    bought = await committed(books)
    assert await books.begin_sending(bought.order.order_hash, 1, NOW)
    position = await booked(books, bought, trade(bought))
    epoch = await books.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    sale = await books.commit_exit(leave(position.position_id, epoch=epoch, at="0.004"), NOW)
    assert isinstance(sale, Intent)
    assert (await facts_of(records, sale)).lowest is None
    plan = ExitPlan(
        position.position_id, epoch, ExitReason.OPERATOR, Decimal(1), shares("100"), NOW, ()
    )
    await books.fix_exit(plan)
    assert (await facts_of(records, sale)).lowest is None
    await books.lower_exit(position.position_id, price("0.004"))
    assert (await facts_of(records, sale)).lowest == price("0.004")


async def test_the_open_redemption_is_read(books: PostgresStore, records: PostgresRecords) -> None:
    assert await records.load_redemption(ACCOUNT.funder) is None
    text = write_request(request())
    await books.commit_sending(Sending("r1", ACCOUNT.funder, MARKET, text, SendingState.OPEN, NOW))
    facts = await records.load_redemption(ACCOUNT.funder)
    assert facts is not None
    assert (facts.request, facts.lease_epoch, facts.condition_id) == (text, 1, MARKET)


async def test_it_can_write_nothing(records: PostgresRecords) -> None:
    with pytest.raises(RecordsUnavailableError, match="ReadOnlySQLTransactionError"):
        await records._fetch("DELETE FROM halts")
    assert await records.load_redemption(ACCOUNT.funder) is None


async def test_records_that_are_not_there_put_it_off() -> None:
    away = PostgresRecords(SecretStr("postgresql://x@127.0.0.1:1/x"), Usd(Decimal(1)))
    with pytest.raises(RecordsUnavailableError):
        await away.load_redemption(ACCOUNT.funder)
    await away.close()
