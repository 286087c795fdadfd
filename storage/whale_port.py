"""What we ask of the records about whales: changes by people, scores, and the watch on edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from storage.port import FactStore, WhaleRecord
from trading.edge import Baseline, EdgeWatch
from trading.overrides import Overrides
from trading.track_record import TrackRecord
from trading.types import Usd, Wallet

CHANNEL = "whales"
"""Rings with a wallet when its row has changed."""


class WhaleChange(StrEnum):
    """What can be done to a whale; the name is that of the event too."""

    ADDED = "whale_added"
    REMOVED = "whale_removed"
    PAUSED = "whale_paused"
    RESUMED = "whale_resumed"
    OVERRIDDEN = "whale_overridden"


@dataclass(frozen=True, slots=True)
class Word:
    """Who wants it, why, and when."""

    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Edge:
    """A whale's baseline, what is watched since, and what the last look found."""

    baseline: Baseline
    since: datetime
    judged_at: datetime | None = None
    theirs: EdgeWatch | None = None
    ours: EdgeWatch | None = None


@dataclass(frozen=True, slots=True)
class StoredScore:
    """One scoring of a whale, as `trading.whales.WhaleScore` names its figures."""

    scored_at: datetime
    quality_score: Decimal
    score_error: Decimal
    win_rate: Decimal
    mean_return: Decimal
    return_error: Decimal
    return_low: Decimal
    has_evidence: bool
    closed_trades: int
    volume: Usd


class ScoreStore(Protocol):
    """Scores, edges and what follows from them."""

    async def list_scorable(self, after: Wallet, limit: int) -> Sequence[Wallet]:
        """Return followed wallets in order, those after one."""

    async def save_score(self, wallet: Wallet, record: TrackRecord, now: datetime) -> bool:
        """Store a scoring; False for a wallet that is not on record. It follows nobody."""

    async def load_edge(self, wallet: Wallet) -> Edge | None:
        """Return the watch on a whale's edge."""

    async def begin_edge(self, wallet: Wallet, baseline: Baseline, since: datetime) -> None:
        """Begin to watch a whale unless it is watched already."""

    async def note_edge(self, wallet: Wallet, edge: Edge) -> bool:
        """Keep what a look at a whale's edge found; False when its watch began anew meanwhile."""

    async def our_results(self, wallet: Wallet, since: datetime) -> Sequence[Decimal]:
        """Return pnl / cost of our copies of a whale that closed after a time, oldest first."""

    async def change_whale(self, wallet: Wallet, change: WhaleChange, word: Word) -> bool:
        """Remove, pause or resume; False when there is nothing to change. Resuming watches anew."""

    async def lose_edge(self, wallet: Wallet, since: datetime, word: Word) -> bool:
        """Pause a whale whose edge is gone by the watch since then; False if it began anew."""


class WhaleFacts(FactStore, ScoreStore, Protocol):
    """The records as whoever follows whales needs them."""


class WhaleStore(WhaleFacts, Protocol):
    """The records as whoever changes whales needs them."""

    async def follow_whale(self, whale: WhaleRecord, word: Word) -> bool:
        """Follow a wallet by the overrides of its standing; False when it is followed already."""

    async def set_overrides(self, wallet: Wallet, overrides: Overrides, word: Word) -> bool:
        """Replace a whale's overrides as a whole; False for a wallet that is not on record."""
