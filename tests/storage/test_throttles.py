"""Throttles count what is committed, tell a repeat from a remainder, and halt what goes wrong."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from storage.breakers import HaltScope
from storage.port import LimitCaps, Reserved
from storage.postgres import PostgresStore
from storage.tables import halts
from storage.throttle_tables import throttled
from tests.storage.builders import (
    CAPS,
    MARKET,
    NO,
    NOW,
    WALLET,
    YES,
    booked,
    bought,
    entry,
    later,
    leave,
    reserved,
    trade,
    usd,
)
from trading.breakers import end_of_day
from trading.orders import Intent, Ruling
from trading.rules import RiskRules
from trading.types import (
    ConditionId,
    ExitReason,
    OrderState,
    OrderType,
    Reason,
    Refusal,
    Settlement,
    TokenId,
    Wallet,
)

REPEATS = replace(CAPS, repeats=3)


async def throttle_of(
    store: PostgresStore, intent: Intent, caps: LimitCaps = CAPS, now: datetime | None = None
) -> str:
    """Reserve an entry and return the throttle that refused it, or nothing."""
    answer = await store.reserve_entry(intent, caps, now or intent.created_at)
    if isinstance(answer, Reserved):
        return ""
    if answer.reason is Reason.ENTRIES_HALTED:
        return "halted"
    assert answer.reason is Reason.ORDER_THROTTLE, answer
    return answer.numbers["throttle"]


async def halted(store: PostgresStore) -> dict[str, tuple[str, str]]:
    async with store.transaction() as connection:
        rows = (await connection.execute(select(halts))).mappings().all()
    return {row["scope"]: (row["key"], row["reason"]) for row in rows}


async def count_throttled(store: PostgresStore) -> int:
    async with store.transaction() as connection:
        return (await connection.execute(select(func.count()).select_from(throttled))).scalar_one()


async def test_the_dollars_of_a_utc_day_run_out_refuse_and_halt_nothing(
    database_url: str, funded: PostgresStore
) -> None:
    """What was committed counts, filled or not, on the day that its intent was made."""
    rules = RiskRules(notional_per_day_max=usd(120), throttled_max=2)
    midnight = end_of_day(NOW)
    store = PostgresStore(database_url, rules, WALLET)
    try:
        for n, seconds in enumerate((-43_000, -1)):
            early = entry(f"s{n}#1", created_at=midnight + timedelta(seconds=seconds))
            assert await throttle_of(store, early) == ""
        for n in range(2, 6):
            late = entry(f"s{n}#1", created_at=midnight - timedelta(microseconds=1))
            assert await throttle_of(store, late) == "notional_per_day"
            assert await throttle_of(store, late, now=midnight) == "notional_per_day"
        busy = await throttle_of(store, late, replace(CAPS, open_orders=0))
        assert (busy, await halted(store)) == ("open_orders", {})  # one, and no day's refusal
        assert await throttle_of(store, entry("s6#1", created_at=midnight)) == ""
        small = entry("s7#1", size="40", created_at=midnight - timedelta(microseconds=1))
        assert await throttle_of(store, small, now=midnight) == ""
        uncapped = PostgresStore(database_url, replace(rules, notional_per_day_max=None), WALLET)
        assert await throttle_of(uncapped, late) == ""
        await uncapped.close()
    finally:
        await store.close()


async def test_the_fourth_signal_of_a_token_within_ten_minutes_halts_the_token(
    funded: PostgresStore,
) -> None:
    for n in range(3):
        assert await throttle_of(funded, entry(f"s{n}#1"), REPEATS) == ""
    assert await throttle_of(funded, entry("s3#1"), REPEATS) == "repeats"
    told = "repeats: expected 3 at most, an order wanted 4"
    assert await halted(funded) == {"TOKEN": (YES, told)}
    assert await throttle_of(funded, entry("s4#1"), REPEATS) == "halted"
    assert await throttle_of(funded, entry("s5#1", token_id=NO), REPEATS) == ""
    late = entry("s6#1", created_at=NOW + timedelta(minutes=11))
    assert await throttle_of(funded, late, REPEATS) == "halted"
    assert await funded.clear_halt(HaltScope.TOKEN, YES)
    assert await throttle_of(funded, late, REPEATS) == ""


@pytest.mark.parametrize("size", ["99", "100", "101"])
async def test_a_signal_that_is_bought_again_while_its_order_lives_halts_the_wallet(
    funded: PostgresStore, size: str
) -> None:
    await reserved(funded, entry("s1#1"))
    assert await throttle_of(funded, entry("s1#2", size=size)) == "duplicate"
    scopes = await halted(funded)
    assert scopes["WALLET"][0] == WALLET
    assert scopes["WALLET"][1].startswith("duplicate:")
    assert await throttle_of(funded, entry("s2#1", token_id=NO)) == "halted"


async def test_another_size_another_signal_or_another_minute_is_no_duplicate(
    funded: PostgresStore,
) -> None:
    await reserved(funded, entry("s1#1"))
    assert await throttle_of(funded, entry("s2#1")) == ""
    assert await throttle_of(funded, entry("s1#2", size="98")) == ""
    assert await throttle_of(funded, entry("s1#3", created_at=later(31))) == ""
    assert await halted(funded) == {}


@pytest.mark.parametrize(
    ("filled", "settlement", "again", "throttle"),
    [
        ("0", Settlement.CONFIRMED, "100", ""),
        ("1", Settlement.CONFIRMED, "99", ""),
        ("100", Settlement.CONFIRMED, "100", "duplicate"),
        ("100", Settlement.MATCHED, "100", "duplicate"),
        ("100", Settlement.FAILED, "100", ""),
    ],
)
async def test_a_remainder_is_no_duplicate_and_a_second_helping_is(
    funded: PostgresStore, filled: str, settlement: Settlement, again: str, throttle: str
) -> None:
    first = await reserved(funded, entry("s1#1"))
    await funded.begin_sending(first.order.order_hash, 1, NOW)
    killed = Ruling(OrderState.CANCELLED, "killed")
    fills = [trade(first, size=filled, settlement=settlement)] if filled != "0" else []
    await booked(funded, first, *fills, killed)
    assert await throttle_of(funded, entry("s1#2", size=again, created_at=later(2))) == throttle


async def test_a_fourth_attempt_of_a_signal_halts_the_wallet(funded: PostgresStore) -> None:
    for n, size in enumerate(("100", "60", "30"), 1):
        assert await throttle_of(funded, entry(f"s1#{n}", size=size)) == ""
    assert await throttle_of(funded, entry("s1#4", size="10")) == "attempts"
    assert (await halted(funded))["WALLET"][1] == "attempts: expected 3 at most, an order wanted 4"


def resting(intent: Intent) -> Intent:
    return replace(intent, order_type=OrderType.GTC)


async def test_an_entry_never_meets_our_own_resting_order(funded: PostgresStore) -> None:
    await reserved(funded, resting(entry("s1#1", at="0.50", token_id=NO, condition_id=MARKET)))
    assert await throttle_of(funded, entry("s2#1", at="0.50", token_id=YES)) == "self_cross"
    assert await throttle_of(funded, entry("s3#1", at="0.49", token_id=YES)) == ""
    elsewhere = ConditionId("0x" + "d4" * 32)
    other = entry("s4#1", at="0.60", token_id=TokenId("9" * 77), condition_id=elsewhere)
    assert await throttle_of(funded, other) == ""
    assert await halted(funded) == {}


async def test_an_entry_never_buys_from_our_own_exit(funded: PostgresStore) -> None:
    position = await bought(funded)
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    sale = leave(position.position_id, at="0.60", size="10")
    sale = replace(sale, intent=resting(sale.intent))
    assert not isinstance(await funded.commit_exit(sale, NOW), Refusal)
    other = Wallet("0x" + "dd" * 20)
    assert await throttle_of(funded, entry("s2#1", at="0.60", whale=other)) == "self_cross"
    assert await throttle_of(funded, entry("s3#1", at="0.59", whale=other)) == ""


async def test_so_many_throttled_entries_in_a_minute_halt_the_wallet(
    database_url: str, funded: PostgresStore
) -> None:
    store = PostgresStore(database_url, RiskRules(throttled_max=3), WALLET)
    try:
        busy = replace(CAPS, orders_per_min=1)
        assert await throttle_of(store, entry("s0#1"), busy) == ""
        for n, seconds in enumerate((0, 10, 20), 1):
            name = entry(f"s{n}#1", created_at=later(seconds))
            assert await throttle_of(store, name, busy) == "orders_per_min"
        scope, reason = next(iter((await halted(store)).items()))
        assert scope == "WALLET"
        assert reason[1].startswith("3 entries throttled in a minute; the last: orders_per_min")
        assert await throttle_of(store, entry("s9#1", created_at=later(30)), busy) == "halted"
    finally:
        await store.close()


async def test_throttled_entries_of_other_minutes_and_wallets_do_not_add_up(
    database_url: str, funded: PostgresStore
) -> None:
    store = PostgresStore(database_url, RiskRules(throttled_max=2), WALLET)
    other = Wallet("0x" + "ff" * 20)
    try:
        full = replace(CAPS, orders_per_min=0)
        assert await throttle_of(store, entry("s1#1"), full) == "orders_per_min"
        assert await throttle_of(store, entry("s2#1", wallet=other), full) == "orders_per_min"
        assert await throttle_of(store, entry("s3#1", created_at=later(60)), full) != "halted"
        assert await halted(store) == {}
        await throttle_of(store, entry("s4#1", created_at=later(25 * 3600)), full)
        assert await count_throttled(store) == 2  # what is older than a day is forgotten
    finally:
        await store.close()


async def test_entries_leave_room_for_exits_whatever_is_throttled(funded: PostgresStore) -> None:
    position = await bought(funded)
    full = replace(CAPS, orders_per_min=0, open_orders=0)
    assert await throttle_of(funded, entry("s2#1"), full) == "open_orders"
    await funded.begin_exit(position.position_id, ExitReason.OPERATOR, NOW)
    sale = await funded.commit_exit(leave(position.position_id, size="10"), NOW)
    assert isinstance(sale, Intent)
    assert Decimal(sale.order.size) == 10
