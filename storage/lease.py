"""Our hold on the wallet: renewed while we live, fenced by its epoch when another takes it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from storage.port import FactStore, FencedError, StorageUnavailableError
from trading.types import Wallet

RENEW_EVERY_S = 3.0

log = structlog.get_logger()


class WalletLease:
    """Keeps one wallet's lease for one stack; all workers of a stack share its name."""

    def __init__(
        self, facts: FactStore, wallet: Wallet, holder: str, clock: Callable[[], datetime]
    ) -> None:
        self._facts = facts
        self._wallet = wallet
        self._holder = holder
        self._clock = clock
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Return the epoch we hold, 0 when we hold none."""
        return self._epoch

    async def acquire(self) -> None:
        """Wait until the lease is ours; another stack's must run out first."""
        while (epoch := await self._try_acquire()) is None:  # noqa: ASYNC110 - rows set no event
            await asyncio.sleep(RENEW_EVERY_S)
        self._epoch = epoch

    async def _try_acquire(self) -> int | None:
        try:
            epoch = await self._facts.acquire_lease(self._wallet, self._holder, self._clock())
        except StorageUnavailableError as error:
            log.warning("lease_not_acquired", error=str(error))
            return None
        if epoch is None:
            log.warning("lease_held_by_another_stack", wallet=self._wallet)
        return epoch

    async def keep(self) -> None:
        """Renew the lease until cancelled; raise FencedError when another stack has it."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                epoch = await self._facts.acquire_lease(self._wallet, self._holder, self._clock())
            except StorageUnavailableError as error:
                log.warning("lease_not_renewed", error=str(error))
                continue
            if epoch is None or (self._epoch and epoch != self._epoch):
                raise FencedError(f"the lease of wallet {self._wallet} was taken by another stack")
            self._epoch = epoch
