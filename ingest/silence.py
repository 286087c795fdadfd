"""Raises an alarm when a feed of whale fills is silent for more than 30 s, and ends it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from exchange.port import WalletSet
from ingest.health import FeedHealth
from storage.feed_port import FeedAudit
from storage.port import StorageError

LOOK_EVERY_S = 2.0

log = structlog.get_logger()


class SilenceWatch:
    """Looks every two seconds at who speaks; nobody is expected to while no wallet is followed."""

    def __init__(
        self,
        feeds: Sequence[str],
        audit: FeedAudit,
        health: FeedHealth,
        clock: Callable[[], datetime],
    ) -> None:
        self._feeds = feeds
        self._audit = audit
        self._health = health
        self._clock = clock
        self._silent: set[str] | None = None  # None: what an earlier process left is not known

    async def run(self, wallets: WalletSet) -> None:
        """Watch until cancelled."""
        self._expect_all()
        while True:
            await self.look(wallets)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, wallets: WalletSet) -> None:
        """Raise and end alarms; what cannot be written now is tried again."""
        if not wallets.current():
            self._expect_all()
        ages, now = self._health.silent(), self._clock()
        silent = {feed for feed in self._feeds if feed in ages}
        try:
            for feed in sorted(silent - (self._silent or set())):
                if await self._audit.begin_silence(feed, now - ages[feed], now):
                    log.error("feed_silent", feed=feed, for_s=ages[feed].total_seconds())
            for feed in sorted(
                (set(self._feeds) if self._silent is None else self._silent) - silent
            ):
                if await self._audit.end_silence(feed, now):
                    log.info("feed_heard_again", feed=feed)
        except StorageError as error:
            self._health.failed("silence")
            log.warning("silence_not_told", error=str(error))
            return
        self._silent = silent

    def _expect_all(self) -> None:
        for feed in self._feeds:
            self._health.expect(feed)
