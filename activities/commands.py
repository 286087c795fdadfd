"""Keep what people asked of running workflows, once each, as events."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from temporalio import activity

from activities.records import Note
from storage.port import Event
from trading.types import PositionId


class EventBook(Protocol):
    """Events that are told once, however often they are written."""

    async def record_event_once(self, key: str, event: Event) -> bool:
        """Store an event under a key; return False when that key was there before."""


class CommandActivities:
    """Notes on commands. Full activities, since a person's word may come beside any other step."""

    def __init__(self, events: EventBook, clock: Callable[[], datetime]) -> None:
        self._events = events
        self._clock = clock

    @activity.defn
    async def note_command(self, note: Note) -> None:
        """Keep who asked what of a trade, and why."""
        event = Event(
            type=f"trade_{note.kind}",
            severity="INFO",
            title=f"{note.command.who} asked to {_words(note.kind)}: {note.command.why}",
            at=self._clock(),
            ids={"signal_id": note.signal_id},
            metadata={"who": note.command.who, "why": note.command.why},
        )
        await self._events.record_event_once(note.key, event)

    @activity.defn
    async def note_refused_cancel(self, key: str, position_id: PositionId) -> None:
        """Keep that somebody cancelled a position's workflow, which goes on all the same."""
        event = Event(
            type="position_cancel_refused",
            severity="WARNING",
            title="a position always has an owner; ask it to exit instead of cancelling it",
            at=self._clock(),
            ids={"position_id": position_id},
        )
        await self._events.record_event_once(key, event)


def _words(kind: str) -> str:
    return kind.replace("_", " ")
