"""Every breaker over its whole time, on a server that skips it: restart, midnight, clock, exits."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest
from temporalio.testing import WorkflowEnvironment

from storage.breakers import count_closing
from storage.port import LimitCaps, PositionRecord, Reserved
from storage.postgres import PostgresStore
from tests.storage.builders import (
    CAPS,
    MARKET,
    NOW,
    WALLET,
    WHALE,
    bought,
    entry,
    leave,
    usd,
)
from tests.workflows.test_guard import Post
from trading.breakers import Result, end_of_day
from trading.orders import Intent
from trading.rules import RiskRules
from trading.submits import SubmitKind, SubmitOutcome
from trading.types import ConditionId, ExitReason, OrderState, TokenId, Wallet

A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LOOK = timedelta(minutes=6)  # the guard looks every five
NONE = timedelta(0)
RULES = RiskRules()
CALM = replace(RULES, market_cooldown=NONE, whale_cooldown=NONE)
ELSEWHERE = {"condition_id": ConditionId("0x" + "d4" * 32), "token_id": TokenId("9" * 77)}
SOMEBODY = {"whale": Wallet("0x" + "e5" * 20)}
LEAST = Decimal("0.000001")
SMALL = replace(CAPS, position=usd(60))

Act = Callable[[PostgresStore, datetime], Awaitable[None]]


async def run(store: PostgresStore, statement: str, *given: object) -> None:
    async with store.transaction() as connection:
        await connection.exec_driver_sql(statement, given)


def close(pnl: str, times: int = 1) -> Act:
    """Close positions one after the other with the same result."""

    async def act(store: PostgresStore, now: datetime) -> None:
        async with store.transaction() as connection:
            for _ in range(times):
                result = Result(usd(pnl), now, MARKET, WHALE)
                await count_closing(connection, store.rules, WALLET, result)

    return act


def fail(failed: int, ended: int) -> Act:
    """Send orders of which the first ones are refused."""

    async def act(store: PostgresStore, now: datetime) -> None:
        for n in range(ended):
            intent = entry(f"{ended} orders {n}#1", size="5", created_at=now)
            assert isinstance(await store.reserve_entry(intent, CAPS, now), Reserved)
            order_hash = intent.order.order_hash
            assert await store.begin_sending(order_hash, 1, now)
            refused = SubmitOutcome(SubmitKind.REJECTED, OrderState.REJECTED, "refused")
            killed = SubmitOutcome(SubmitKind.ACCEPTED, OrderState.CANCELLED, "killed")
            await store.fold(order_hash, [refused if n < failed else killed], now)

    return act


def lose_of_day(pnl: Decimal) -> Act:
    """Have lost so much on the UTC day by then."""

    async def act(store: PostgresStore, now: datetime) -> None:
        await run(
            store,
            "INSERT INTO positions (position_id, user_address, source_whale, condition_id,"
            " token_id, n, status, opened_at, closed_at)"
            " VALUES ('lost', $1, 'w', 'c', 't', 1, 'CLOSED', now(), now()) ON CONFLICT DO NOTHING",
            WALLET,
        )
        await run(
            store,
            "INSERT INTO daily_pnl (position_id, day, wallet, pnl) VALUES ('lost', $1, $2, $3)"
            " ON CONFLICT (position_id, day) DO UPDATE SET pnl = excluded.pnl",
            now.date(),
            WALLET,
            -pnl,
        )

    return act


def fall(depth: Decimal) -> Act:
    """Have had a peak from which what there is now is so far below."""

    async def act(store: PostgresStore, now: datetime) -> None:
        portfolio = await store.load_portfolio(now)
        height = (portfolio.cash + portfolio.bid_value) / (1 - depth)
        peak = height - Decimal(10_000)  # what was deposited
        await run(
            store,
            "INSERT INTO equity (wallet, cash, bid_value, deposits, pnl_peak, timestamp, minute)"
            " VALUES ($1, 0, 0, 0, $2, $3, $3) ON CONFLICT (wallet, minute)"
            " DO UPDATE SET pnl_peak = excluded.pnl_peak",
            WALLET,
            peak.quantize(LEAST),
            now,
        )

    return act


async def earn(store: PostgresStore, now: datetime) -> None:
    """Be as rich as at the peak again."""
    del now
    await run(store, "UPDATE balances SET cash = cash + 2000 WHERE wallet = $1", WALLET)


@dataclass(frozen=True, slots=True)
class Case:
    """What does not yet trip a breaker, what does, how long it holds, and which entries.

    Without `lasts` it holds until the UTC day ends; with `ends` until that has happened.
    """

    nearly: Act
    trips: Act
    told: str
    lasts: timedelta | None = AN_HOUR
    rules: RiskRules = CALM
    barred: Mapping[str, object] = field(default_factory=dict)
    spared: Mapping[str, object] | None = None
    caps: LimitCaps = CAPS
    ends: Act | None = None


CASES = {
    "daily loss": Case(
        lose_of_day(RULES.daily_loss_max),
        lose_of_day(RULES.daily_loss_max + LEAST),
        "daily loss 500.000001 above 500",
        lasts=None,
    ),
    "drawdown": Case(
        fall(Decimal("0.0999")),
        fall(Decimal("0.1001")),
        "above 0.10: halved",
        barred={"size": "100"},  # of $60 at most
        spared={"size": "60"},
        caps=SMALL,
        ends=earn,
    ),
    "losses in a row": Case(close("-1", 4), close("-1"), "after losses in a row"),
    "failure rate": Case(fail(2, 20), fail(1, 1), "3 of 21 orders failed"),
    "cooldown of a market": Case(
        close("0"),
        close("-0.000001"),
        "its market cools down",
        lasts=RULES.market_cooldown,
        rules=replace(RULES, whale_cooldown=NONE),
        barred=SOMEBODY,
        spared=ELSEWHERE,
    ),
    "cooldown of a whale": Case(
        close("0"),
        close("-0.000001"),
        "its whale cools down",
        lasts=RULES.whale_cooldown,
        rules=replace(RULES, market_cooldown=NONE),
        barred=ELSEWHERE,
        spared=SOMEBODY,
    ),
}


@dataclass(slots=True)
class Asker:
    """Asks whether entries may leave, each time with another one."""

    case: Case
    asked: int = 0

    async def is_free(self, store: PostgresStore, now: datetime) -> bool:
        """Tell whether an entry of the kind that the breaker bars may leave now."""
        return await self._may_leave(store, now, {"size": "5", **self.case.barred})

    async def is_spared(self, store: PostgresStore, now: datetime) -> bool:
        """Tell whether an entry may leave that it does not concern; True where it bars all."""
        if self.case.spared is None:
            return True
        return await self._may_leave(store, now, {"size": "5", **self.case.spared})

    async def _may_leave(
        self, store: PostgresStore, now: datetime, like: Mapping[str, object]
    ) -> bool:
        self.asked += 1
        wish = entry(f"asked {self.asked}#1", created_at=now, **like)  # type: ignore[arg-type]
        if self.case.caps is SMALL:  # each has a position of its own
            whale = Wallet("0x" + sha256(str(self.asked).encode()).hexdigest()[:40])
            wish = replace(wish, whale=whale)
        return isinstance(await store.reserve_entry(wish, self.case.caps, now), Reserved)


async def skip_to(env: WorkflowEnvironment, wanted: datetime) -> None:
    """Skip to a time, an hour in one go: the guard looks often."""
    while (left := wanted - await env.get_current_time()) > NONE:
        await env.sleep(min(left, AN_HOUR))


async def leave_now(store: PostgresStore, held: PositionRecord, now: datetime) -> bool:
    """Begin an exit, and tell whether its order may leave."""
    epoch = await store.begin_exit(held.position_id, ExitReason.STOP_LOSS, now)
    sale = leave(held.position_id, epoch=epoch, size="10", created_at=now)
    committed = await store.commit_exit(sale, now)
    assert isinstance(committed, Intent)
    may_leave = await store.begin_sending(committed.order.order_hash, 1, now)
    await store.end_exit(held.position_id, now)
    return may_leave


async def before_midnight(env: WorkflowEnvironment, case: Case) -> datetime:
    """Skip to when a breaker that trips now holds over midnight, or until it; return the time."""
    before = AN_HOUR / 2 if case.lasts is None else case.lasts / 2
    now = await env.get_current_time()
    began = end_of_day(now) - before
    await skip_to(env, began if began > now else began + A_DAY)
    return await env.get_current_time()


@pytest.mark.parametrize("name", CASES)
async def test_every_breaker_trips_at_its_number_and_holds_over_restart_midnight_and_clock_jumps(
    database_url: str, time_skipping_env: WorkflowEnvironment, name: str
) -> None:
    env, case = time_skipping_env, CASES[name]
    asker, began = Asker(case), await before_midnight(env, case)
    ends_at = end_of_day(began) if case.lasts is None else began + case.lasts
    assert ends_at.date() > began.date(), "midnight is in between, or its end"
    store = PostgresStore(database_url, case.rules, WALLET)
    try:
        await store.record_deposit(usd(10_000), "bankroll", NOW)
        assert await store.acquire_lease(WALLET, "us", NOW) == 1
        held = await bought(store)
        await case.nearly(store, began)
        assert await asker.is_free(store, began), "just below its number"
        await case.trips(store, began)
        assert not await asker.is_free(store, began), "at its number"
    finally:
        await store.close()
    restarted = PostgresStore(database_url, case.rules, WALLET)  # another process, later
    try:
        for jump in (-A_DAY, -AN_HOUR, NONE):
            assert not await asker.is_free(restarted, began + jump), "restarted, a clock set back"
        post = Post(restarted, env.client)
        async with post.guarded():
            await skip_to(env, ends_at - A_MINUTE)
            assert (await env.get_current_time()).date() == (ends_at - A_MINUTE).date()
            assert case.told in post.reviews[-1].summary
            is_over = await asker.is_free(restarted, ends_at + A_DAY)
            assert is_over is (case.ends is None), "a clock set forward is wrong by itself"
            now = ends_at - A_MINUTE
            assert not await asker.is_free(restarted, now), "set right again, before its end"
            assert await asker.is_spared(restarted, now)
            assert await leave_now(restarted, held, now), "an exit"
            if case.ends is not None:
                await case.ends(restarted, now)
            await skip_to(env, ends_at + LOOK)
            assert await asker.is_free(restarted, await env.get_current_time()), "after its end"
            assert post.reviews[-1].summary == "entries may leave"
    finally:
        await restarted.close()
