import asyncio
import itertools
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from storage.bell import PostgresBell
from storage.port import StorageError
from storage.postgres import PostgresStore
from storage.tables import whales
from tests.storage.builders import NOW, entry, later, reserved, signal, whale
from trading.rules import OrderRules
from trading.types import Reason, Refusal, Side, SignalId, SignalState

RULES = OrderRules()
NO = Refusal(Reason.SPREAD_TOO_WIDE, {"spread": "0.05", "ask": "0.55", "bid": "0.50"})


def names(found: object) -> list[str]:
    assert isinstance(found, list)
    return [each.signal.signal_id for each in found]


async def test_a_signal_is_committed_once(store: PostgresStore) -> None:
    assert await store.record_signal(signal(), NOW)
    assert not await store.record_signal(signal(side=Side.SELL), later(1))
    stored = await store.load_signal(SignalId("s1"))
    assert stored is not None
    assert stored.signal == signal()
    assert (stored.state, stored.committed_at) == (SignalState.WAITING, NOW)
    assert stored.refusal is None
    assert await store.load_signal(SignalId("none")) is None


async def test_a_signal_shows_its_whale_at_work(store: PostgresStore) -> None:
    await store.save_whale(whale(), NOW)
    await store.record_signal(signal(traded_at=later(60)), later(61))
    async with store.transaction() as connection:
        seen = (await connection.execute(select(whales.c.last_active))).scalar_one()
    assert seen == later(60)


async def test_signals_are_claimed_once_oldest_first(store: PostgresStore) -> None:
    for n in (3, 1, 2):
        await store.record_signal(signal(f"s{n}"), later(n))
    assert names(await store.claim_signals("a", 2, later(4))) == ["s1", "s2"]
    assert names(await store.claim_signals("b", 9, later(4))) == ["s3"]
    assert await store.claim_signals("c", 9, later(4)) == []


async def test_claimants_at_once_never_share_a_signal(store: PostgresStore) -> None:
    for n in range(30):
        await store.record_signal(signal(f"s{n}"), later(n))
    claims = await asyncio.gather(*(store.claim_signals(f"w{n}", 5, later(60)) for n in range(8)))
    claimed = list(itertools.chain.from_iterable(names(claim) for claim in claims))
    assert len(claimed) == len(set(claimed))
    rest = names(await store.claim_signals("last", 30, later(60)))
    assert len(claimed) + len(rest) == 30


async def test_an_expired_claim_is_free_again(store: PostgresStore) -> None:
    await store.record_signal(signal(), NOW)
    await store.claim_signals("a", 1, NOW)
    almost = NOW + timedelta(seconds=1, milliseconds=999)
    assert await store.claim_signals("b", 1, almost) == []
    assert names(await store.claim_signals("b", 1, later(2))) == ["s1"]


async def test_a_running_signal_is_not_claimed_again(store: PostgresStore) -> None:
    await store.record_signal(signal(), NOW)
    await store.claim_signals("a", 1, NOW)
    await store.release_claim(SignalId("s1"), "a")
    assert await store.claim_signals("b", 1, later(3600)) == []
    stored = await store.load_signal(SignalId("s1"))
    assert stored is not None
    assert stored.state is SignalState.RUNNING


async def test_the_first_terminal_state_stands(store: PostgresStore) -> None:
    await store.record_signal(signal(), NOW)
    ends = [SignalState.FILTERED, *([SignalState.CANCELLED] * 4)]
    first = await store.finish_signal(SignalId("s1"), ends[0], NO, later(1))
    others = await asyncio.gather(
        *(store.finish_signal(SignalId("s1"), state, None, later(2)) for state in ends[1:])
    )
    assert {first, *others} == {SignalState.FILTERED}
    stored = await store.load_signal(SignalId("s1"))
    assert stored is not None
    assert stored.refusal == NO
    assert list(stored.refusal.numbers) == ["spread", "ask", "bid"]
    await store.release_claim(SignalId("s1"), "late")
    assert await store.claim_signals("b", 1, later(60)) == []


async def test_of_many_ends_at_once_one_is_written(store: PostgresStore) -> None:
    await store.record_signal(signal(), NOW)
    ends = [state for state in SignalState if state.is_terminal]
    written = await asyncio.gather(
        *(store.finish_signal(SignalId("s1"), state, None, NOW) for state in ends)
    )
    assert len(set(written)) == 1


async def test_a_refusal_ends_no_signal_that_has_an_order(funded: PostgresStore) -> None:
    await funded.record_signal(signal("s1"), NOW)
    await funded.release_claim(SignalId("s1"), "w1")
    await reserved(funded, entry())
    refused = await funded.finish_signal(SignalId("s1"), SignalState.EXPIRED, NO, later(1))
    assert refused is SignalState.RUNNING
    ended = await funded.finish_signal(SignalId("s1"), SignalState.FILLED, None, later(2))
    assert ended is SignalState.FILLED


async def test_an_unknown_signal_cannot_end(store: PostgresStore) -> None:
    with pytest.raises(StorageError, match="expected signal none"):
        await store.finish_signal(SignalId("none"), SignalState.FAULT, None, NOW)


async def test_a_signal_does_not_end_waiting(store: PostgresStore) -> None:
    with pytest.raises(AssertionError, match="terminal"):
        await store.finish_signal(SignalId("s1"), SignalState.WAITING, None, NOW)


async def test_the_first_verdict_of_a_step_stands_with_its_order(store: PostgresStore) -> None:
    verdict = {"z": "1", "a": "2", "m": "3"}
    await store.save_decision(SignalId("s1"), "assess_signal", verdict, NOW)
    await store.save_decision(SignalId("s1"), "assess_signal", {"z": "9"}, later(1))
    stored = await store.load_decision(SignalId("s1"), "assess_signal")
    assert stored == verdict
    assert list(stored) == list(verdict)
    assert await store.load_decision(SignalId("s1"), "check_risk") is None


async def test_entries_that_nobody_claimed_in_time_end_at_once(
    store: PostgresStore, database_url: str
) -> None:
    bell = PostgresBell(database_url)
    await bell.wait("signals", "", timedelta(0))
    await store.record_signal(signal("late"), NOW)
    await store.record_signal(signal("in time"), later(3))
    await store.record_signal(signal("traded long ago", traded_at=later(-7)), later(3))
    await store.record_signal(signal("sale", side=Side.SELL), NOW)
    assert await store.expire_signals(RULES, later(4)) == 1  # ten seconds after its trade
    assert await store.expire_signals(RULES, later(5)) == 0  # the deadline itself is in time
    assert await store.expire_signals(RULES, later(6)) == 1
    assert await store.expire_signals(RULES, later(6)) == 0
    late = await store.load_signal(SignalId("late"))
    assert late is not None
    assert late.state is SignalState.EXPIRED
    assert late.refusal is not None
    assert late.refusal.reason is Reason.SIGNAL_TOO_OLD
    assert datetime.fromisoformat(late.refusal.numbers["deadline"]) == later(5)
    assert datetime.fromisoformat(late.refusal.numbers["now"]) == later(6)
    assert await bell.wait("signals", "late", timedelta(seconds=5))
    await bell.close()
    assert names(await store.claim_signals("a", 9, later(6))) == ["sale", "in time"]


async def test_a_claimed_entry_is_never_ended_over_its_trade(store: PostgresStore) -> None:
    """A trade may be under way although its claim has run out."""
    await store.record_signal(signal(), NOW)
    await store.claim_signals("a", 1, NOW)
    assert await store.expire_signals(RULES, later(60)) == 0
    assert names(await store.claim_signals("b", 1, later(60))) == ["s1"]


async def test_claiming_and_ending_at_once_share_no_entry(store: PostgresStore) -> None:
    for n in range(40):
        await store.record_signal(signal(f"s{n}"), NOW)
    claiming = asyncio.create_task(claim_all(store, later(6)))
    counts = [store.expire_signals(RULES, later(6)) for _ in range(4)]
    ended = sum(await asyncio.gather(*counts)) + await claiming
    assert ended + await store.expire_signals(RULES, later(6)) == 40


async def claim_all(store: PostgresStore, now: datetime) -> int:
    return len(await store.claim_signals("a", 40, now))
