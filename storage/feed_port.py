"""How well the feeds told what whales did, and which of them are silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

FAST = "fast"
"""Chain and real-time socket together: what is neither's is missed."""


@dataclass(frozen=True, slots=True)
class FeedCoverage:
    """Of how many trades of followed wallets a feed told on a day (UTC); `fast` is two feeds."""

    day: date
    feed: str
    trades: int
    told: int

    @property
    def missed(self) -> int:
        """Return of how many it did not tell."""
        return self.trades - self.told


@dataclass(frozen=True, slots=True)
class FeedSilence:
    """A feed that has not spoken since a time."""

    feed: str
    since: datetime


class FeedAudit(Protocol):
    """Keeps what the feeds were worth."""

    async def audit_feeds(self, day: date, now: datetime) -> Sequence[FeedCoverage]:
        """Count a day's trades by who told of them, keep the figures, and return them."""

    async def begin_silence(self, feed: str, since: datetime, now: datetime) -> bool:
        """Raise the alarm that a feed is silent; False when it was raised before."""

    async def end_silence(self, feed: str, now: datetime) -> bool:
        """Close a feed's alarm; False when there was none."""
