import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import pytest

import storage.lease
from storage.lease import WalletLease
from storage.port import FactStore, FencedError, StorageUnavailableError
from storage.postgres import PostgresStore
from tests.storage.builders import NOW, WALLET, later
from trading.types import Wallet


class Leases:
    """Answers what it is told to, one after another; the last answer for ever."""

    def __init__(self, answers: Sequence[int | Exception | None]) -> None:
        self._answers = list(answers)
        self.asked = asyncio.Event()

    async def acquire_lease(self, wallet: Wallet, holder: str, now: datetime) -> int | None:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if len(self._answers) == 1:
            self.asked.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew at once."""
    monkeypatch.setattr(storage.lease, "RENEW_EVERY_S", 0)


def lease_of(*answers: int | Exception | None) -> tuple[WalletLease, Leases]:
    leases = Leases(answers)
    return WalletLease(cast("FactStore", leases), WALLET, "us", lambda: NOW), leases


async def test_a_lease_is_waited_for_while_another_has_it_or_the_database_is_away() -> None:
    lease, _ = lease_of(None, StorageUnavailableError("away"), None, 7)
    assert lease.epoch == 0
    async with asyncio.timeout(5):
        await lease.acquire()
    assert lease.epoch == 7


@pytest.mark.parametrize("taken", [None, 8])
async def test_a_lease_that_another_stack_took_ends_this_one(taken: int | None) -> None:
    lease, _ = lease_of(7, 7, taken)
    await lease.acquire()
    async with asyncio.timeout(5):
        with pytest.raises(FencedError, match=WALLET):
            await lease.keep()


async def test_a_database_that_is_away_for_a_while_costs_no_lease() -> None:
    lease, leases = lease_of(7, StorageUnavailableError("away"), 7)
    await lease.acquire()
    keeping = asyncio.create_task(lease.keep())
    async with asyncio.timeout(5):
        await leases.asked.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert lease.epoch == 7


async def test_two_stacks_hold_a_wallet_one_after_the_other(store: PostgresStore) -> None:
    first = WalletLease(store, WALLET, "first", lambda: NOW)
    await first.acquire()
    second = WalletLease(store, WALLET, "second", lambda: later(11))
    async with asyncio.timeout(20):
        await second.acquire()
        assert (first.epoch, second.epoch) == (1, 2)
        with pytest.raises(FencedError):
            await first.keep()
