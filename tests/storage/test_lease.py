import asyncio
from datetime import datetime

import pytest

from storage import lease as lease_module
from storage.lease import WalletLease
from storage.port import FencedError
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, WALLET, later
from trading.rules import RiskRules


class Clock:
    """A clock that moves on by a step whenever it is read."""

    def __init__(self, step: int) -> None:
        self.seconds = -step
        self.step = step

    def __call__(self) -> datetime:
        self.seconds += self.step
        return later(self.seconds)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY_S", 0.01)


async def test_a_free_lease_is_ours_at_once(store: PostgresStore) -> None:
    lease = WalletLease(store, WALLET, "us", Clock(1))
    assert lease.epoch == 0
    await lease.acquire()
    assert lease.epoch == 1


async def test_another_stacks_lease_must_run_out_first(store: PostgresStore) -> None:
    await store.acquire_lease(WALLET, "them", NOW)
    clock = Clock(5)
    lease = WalletLease(store, WALLET, "us", clock)
    await lease.acquire()
    assert lease.epoch == 2
    assert clock.seconds == 10


async def test_a_lease_is_kept_by_renewing_it(store: PostgresStore) -> None:
    clock = Clock(1)
    lease = WalletLease(store, WALLET, "us", clock)
    await lease.acquire()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await lease.keep()
    assert lease.epoch == 1
    renewed_at = clock.seconds
    assert renewed_at > 0
    assert await store.acquire_lease(WALLET, "them", later(renewed_at + 8)) is None


async def test_a_lease_that_another_stack_took_is_lost(store: PostgresStore) -> None:
    lease = WalletLease(store, WALLET, "us", Clock(11))
    await lease.acquire()
    assert await store.acquire_lease(WALLET, "them", later(10)) == 2
    with pytest.raises(FencedError, match="taken by another stack"):
        await lease.keep()


async def test_a_database_that_is_away_is_waited_for() -> None:
    away = PostgresStore("postgresql+asyncpg://postgres@127.0.0.1:1/none", RiskRules(), WALLET)
    lease = WalletLease(away, WALLET, "us", Clock(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await lease.keep()
    await away.close()
