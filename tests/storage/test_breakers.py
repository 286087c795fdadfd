from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from storage.breakers import Halt, HaltScope, count_failure, find_halt
from storage.port import Reserved, StorageError
from storage.postgres import PostgresStore
from storage.tables import events
from tests.storage.builders import (
    CAPS,
    MARKET,
    NOW,
    WALLET,
    WHALE,
    YES,
    booked,
    bought,
    entry,
    later,
    leave,
    reserved,
    sold,
    trade,
    usd,
)
from trading.breakers import HALF, Subject
from trading.orders import Intent, Ruling
from trading.rules import RiskRules
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import (
    ConditionId,
    ExitReason,
    OrderState,
    Reason,
    Refusal,
    TokenId,
    Usd,
    Wallet,
)

NO_COOLDOWN = RiskRules(market_cooldown=timedelta(0), whale_cooldown=timedelta(0))
ELSEWHERE = ConditionId("0x" + "d4" * 32)
SOMEBODY = Wallet("0x" + "e5" * 20)


async def lose(store: PostgresStore, n: int, *, at: str = "0.49") -> None:
    await sold(store, await bought(store, f"loss{n}#1"), at=at)


async def is_halted(store: PostgresStore, seconds: int) -> str:
    portfolio = await store.load_portfolio(later(seconds))
    assert portfolio.entries_halted is bool(portfolio.halt_reason)
    return portfolio.halt_reason


async def test_a_daily_loss_above_the_cap_halts_entries_until_the_next_utc_day(
    funded: PostgresStore,
) -> None:
    funded.rules = replace(NO_COOLDOWN, daily_loss_max=Usd(CAPS.position / 100))  # $10
    await lose(funded, 1, at="0.40")
    assert await is_halted(funded, 1) == ""
    await lose(funded, 2, at="0.499999")
    assert "daily loss" in await is_halted(funded, 1)
    refusal = await funded.reserve_entry(entry("s9#1"), CAPS, later(1))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.ENTRIES_HALTED
    tomorrow = entry("s9#1", created_at=NOW + timedelta(hours=12))
    assert isinstance(await funded.reserve_entry(tomorrow, CAPS, tomorrow.created_at), Reserved)


async def test_losses_in_a_row_pause_entries_for_an_hour(funded: PostgresStore) -> None:
    funded.rules = NO_COOLDOWN
    for n in range(4):
        await lose(funded, n)
    assert await is_halted(funded, 0) == ""
    await lose(funded, 5)
    assert "paused until" in await is_halted(funded, 3599)
    assert await is_halted(funded, 3600) == ""


async def test_a_pause_outlives_a_restart_and_starts_the_count_again(
    funded: PostgresStore, database_url: str
) -> None:
    funded.rules = NO_COOLDOWN
    for n in range(5):
        await lose(funded, n)
    restarted = PostgresStore(database_url, RiskRules(), WALLET)
    assert "paused until" in await is_halted(restarted, 60)
    await restarted.close()
    async with funded.transaction() as connection:
        found = await connection.exec_driver_sql("SELECT losses_in_row FROM breakers")
        assert found.scalar_one() == 0


async def test_a_gain_breaks_the_row_of_losses(funded: PostgresStore) -> None:
    funded.rules = NO_COOLDOWN
    for n in range(4):
        await lose(funded, n)
    await sold(funded, await bought(funded, "gain#1"), at="0.51")
    await lose(funded, 9)
    assert await is_halted(funded, 0) == ""


async def test_the_first_reason_of_a_halt_stands_until_it_is_cleared(
    funded: PostgresStore,
) -> None:
    for reason in ("first", "second"):
        await funded.halt_entries(Halt(HaltScope.WALLET, WALLET, reason, NOW))
    assert await is_halted(funded, 0) == "first"
    assert await funded.clear_halt(HaltScope.WALLET, WALLET)
    assert not await funded.clear_halt(HaltScope.WALLET, WALLET)
    assert await is_halted(funded, 0) == ""


async def test_a_halt_pages_once_and_bars_what_it_names(funded: PostgresStore) -> None:
    for _ in range(2):
        await funded.halt_token(YES, "an order is unknown", NOW)
    refusal = await funded.reserve_entry(entry(), CAPS, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.numbers["halt"] == "an order is unknown"
    await funded.halt_wallet("the API key is refused", NOW)
    assert await is_halted(funded, 0) == "the API key is refused"
    query = select(events.c.severity, events.c.title, events.c.ids)
    async with funded.transaction() as connection:
        told = (await connection.execute(query.where(events.c.type == "entries_halted"))).all()
    assert [tuple(row) for row in told] == [
        ("PAGE", "an order is unknown", {"token": YES}),
        ("PAGE", "the API key is refused", {"wallet": WALLET}),
    ]


async def test_records_of_no_wallet_halt_none(database_url: str) -> None:
    anybody = PostgresStore(database_url, RiskRules())
    with pytest.raises(StorageError, match="of one wallet"):
        await anybody.halt_wallet("no reason", NOW)
    await anybody.close()


def is_granted(answer: object) -> bool:
    assert isinstance(answer, Reserved | Refusal)
    return isinstance(answer, Reserved)


async def test_a_loss_cools_its_market_down_after_any_whale_and_its_whale_in_any_market(
    funded: PostgresStore,
) -> None:
    await lose(funded, 1)
    assert await is_halted(funded, 1) == ""  # the rest of the wallet trades on
    same_market = entry("m#1", whale=SOMEBODY)
    same_whale = entry("w#1", condition_id=ELSEWHERE, token_id=TokenId("9" * 77))
    other = entry("o#1", whale=SOMEBODY, condition_id=ELSEWHERE, token_id=TokenId("9" * 77))
    ends_s = 15 * 60
    for barred in (same_market, same_whale):
        assert not is_granted(await funded.reserve_entry(barred, CAPS, later(ends_s - 1)))
    assert is_granted(await funded.reserve_entry(other, CAPS, later(1)))
    for barred in (same_market, same_whale):
        assert is_granted(await funded.reserve_entry(barred, CAPS, later(ends_s)))


async def test_what_trips_after_the_commit_holds_the_order_back(funded: PostgresStore) -> None:
    committed = await reserved(funded, entry("early#1", whale=SOMEBODY))
    await lose(funded, 1)
    assert not await funded.begin_sending(committed.order.order_hash, 1, NOW)


async def test_no_breaker_holds_an_exit_back(funded: PostgresStore) -> None:
    funded.rules = RiskRules(daily_loss_max=usd(0), losses_in_row_max=1)
    held = await bought(funded, "held#1")
    await lose_other(funded)
    await funded.halt_wallet("halted", NOW)
    await funded.halt_token(YES, "halted too", NOW)
    epoch = await funded.begin_exit(held.position_id, ExitReason.STOP_LOSS, NOW)
    intent = await funded.commit_exit(leave(held.position_id, epoch=epoch), NOW)
    assert isinstance(intent, Intent)
    assert await funded.begin_sending(intent.order.order_hash, 1, NOW)


async def lose_other(store: PostgresStore) -> None:
    """Lose with another whale's position of the same token."""
    intent = await reserved(store, entry("other#1", whale=SOMEBODY, cost_max="52"))
    assert await store.begin_sending(intent.order.order_hash, 1, NOW)
    await sold(store, await booked(store, intent, trade(intent, "t-other")), at="0.30")


async def failed_orders(store: PostgresStore, ended: int, failed: int) -> None:
    """Send orders, the last of which are refused; rules that count none while they are made."""
    store.rules = replace(NO_COOLDOWN, failure_rate_max=Decimal(1))
    for n in range(ended):
        intent = await reserved(store, entry(f"f{n}#1", size="5"))
        assert await store.begin_sending(intent.order.order_hash, 1, NOW)
        is_refused = n >= ended - failed
        state = OrderState.REJECTED if is_refused else OrderState.CANCELLED
        kind = SubmitKind.REJECTED if is_refused else SubmitKind.ACCEPTED
        await store.fold(intent.order.order_hash, [SubmitOutcome(kind, state, "told")], NOW)
        await store.apply_order(intent.order.order_hash, NOW)
    store.rules = NO_COOLDOWN


@pytest.mark.parametrize(("ended", "failed", "is_tripped"), [(20, 2, 0), (20, 3, 1), (19, 19, 0)])
async def test_more_than_a_tenth_of_failed_orders_pauses_entries_for_an_hour(
    funded: PostgresStore, ended: int, failed: int, is_tripped: int
) -> None:
    await failed_orders(funded, ended, failed)
    async with funded.transaction() as connection:
        await count_failure(connection, funded.rules, WALLET, NOW)
    assert bool(await is_halted(funded, 3599)) is bool(is_tripped)
    assert await is_halted(funded, 3600) == ""


async def test_the_order_that_makes_it_too_many_trips_the_breaker_by_itself(
    funded: PostgresStore,
) -> None:
    await failed_orders(funded, 20, 2)
    intent = await reserved(funded, entry("last#1", size="5"))
    assert await funded.begin_sending(intent.order.order_hash, 1, NOW)
    await funded.fold(intent.order.order_hash, [Ruling(OrderState.UNKNOWN, "no answer")], NOW)
    assert await is_halted(funded, 1) == ""
    await funded.fold(intent.order.order_hash, [Ruling(OrderState.VOID, "never seen")], NOW)
    assert "3 of 21 orders failed" in await is_halted(funded, 1)


async def test_a_deep_drawdown_halves_a_positions_cap_where_it_is_reserved(
    funded: PostgresStore,
) -> None:
    await sink(funded, "0.099")
    caps = replace(CAPS, position=usd(60))
    assert is_granted(await funded.reserve_entry(entry("full#1", whale=SOMEBODY), caps, NOW))
    await sink(funded, "0.101")
    late = entry("late#1", whale=Wallet("0x" + "f6" * 20))
    assert not is_granted(await funded.reserve_entry(late, caps, NOW))
    half = entry("half#1", whale=Wallet("0x" + "f6" * 20), cost_max=str(caps.position * HALF))
    assert is_granted(await funded.reserve_entry(half, caps, NOW))


async def sink(store: PostgresStore, share: str) -> None:
    """Pretend a peak from which today's equity is a share below."""
    peak = Decimal(10_000) * Decimal(share) / (1 - Decimal(share))
    async with store.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO equity (wallet, cash, bid_value, deposits, pnl_peak, timestamp, minute)"
            " VALUES ($1, 0, 0, 0, $2, $3, $3) ON CONFLICT (wallet, minute)"
            " DO UPDATE SET pnl_peak = excluded.pnl_peak",
            (WALLET, peak.quantize(Decimal("0.000001")), NOW),
        )


@pytest.mark.parametrize("jump_s", [-172_800, -3600, -1, 0, 899, 900, 3600, 172_800])
async def test_a_jump_of_the_clock_lifts_nothing_before_its_time_and_destroys_nothing(
    funded: PostgresStore, jump_s: int
) -> None:
    """A clock set back lifts nothing; one set forward does so only while it is wrong."""
    await lose(funded, 1)
    subject = Subject(WALLET, YES, MARKET, WHALE)
    async with funded.transaction() as connection:
        jumped = await find_halt(connection, funded.rules, subject, later(jump_s))
        assert bool(jumped) is (jump_s < 900)
        assert await find_halt(connection, funded.rules, subject, later(1))
