"""Samples what the wallet is worth once a minute, and thins what is old once an hour."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from storage.port import StorageUnavailableError

EVERY = timedelta(minutes=1)

log = structlog.get_logger()


class EquityStore(Protocol):
    """Where the curve is kept. Both may be repeated: a minute has one sample."""

    async def sample_equity(self, now: datetime) -> None:
        """Store what the wallet is worth now."""

    async def thin_equity(self, now: datetime) -> int:
        """Keep one sample an hour of what is older than a week; return how many went."""


async def sleep(time: timedelta) -> None:
    """Wait by the event loop's own clock."""
    await asyncio.sleep(time / timedelta(seconds=1))


class EquitySampler:
    """Keeps the curve; a minute that the database misses is left out and told in the log."""

    def __init__(
        self,
        store: EquityStore,
        clock: Callable[[], datetime],
        pause: Callable[[timedelta], Awaitable[None]] = sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pause = pause
        self._thinned: datetime | None = None

    async def run(self) -> None:
        """Sample until cancelled, just after the minutes begin."""
        while True:
            await self.sample()
            await self._pause(self._until_next())

    async def sample(self) -> None:
        """Take this minute's sample, and thin in an hour's first one."""
        now = self._clock()
        hour = now.replace(minute=0, second=0, microsecond=0)
        try:
            await self._store.sample_equity(now)
            if hour != self._thinned:
                gone = await self._store.thin_equity(now)
                self._thinned = hour
                log.info("equity_thinned", samples=gone)
        except StorageUnavailableError as error:
            log.warning("equity_not_sampled", error=str(error))

    def _until_next(self) -> timedelta:
        now = self._clock()
        return now.replace(second=0, microsecond=0) + EVERY - now
