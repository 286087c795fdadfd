"""What finding out whether we may trade leaves in the records."""

from datetime import datetime
from typing import Protocol

from storage.port import Event
from trading.breakers import Breaker, Trip


class AdmissionStore(Protocol):
    """Stops the entries of one wallet, and lets them go on."""

    async def hold_trip(self, trip: Trip) -> bool:
        """Stop entries, or go on stopping them; page and return True when it is news."""

    async def end_trip(self, breaker: Breaker, why: str, now: datetime) -> bool:
        """Let entries go on that a breaker stops; return False when it did not hold."""

    async def record_event_once(self, key: str, event: Event) -> bool:
        """Store an event under a key; return False when that key was there before."""
