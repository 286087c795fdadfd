"""Audits by day which whale trades the fast feeds missed, and says so when it is too many."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import structlog

from ingest.health import FeedHealth
from storage.feed_port import FAST, FeedAudit, FeedCoverage
from storage.port import Event, StorageError

AUDIT_EVERY_S = 300.0
MISSED_SHARE_MAX = Decimal("0.001")
"""Of a day's trades; the chain alone should miss none."""

log = structlog.get_logger()


class CoverageStore(FeedAudit, Protocol):
    """What an audit reads and writes."""

    async def record_event_once(self, key: str, event: Event) -> bool:
        """Store an event under a key; return False when that key was there before."""


class CoverageAudit:
    """Counts today's trades every five minutes, and yesterday's until they are complete."""

    def __init__(
        self, store: CoverageStore, health: FeedHealth, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._health = health
        self._clock = clock

    async def run(self) -> None:
        """Audit until cancelled."""
        while True:
            await self.audit()
            await asyncio.sleep(AUDIT_EVERY_S)

    async def audit(self) -> None:
        """Audit the day, and the one before during the first hour."""
        now = self._clock()
        try:
            for day in sorted({(now - timedelta(hours=1)).date(), now.date()}):
                for found in await self._store.audit_feeds(day, now):
                    if found.feed == FAST:
                        await self._judge(found, now)
        except StorageError as error:
            self._health.failed("coverage")
            log.warning("coverage_not_audited", error=str(error))

    async def _judge(self, found: FeedCoverage, now: datetime) -> None:
        if found.missed <= found.trades * MISSED_SHARE_MAX:
            return
        event = Event(
            type="whale_trades_missed",
            severity="WARNING",
            title=f"chain and rtds missed {found.missed} of {found.trades} trades on {found.day}",
            at=now,
            metadata={"missed": str(found.missed), "trades": str(found.trades)},
        )
        if await self._store.record_event_once(f"missed/{found.day}", event):
            log.error("whale_trades_missed", missed=found.missed, trades=found.trades)
