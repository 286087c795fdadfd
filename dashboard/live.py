"""Tells open pages what changed: sections are read about once a second while somebody watches."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from dashboard.board import Board, Section
from dashboard.errors import TooManyWatchersError
from dashboard.gauges import Gauges
from dashboard.notation import json_text
from storage.port import StorageUnavailableError

WATCHERS_MAX = 32
READ_EVERY_S = 1.0
READ_TIMEOUT_S = 10.0
HEALTH = "health"
"""The event that says whether the records can be read."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """One section's newest text, as JSON; `number` rises with every change of any section."""

    name: str
    text: str
    number: int


@dataclass(slots=True)
class Watcher:
    """One open page; it is told the newest of each section it has not seen, never a backlog."""

    pulse: "Pulse"
    seen: int = 0

    async def next(self) -> list[Change]:
        """Wait for changes and return them; nothing once the pulse has stopped."""
        changes = await self.pulse.after(self.seen)
        if changes:
            self.seen = max(change.number for change in changes)
        return changes


@dataclass(slots=True)
class Pulse:
    """Reads the sections while somebody watches, and remembers the newest text of each."""

    board: Board
    gauges: Gauges
    every_s: float = READ_EVERY_S
    _changes: dict[str, Change] = field(default_factory=dict)
    _number: int = 0
    _watchers: int = 0
    _is_stopped: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Read until cancelled; at rest while nobody watches."""
        while True:
            async with self._news:
                await self._news.wait_for(lambda: self._watchers > 0)
            await self.read()
            await asyncio.sleep(self.every_s)

    async def read(self) -> None:
        """Read all sections once and tell the watchers what changed."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                for section in Section:
                    self._keep(section, json_text(await self.board.section(section)))
        except (StorageUnavailableError, TimeoutError) as error:
            log.warning("records_unavailable", error=str(error) or "no answer in time")
            self._keep(HEALTH, json_text({"records": "unavailable"}), result="failed")
        except Exception:  # the outermost loop: the page must say it is broken, not go silent
            log.exception("section_not_read")
            self._keep(HEALTH, json_text({"records": "unreadable"}), result="failed")
        else:
            self._keep(HEALTH, json_text({"records": "ok"}))
        async with self._news:
            self._news.notify_all()

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Count a page in, and out at the end.

        Raises:
            TooManyWatchersError: as many pages are open as we serve.
        """
        if self._watchers >= WATCHERS_MAX:
            raise TooManyWatchersError(f"at most {WATCHERS_MAX} event streams are served")
        self._count(1)
        try:
            yield Watcher(self)
        finally:
            self._count(-1)

    async def wake(self) -> None:
        """Begin to read, now that somebody watches."""
        async with self._news:
            self._news.notify_all()

    async def stop(self) -> None:
        """Let every watcher go."""
        self._is_stopped = True
        await self.wake()

    async def after(self, number: int) -> list[Change]:
        """Wait until a section has changed after a number; return what has, oldest first."""
        async with self._news:
            await self._news.wait_for(lambda: self._is_stopped or self._number > number)
        if self._is_stopped:
            return []
        newer = [change for change in self._changes.values() if change.number > number]
        return sorted(newer, key=lambda change: change.number)

    def _keep(self, name: str, text: str, result: str = "changed") -> None:
        known = self._changes.get(name)
        if known is not None and known.text == text:
            self.gauges.read(name, "same" if result == "changed" else result)
            return
        self._number += 1
        self._changes[name] = Change(name, text, self._number)
        self.gauges.read(name, result)

    def _count(self, by: int) -> None:
        self._watchers += by
        self.gauges.watched(self._watchers)
