"""Which of the tokens we hold are ours to watch: shards leased, renewed, and given back."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from ingest.health import FeedHealth
from storage.port import StorageError
from storage.watch_port import WATCH_LEASE, WatchLeases, shard_of
from trading.types import TokenId

RENEW_EVERY_S = 2.0
RELEASE_WITHIN_S = 1.0

log = structlog.get_logger()


class WatchShards:
    """Holds shards of the watch in one process's name; who lost them asks for no exit."""

    def __init__(
        self,
        leases: WatchLeases,
        holder: str,
        clock: Callable[[], datetime],
        health: FeedHealth,
    ) -> None:
        self._leases = leases
        self._holder = holder
        self._clock = clock
        self._health = health
        self._held: frozenset[int] = frozenset()
        self._until = datetime.min.replace(tzinfo=UTC)

    @property
    def has_any(self) -> bool:
        """Tell whether any shard was ours when the records last answered."""
        return bool(self._held)

    @property
    def is_current(self) -> bool:
        """Tell whether what we hold is ours now: nobody else can have it yet."""
        return self.has_any and self._clock() < self._until

    def watches(self, token_id: TokenId) -> bool:
        """Tell whether a token's shard was ours when the records last answered."""
        return shard_of(token_id) in self._held

    def holds(self, token_id: TokenId) -> bool:
        """Tell whether a token's shard is ours now: nobody else can have it yet."""
        return self.is_current and self.watches(token_id)

    async def run(self, tell: Callable[[], None]) -> None:
        """Renew what we hold and take what is free until cancelled; `tell` of every change."""
        try:
            while True:
                await self._renew(tell)
                await asyncio.sleep(RENEW_EVERY_S)
        finally:
            self._held = frozenset()
            with contextlib.suppress(StorageError, TimeoutError):
                async with asyncio.timeout(RELEASE_WITHIN_S):
                    await self._leases.release_watch(self._holder)

    async def _renew(self, tell: Callable[[], None]) -> None:
        asked_at = self._clock()
        try:
            held = frozenset(await self._leases.renew_watch(self._holder, asked_at))
        except StorageError as error:
            self._health.failed("watch_lease")
            log.warning("watch_not_renewed", error=str(error))
            return
        self._until = asked_at + WATCH_LEASE
        if held != self._held:
            log.info("watch_shards_changed", held=sorted(held), before=sorted(self._held))
            self._held = held
            tell()
