"""What we ask of the public record of followed wallets: all they did, and what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from exchange.port import Quarantined
from trading.holdings import HeldToken, WhaleMove
from trading.types import Wallet, WhaleFill


@dataclass(frozen=True, slots=True)
class Activity:
    """What one answer tells of a wallet, oldest first; rows that were no use are `refused`.

    Fills have no identity of their own, so that each is told in one answer only; moves have, and
    are told in every one.
    """

    fills: tuple[WhaleFill, ...] = ()
    moves: tuple[WhaleMove, ...] = ()
    refused: tuple[Quarantined, ...] = ()


class WalletRecord(Protocol):
    """The public record by wallet. Every method raises UnavailableError or WireError."""

    async def fetch_activity(self, wallet: Wallet, since: datetime) -> Activity:
        """Return what a wallet did since a time: trades, splits, merges, conversions, payouts."""

    async def fetch_held(self, wallet: Wallet) -> Sequence[HeldToken]:
        """Return what a wallet holds, each token as of its last change."""
