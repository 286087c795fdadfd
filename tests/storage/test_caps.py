"""A storm of entries on a cap for twenty: the cap is filled and at no instant passed."""

import asyncio
import contextlib
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from storage.lane import Lane
from storage.limits import Scope, audit_limits
from storage.port import LimitCaps, Reserved, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.statements import Statement
from tests.storage.builders import CAPS, NOW, WALLET, entry, usd
from trading.orders import Intent
from trading.rules import RiskRules
from trading.types import ConditionId, Reason, Refusal, TokenId, Wallet

PLACES = 20
COST = Decimal(50)
WIDE = usd(1_000_000)
OPEN = replace(
    CAPS,
    position=WIDE,
    market=WIDE,
    whale=WIDE,
    wallet=WIDE,
    market_share=Decimal(1),
    open_orders=10_000,
    orders_per_min=10_000,
    orders_per_min_token=10_000,
    notional_per_min=WIDE,
    repeats=0,
)
REASONS = {
    Scope.WALLET: Reason.WALLET_LIMIT,
    Scope.WHALE: Reason.WHALE_LIMIT,
    Scope.MARKET: Reason.MARKET_LIMIT,
    Scope.POSITION: Reason.POSITION_LIMIT,
}
USED = Statement("SELECT coalesce(max(used), 0) AS used FROM limits WHERE scope = :scope")
BETWEEN_SAMPLES_S = 0.01
SAMPLES_MIN = 5  # on a busy machine; else about a hundred a second


def caps_for(scope: Scope) -> LimitCaps:
    """Return caps of which only one matters: it has places for twenty entries."""
    cap = usd(str(COST * PLACES + 1))  # a rest that is no place
    match scope:
        case Scope.WALLET:
            return replace(OPEN, wallet=cap)
        case Scope.WHALE:
            return replace(OPEN, whale=cap)
        case Scope.MARKET:
            return replace(OPEN, market=cap)
        case Scope.POSITION:
            return replace(OPEN, position=cap)


def wish(number: int, scope: Scope) -> Intent:
    """Return one of many entries that have the scope in common and else as little as possible."""
    intent = entry(f"s{number}#1", cost_max=str(COST))
    if scope is Scope.POSITION:
        return intent
    if scope is not Scope.WHALE:
        intent = replace(intent, whale=Wallet(f"0x{number % 7:040x}"))
    if scope is not Scope.MARKET:
        intent = replace(intent, condition_id=ConditionId(f"0x{number % 5:064x}"))
        unsigned = replace(intent.order.unsigned, token_id=TokenId(f"9{number % 5:076}"))
        intent = replace(intent, order=replace(intent.order, unsigned=unsigned))
    return intent


async def storm(database_url: str, numbers: Sequence[int], scope: Scope) -> Counter[str]:
    """Ask for all entries at once through one pool; count the answers."""
    store = PostgresStore(database_url, RiskRules(), WALLET)
    caps = caps_for(scope)
    answers = await asyncio.gather(*(ask(store, wish(number, scope), caps) for number in numbers))
    await store.close()
    return Counter(
        "reserved" if isinstance(each, Reserved) else each.reason.value for each in answers
    )


async def ask(store: PostgresStore, intent: Intent, caps: LimitCaps) -> Reserved | Refusal:
    """Ask until there is an answer, as a worker does: a busy machine lets some wait too long."""
    while True:
        with contextlib.suppress(StorageUnavailableError):
            return await store.reserve_entry(intent, caps, NOW)


def storm_in_process(database_url: str, numbers: Sequence[int], scope: Scope) -> Counter[str]:
    return asyncio.run(storm(database_url, numbers, scope))


@asynccontextmanager
async def sampled(database_url: str, scope: Scope) -> AsyncIterator[list[Decimal]]:
    """Read the use of the fullest limit of a scope a hundred times a second, from outside."""
    lane, samples, over = Lane(database_url, size=1), list[Decimal](), asyncio.Event()

    async def sample() -> None:
        while not over.is_set():
            row = None
            with contextlib.suppress(StorageUnavailableError):
                row = await lane.row(USED, scope=scope.value)
            if row is not None:
                samples.append(row["used"])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), BETWEEN_SAMPLES_S)

    sampling = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        over.set()
        await sampling
        await lane.close()


async def check(database_url: str, answers: Counter[str], samples: list[Decimal]) -> None:
    """Hold what was answered, seen and kept against the twenty places."""
    assert answers["reserved"] == PLACES, answers
    assert max(samples) == COST * PLACES
    assert len(samples) > SAMPLES_MIN
    store = PostgresStore(database_url, RiskRules(), WALLET)
    assert len(await store.list_unresolved(1000)) == PLACES
    assert await audit_limits(store) == []
    await store.close()


@pytest.mark.parametrize(
    "scope",
    [
        Scope.WALLET,
        *(
            pytest.param(each, marks=pytest.mark.acceptance)
            for each in (Scope.WHALE, Scope.MARKET, Scope.POSITION)
        ),
    ],
)
async def test_a_hundred_entries_at_once_fill_a_cap_for_twenty_and_never_pass_it(
    database_url: str, scope: Scope
) -> None:
    await fund(database_url)
    async with sampled(database_url, scope) as samples:
        halves = await asyncio.gather(
            storm(database_url, range(0, 100, 2), scope),
            storm(database_url, range(1, 100, 2), scope),
        )
    answers = halves[0] + halves[1]
    assert answers == {"reserved": PLACES, REASONS[scope].value: 80}
    await check(database_url, answers, samples)


@pytest.mark.acceptance
@pytest.mark.parametrize("count", [100, 500])
async def test_entries_of_several_processes_fill_a_cap_and_never_pass_it(
    database_url: str, count: int
) -> None:
    await fund(database_url)
    loop, spawn = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as processes:
        async with sampled(database_url, Scope.WALLET) as samples:
            parts = await asyncio.gather(
                *(
                    loop.run_in_executor(
                        processes,
                        storm_in_process,
                        database_url,
                        range(first, count, 3),
                        Scope.WALLET,
                    )
                    for first in range(3)
                )
            )
    answers = sum(parts, Counter[str]())
    assert answers.total() == count
    await check(database_url, answers, samples)


async def fund(database_url: str) -> None:
    store = PostgresStore(database_url, RiskRules(), WALLET)
    await store.record_deposit(usd(1_000_000), "bankroll", NOW)
    await store.close()
