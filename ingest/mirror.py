"""Turns what we still owe to whales' exits into signals: moves without a trade, and left-overs."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from ingest.health import FeedHealth
from ingest.record import Recorder
from ingest.stored import until_stored
from storage.holding_port import HoldingStore
from trading.aggregate import FoundSignal

EVERY = timedelta(seconds=2)
HEARD_WITHIN = timedelta(minutes=2)
ALL_EVERY = timedelta(minutes=1)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


class MirrorWatch:
    """Compares our lots with their whales' stakes; what is owed becomes a signal like a sale.

    A whale's own sales are signals already and come first. This finds what is none: shares that
    were merged or converted, what was sold while our entry was on its way, and what an exit left.
    """

    def __init__(
        self,
        holdings: HoldingStore,
        recorder: Recorder,
        health: FeedHealth,
        clock: Callable[[], datetime],
    ) -> None:
        self._holdings = holdings
        self._recorder = recorder
        self._health = health
        self._clock = clock
        self._all_at: datetime | None = None

    async def run(self, every: timedelta = EVERY) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(every.total_seconds())

    async def look(self) -> int:
        """Commit a signal for every position that owes; return how many owe.

        Most looks are at what was heard lately, one in a minute is at every whale that reduced.
        """
        now = self._clock()
        is_full = self._all_at is None or now - self._all_at >= ALL_EVERY
        since = _EVER if is_full else now - HEARD_WITHIN
        owing = await until_stored(
            lambda: self._holdings.list_owed(since, now), self._health, "owed"
        )
        if owing is None:
            return 0
        if is_full:
            self._all_at = now
        for owed in owing:
            log.info("mirror_owed", position_id=owed.position_id, size=str(owed.mirror.owed))
            await self._recorder.record_signal(FoundSignal(owed.signal, ()))
        return len(owing)
