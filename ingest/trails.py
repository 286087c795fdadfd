"""Stores the levels that follow the bid; what a person moved meanwhile stands."""

import asyncio

import structlog

from ingest.exits import ExitDesk
from ingest.health import FeedHealth
from storage.level_port import LevelStore, exit_levels, kept_levels
from storage.port import StorageError
from trading.types import PositionId

RETRY_S = 0.2

log = structlog.get_logger()


class Trails:
    """Brings the stored levels after those in memory, one position at a time."""

    def __init__(self, desk: ExitDesk, store: LevelStore, health: FeedHealth) -> None:
        self._desk = desk
        self._store = store
        self._health = health
        self._waiting: set[PositionId] = set()
        self._news = asyncio.Event()

    def moved(self, position_id: PositionId) -> None:
        """Note that a position's levels are not those that are stored."""
        self._waiting.add(position_id)
        self._news.set()

    async def run(self) -> None:
        """Store what moved until cancelled; while the database is away it waits."""
        while True:
            await self._news.wait()
            self._news.clear()
            moved, self._waiting = self._waiting, set()
            for position_id in sorted(moved):
                try:
                    await self._store_levels(position_id)
                except StorageError as error:
                    self._health.failed("levels")
                    log.warning("levels_not_saved", position_id=position_id, error=str(error))
                    self.moved(position_id)
                    await asyncio.sleep(RETRY_S)

    async def _store_levels(self, position_id: PositionId) -> None:
        found = self._desk.levels_of(position_id)
        if found is None:
            return
        position, levels = found
        before, after = kept_levels(exit_levels(position)), kept_levels(levels)
        if before == after:
            return
        if await self._store.swap_levels(position_id, before, after):
            self._desk.take_stored(position_id, after)
            return
        newest = await self._store.load_position(position_id)
        if newest is not None:
            self._desk.take_newer(newest)
