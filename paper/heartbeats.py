"""Cancels what rests when a client that promised heartbeats falls silent."""

import asyncio
import uuid
from dataclasses import dataclass

from paper.model import OrderStatus
from paper.venue import Venue

SILENCE_MS = 10_000
_LOOK_EVERY_S = 0.25


class StaleHeartbeatError(Exception):
    """A heartbeat did not name the id that the last one was answered with."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected heartbeat id {expected}")
        self.expected = expected


@dataclass(frozen=True, slots=True)
class _Promise:
    expected: str
    deadline: int


class Heartbeats:
    """The API keys that sent a heartbeat, and when each is due again.

    Source: the first heartbeat enables it for every open order of the key, a silence of more than
    ten seconds cancels them and ends it, there is no other way to end it.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._promises: dict[str, _Promise] = {}

    def beat(self, key: str, heartbeat_id: str) -> str:
        """Take a heartbeat of a key; return the id to send next, raise StaleHeartbeatError."""
        promise = self._promises.get(key)
        if promise is not None and heartbeat_id != promise.expected:
            raise StaleHeartbeatError(promise.expected)
        following = _Promise(str(uuid.uuid4()), self._venue.now() + SILENCE_MS)
        self._promises[key] = following
        return following.expected

    def cancel_silent(self) -> list[str]:
        """Cancel the orders of every key that is overdue; return the ids cancelled."""
        now = self._venue.now()
        silent = {key for key, promise in self._promises.items() if promise.deadline < now}
        cancelled: list[str] = []
        for key in silent:
            del self._promises[key]
            cancelled += self._venue.cancel(open_order_ids(self._venue, key), key)[0]
        return cancelled

    async def watch(self) -> None:
        """Look for silent keys until cancelled."""
        while True:
            if self._promises:
                self.cancel_silent()
            await asyncio.sleep(_LOOK_EVERY_S)


def open_order_ids(venue: Venue, owner: str) -> list[str]:
    """Return the ids of an API key's orders that rest in a book."""
    return [
        record.order.order_id
        for record in venue.orders()
        if record.owner == owner and record.status is OrderStatus.LIVE
    ]
