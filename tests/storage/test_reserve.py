import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Table, func, select

from storage.book_tables import intents, limits, positions, reservations
from storage.breakers import Halt, HaltScope
from storage.port import LimitCaps, Reserved
from storage.postgres import PostgresStore
from tests.storage.builders import (
    CAPS,
    MARKET,
    NO,
    NOW,
    WALLET,
    WHALE,
    YES,
    entry,
    later,
    order_hash,
    signal,
    usd,
)
from trading.orders import Intent
from trading.types import (
    ConditionId,
    OrderState,
    PositionId,
    PositionState,
    Reason,
    Refusal,
    SignalId,
    SignalState,
    Wallet,
)

HALTS = [(HaltScope.WALLET, WALLET), (HaltScope.TOKEN, YES)]
OTHER_WHALE = Wallet("0x" + "b3" * 20)
OTHER_MARKET = ConditionId("0x" + "c4" * 32)


async def reserve(store: PostgresStore, intent: Intent, caps: LimitCaps = CAPS) -> Intent:
    outcome = await store.reserve_entry(intent, caps, intent.created_at)
    assert isinstance(outcome, Reserved), outcome
    return outcome.intent


async def refuse(store: PostgresStore, intent: Intent, caps: LimitCaps = CAPS) -> Refusal:
    outcome = await store.reserve_entry(intent, caps, intent.created_at)
    assert isinstance(outcome, Refusal), outcome
    return outcome


async def count(store: PostgresStore, table: Table) -> int:
    async with store.transaction() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_an_entry_is_committed_with_its_order_and_a_new_position(
    funded: PostgresStore,
) -> None:
    intent = await reserve(funded, entry())
    assert replace(intent, position_id=PositionId("")) == entry()
    assert await funded.load_intent(intent.order.order_hash) == intent
    assert await funded.load_attempt(intent.intent_id) == intent
    assert await funded.is_ours(intent.order.order_hash)
    assert not await funded.is_ours(order_hash("somebody else's"))
    progress = await funded.load_progress(intent.order.order_hash)
    assert progress is not None
    assert progress.state is OrderState.PREPARED
    position = await funded.load_position(intent.position_id)
    assert position is not None
    assert position.state is PositionState.OPENING
    assert position.size == 0
    assert await funded.audit_limits() == []


async def test_a_repeat_returns_the_intent_that_was_stored_first(funded: PostgresStore) -> None:
    first = await reserve(funded, entry())
    changed = replace(entry(size="7"), created_at=later(3))
    full = replace(CAPS, wallet=usd(50))
    assert await reserve(funded, changed, full) == first
    assert await count(funded, reservations) == 1


async def test_repeats_at_the_same_time_reserve_once(funded: PostgresStore) -> None:
    caps = replace(CAPS, wallet=usd(50))
    outcomes = await asyncio.gather(*(funded.reserve_entry(entry(), caps, NOW) for _ in range(8)))
    assert all(isinstance(outcome, Reserved) for outcome in outcomes)
    assert await count(funded, intents) == 1
    assert await funded.audit_limits() == []


async def test_entries_of_one_whale_and_token_share_a_position(funded: PostgresStore) -> None:
    first = await reserve(funded, entry("s1#1"))
    second = await reserve(funded, entry("s2#1"))
    other = await reserve(funded, entry("s3#1", whale=OTHER_WHALE))
    opposite = await reserve(funded, entry("s4#1", token_id=NO))
    assert first.position_id == second.position_id
    assert len({first.position_id, other.position_id, opposite.position_id}) == 3


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        (replace(CAPS, wallet=usd("99.999999")), Reason.WALLET_LIMIT),
        (replace(CAPS, whale=usd("99.999999")), Reason.WHALE_LIMIT),
        (replace(CAPS, market=usd("99.999999")), Reason.MARKET_LIMIT),
        (replace(CAPS, position=usd("99.999999")), Reason.POSITION_LIMIT),
        (replace(CAPS, market_share=Decimal("0.00999999")), Reason.PORTFOLIO_LIMIT),
    ],
)
async def test_each_cap_counts_what_is_reserved_already(
    funded: PostgresStore, caps: LimitCaps, reason: Reason
) -> None:
    await reserve(funded, entry("s1#1", cost_max="50"), caps)
    refusal = await refuse(funded, entry("s2#1", cost_max="50"), caps)
    assert refusal.reason is reason
    assert Decimal(refusal.numbers["used"]) == 50
    assert await count(funded, intents) == 1
    assert await funded.audit_limits() == []


async def test_a_cap_may_be_used_up_to_the_micro_unit(funded: PostgresStore) -> None:
    caps = replace(CAPS, wallet=usd("100"))
    await reserve(funded, entry("s1#1", cost_max="50.000001"), caps)
    await reserve(funded, entry("s2#1", cost_max="49.999999"), caps)
    assert (await refuse(funded, entry("s3#1", cost_max="0.000001"), caps)).reason is (
        Reason.WALLET_LIMIT
    )


async def test_a_single_entry_above_a_cap_is_refused_on_new_books(funded: PostgresStore) -> None:
    caps = replace(CAPS, whale=usd(49))
    assert (await refuse(funded, entry(cost_max="50"), caps)).reason is Reason.WHALE_LIMIT
    assert await count(funded, positions) == 0


async def test_other_whales_and_markets_have_limits_of_their_own(funded: PostgresStore) -> None:
    caps = replace(CAPS, whale=usd(50), market=usd(50), position=usd(50))
    await reserve(funded, entry("s1#1"), caps)
    await reserve(
        funded, entry("s2#1", whale=OTHER_WHALE, condition_id=OTHER_MARKET, token_id=NO), caps
    )


async def test_cash_that_open_entries_may_take_is_not_there(store: PostgresStore) -> None:
    await store.record_deposit(usd(80), "bankroll", NOW)
    await reserve(store, entry("s1#1", cost_max="50"))
    refusal = await refuse(store, entry("s2#1", cost_max="30.000001"))
    assert refusal.reason is Reason.BALANCE_TOO_LOW
    await reserve(store, entry("s3#1", cost_max="30"))


@pytest.mark.parametrize(
    ("caps", "throttle"),
    [
        (replace(CAPS, open_orders=1), "open_orders"),
        (replace(CAPS, orders_per_min=1), "orders_per_min"),
        (replace(CAPS, orders_per_min_token=1), "orders_per_min_token"),
        (replace(CAPS, notional_per_min=usd(99)), "notional_per_min"),
        (replace(CAPS, repeats=1), "repeats"),
    ],
)
async def test_each_throttle_refuses_one_too_many(
    funded: PostgresStore, caps: LimitCaps, throttle: str
) -> None:
    await reserve(funded, entry("s1#1"), caps)
    refusal = await refuse(funded, entry("s2#1"), caps)
    assert refusal.reason is Reason.ORDER_THROTTLE
    assert refusal.numbers["throttle"] == throttle


async def test_throttles_look_back_no_further_than_they_say(funded: PostgresStore) -> None:
    caps = replace(CAPS, orders_per_min=1, repeats=1, repeats_window=timedelta(minutes=2))
    await reserve(funded, entry("s1#1"), caps)
    within = entry("s2#1", created_at=later(61))
    assert (await refuse(funded, within, caps)).numbers["throttle"] == "repeats"
    assert await funded.clear_halt(HaltScope.TOKEN, YES)
    await reserve(funded, entry("s3#1", created_at=later(121)), caps)


async def test_a_signals_own_remainder_is_no_repeat(funded: PostgresStore) -> None:
    caps = replace(CAPS, repeats=1)
    await reserve(funded, entry("s1#1"), caps)
    await reserve(funded, entry("s1#2", size="60"), caps)


@pytest.mark.parametrize(("scope", "key"), HALTS, ids=["wallet", "token"])
async def test_a_halt_refuses_entries_until_it_is_cleared(
    funded: PostgresStore, scope: HaltScope, key: str
) -> None:
    await funded.halt_entries(Halt(scope, key, "a test", NOW))
    refusal = await refuse(funded, entry())
    assert refusal == Refusal(Reason.ENTRIES_HALTED, {"halt": "a test"})
    if scope is HaltScope.TOKEN:
        await reserve(funded, entry("s2#1", token_id=NO))
    assert await funded.clear_halt(scope, key)
    await reserve(funded, entry())


async def test_nothing_is_reserved_for_a_signal_that_has_ended(funded: PostgresStore) -> None:
    await funded.record_signal(signal("s1"), NOW)
    await funded.finish_signal(SignalId("s1"), SignalState.EXPIRED, None, NOW)
    answer = await funded.reserve_entry(entry(), CAPS, NOW)
    assert answer == Refusal(Reason.SIGNAL_TOO_OLD, {"state": "EXPIRED"})


async def test_reserving_and_refusing_at_once_leave_one_of_the_two(funded: PostgresStore) -> None:
    for n in range(10):
        name = SignalId(f"s{n}")
        await funded.record_signal(signal(name), NOW)
        refusal = Refusal(Reason.SIGNAL_TOO_OLD)
        answer, state = await asyncio.gather(
            funded.reserve_entry(entry(f"{name}#1", size="5"), CAPS, NOW),
            funded.finish_signal(name, SignalState.EXPIRED, refusal, NOW),
        )
        assert isinstance(answer, Reserved) is (state is SignalState.WAITING)


async def test_two_hundred_entries_at_once_never_pass_a_cap_for_twenty(
    funded: PostgresStore,
) -> None:
    caps = replace(CAPS, wallet=usd(1000))
    sampled: list[Decimal] = []
    done = asyncio.Event()

    async def sample() -> None:
        while not done.is_set():
            async with funded.transaction() as connection:
                used = (await connection.execute(select(func.max(limits.c.used)))).scalar_one()
            sampled.append(used or Decimal(0))

    async with asyncio.TaskGroup() as group:
        group.create_task(sample())
        outcomes = await asyncio.gather(
            *(funded.reserve_entry(entry(f"s{i}#1"), caps, NOW) for i in range(200))
        )
        done.set()
    assert sum(isinstance(outcome, Reserved) for outcome in outcomes) == 20
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert {refusal.reason for refusal in refused} == {Reason.WALLET_LIMIT}
    assert max(sampled) <= 1000
    assert await count(funded, reservations) == 20
    assert await funded.audit_limits() == []


async def test_entries_on_different_limits_at_once_end_without_a_deadlock(
    funded: PostgresStore,
) -> None:
    whales = (WHALE, OTHER_WHALE)
    markets = (MARKET, OTHER_MARKET)
    wanted = [
        entry(
            f"s{i}#1", whale=whales[i % 2], condition_id=markets[i % 2], token_id=(YES, NO)[i % 2]
        )
        for i in range(40)
    ]
    outcomes = await asyncio.gather(*(funded.reserve_entry(intent, CAPS, NOW) for intent in wanted))
    assert all(isinstance(outcome, Reserved) for outcome in outcomes)
    assert await funded.audit_limits() == []


async def test_two_wallets_have_books_of_their_own(funded: PostgresStore) -> None:
    stranger = entry("s1#1", wallet=Wallet("0x" + "ff" * 20))
    assert (await refuse(funded, stranger)).reason is Reason.BALANCE_TOO_LOW
