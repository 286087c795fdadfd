"""Hands every event of the venue to whoever subscribed, and cuts off those who do not keep up."""

import asyncio
from dataclasses import dataclass
from typing import cast

from paper.model import VenueEvent


@dataclass(frozen=True, slots=True)
class CutOff:
    """The last thing in the queue of a reader that fell behind: later events are lost to it."""

    capacity: int


class Subscriptions:
    """Bounded queues of events.

    A queue that holds `capacity` events when another one comes is ended: it keeps what it has,
    gets a `CutOff` as its last item and nothing after that. Its reader must start anew, as a
    client of the real venue does whose socket was closed.
    """

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[VenueEvent], int] = {}

    def open(self, capacity: int) -> "asyncio.Queue[VenueEvent]":
        """Return a queue of all events from now on."""
        queue: asyncio.Queue[VenueEvent] = asyncio.Queue()
        self._queues[queue] = capacity
        return queue

    def close(self, queue: "asyncio.Queue[VenueEvent]") -> None:
        """End a subscription; one that has ended already is ignored."""
        self._queues.pop(queue, None)

    def publish(self, event: VenueEvent) -> None:
        """Tell every reader about an event."""
        for queue, capacity in tuple(self._queues.items()):
            if queue.qsize() < capacity:
                queue.put_nowait(event)
                continue
            del self._queues[queue]
            # The reader is told by something that is no event; its type does not name it.
            cast("asyncio.Queue[object]", queue).put_nowait(CutOff(capacity))
