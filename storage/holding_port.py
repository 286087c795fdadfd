"""What we ask of the records of whales' stakes: moves, snapshots, and what we owe to both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trading.holdings import HeldToken, Mirror, WhaleMove
from trading.types import PositionId, WhaleFill, WhaleSignal


@dataclass(frozen=True, slots=True)
class Owed:
    """A position that is larger than its whale's stake says, and nobody is asked to sell it."""

    position_id: PositionId
    signal: WhaleSignal  # to be committed: the same until somebody has answered it
    mirror: Mirror


@dataclass(frozen=True, slots=True)
class OwedPage:
    """A part of all positions in the order of their ids; `last` is None after the end."""

    owed: tuple[Owed, ...]
    last: PositionId | None = None


class MirrorStore(Protocol):
    """How much of our lots follows the whale out."""

    async def claim_exit_share(self, signal: WhaleSignal, now: datetime) -> Mirror | None:
        """Decide once which share of our position a whale's reduction takes; None without one.

        The first answer stands for its signal, and no two signals are given the same shares.
        """


class HoldingStore(Protocol):
    """Whales' stakes, as a listener keeps them. Every call may be repeated."""

    async def record_move(self, move: WhaleMove, now: datetime) -> bool:
        """Store a move; return False when it is already there."""

    async def record_held(self, held: Sequence[HeldToken], now: datetime) -> None:
        """Store what the venue says that wallets hold."""

    async def is_known_elsewhere(self, fill: WhaleFill) -> bool:
        """Tell whether another source than the fill's own has told of its transaction."""

    async def list_owed(self, since: datetime, now: datetime, after: str = "") -> OwedPage:
        """Return positions that no request to leave brings down to what their whales kept.

        Looked at is what a whale has reduced in a way that was heard of since a time, from the
        position after a given one.
        """
