"""What reconciling asks of the records: our books, what is news in them, what differs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trading.orders import VenueTrade
from trading.own_books import OwnBooks
from trading.reconcile import Finding, Reading, Subject, Suspicion
from trading.rules import ReconcileRules
from trading.types import OrderHash, TokenId

ACCOUNT_STREAM = "account_stream"
"""The cursor that the listener moves when the stream of our own orders was connected anew."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading and what was found by it."""

    reading: Reading
    finding: Finding


@dataclass(frozen=True, slots=True)
class Foreigner:
    """An order at the venue in our wallet's name that no intent of ours explains."""

    order_hash: OrderHash
    seen_as: str  # how it was seen, in words
    token_id: TokenId | None = None


class BookKeeping(Protocol):
    """Our side of the comparison, and the record of what it found."""

    async def load_own_books(
        self, settled_since: datetime, listed: Collection[OrderHash] = ()
    ) -> OwnBooks:
        """Return the wallet by our records, and its orders that are not over or are listed.

        Moves are what is pending, and what was settled since a time: venues answer with what
        was a while ago.
        """

    async def list_news(self, trades: Sequence[VenueTrade]) -> Sequence[VenueTrade]:
        """Return those trades of our own orders that are not on record as they stand now."""

    async def list_foreign(self, order_hashes: Collection[OrderHash]) -> frozenset[OrderHash]:
        """Return those of the orders that no intent of ours explains."""

    async def load_suspicions(self) -> Mapping[Subject, Suspicion]:
        """Return the differences under watch."""

    async def record_findings(
        self, judged: Sequence[Judged], rules: ReconcileRules, now: datetime
    ) -> None:
        """Keep what was found in one transaction: rows, events, and the halt of what lasted."""

    async def record_foreigner(self, foreigner: Foreigner, now: datetime) -> bool:
        """Halt all entries for a foreign order, and put it before a person; once for each."""
