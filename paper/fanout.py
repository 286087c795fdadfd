"""Carries the venue's events to one feed, in order, and starts anew when the venue cuts it off."""

import asyncio
from typing import Protocol

from paper.model import VenueEvent
from paper.venue import Venue

SUBSCRIPTION_EVENTS = 10_000


class Feed(Protocol):
    """What one kind of socket makes of the venue's events."""

    def handle(self, event: VenueEvent) -> None:
        """Tell every socket that wants it about one event."""

    def cut_off(self) -> None:
        """Forget what was known and close every socket: events were lost."""


class Fanout:
    """One subscription to the venue for all sockets of a feed.

    `drain` hands on what has happened so far. A feed calls it before it takes a snapshot, so that
    no frame sent later is older than the snapshot.
    """

    def __init__(self, venue: Venue, feed: Feed) -> None:
        self._venue = venue
        self._feed = feed
        self._events: asyncio.Queue[VenueEvent] | None = None

    async def run(self) -> None:
        """Hand on events until cancelled."""
        try:
            while True:
                await self._play(self._open())
        finally:
            self.stop()

    def start(self) -> None:
        """Subscribe now, so that nothing is missed before `run` gets its turn."""
        self._open()

    def stop(self) -> None:
        """Unsubscribe."""
        if self._events is not None:
            self._venue.unsubscribe(self._events)
            self._events = None

    def drain(self) -> None:
        """Hand on every event that is already here."""
        while self._events is not None and not self._events.empty():
            self._hand_on(self._events, self._events.get_nowait())

    def _open(self) -> "asyncio.Queue[VenueEvent]":
        if self._events is None:
            self._events = self._venue.subscribe(SUBSCRIPTION_EVENTS)
        return self._events

    async def _play(self, events: "asyncio.Queue[VenueEvent]") -> None:
        while events is self._events:
            event = await events.get()
            if events is self._events:
                self._hand_on(events, event)

    def _hand_on(self, events: "asyncio.Queue[VenueEvent]", event: VenueEvent) -> None:
        if isinstance(event, VenueEvent):
            self._feed.handle(event)
            return
        # A venue that cuts off a reader leaves something in its queue that is not an event.
        self._events = None
        self._feed.cut_off()
        events.put_nowait(event)  # wakes `run`, which may be waiting on the dead queue
