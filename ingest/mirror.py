"""Turns what we still owe to whales' exits into signals: moves without a trade, and left-overs."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from ingest.health import FeedHealth
from ingest.record import Recorder
from ingest.stored import until_stored
from storage.holding_port import HoldingStore, OwedPage
from trading.aggregate import FoundSignal

EVERY = timedelta(seconds=2)
HEARD_WITHIN = timedelta(minutes=2)
PAGE_EVERY = timedelta(seconds=10)
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
        self._after = ""
        self._page_due_at = _EVER

    async def run(self, every: timedelta = EVERY) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(every.total_seconds())

    async def look(self) -> int:
        """Commit a signal for every position that owes; return how many owe.

        Looked at is what was heard lately, and now and then a page of all that was ever heard.
        """
        now = self._clock()
        owing = await self._commit(await self._list(now - HEARD_WITHIN, now, ""))
        if now < self._page_due_at:
            return owing
        self._page_due_at = now + PAGE_EVERY
        page = await self._list(_EVER, now, self._after)
        self._after = page.last or ""
        return owing + await self._commit(page)

    async def _list(self, since: datetime, now: datetime, after: str) -> OwedPage:
        ask = partial(self._holdings.list_owed, since, now, after)
        return await until_stored(ask, self._health, "owed") or OwedPage(())

    async def _commit(self, page: OwedPage) -> int:
        for owed in page.owed:
            log.info("mirror_owed", position_id=owed.position_id, size=str(owed.mirror.owed))
            await self._recorder.record_signal(FoundSignal(owed.signal, ()))
        return len(page.owed)
