"""What we ask of the records of redemptions: committed before they are sent, sent again alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from storage.port import Event
from trading.types import ConditionId, PositionId, Wallet


class SendingState(StrEnum):
    """A redemption is open until the chain has spoken; a wallet has one open at a time."""

    OPEN = "OPEN"
    DONE = "DONE"
    DEAD = "DEAD"


@dataclass(frozen=True, slots=True)
class Sending:
    """A redemption on its way: `request` is its transaction as text, the same at every sending.

    `handle` is what the venue gave to follow it by, "" while there is none.
    """

    redemption_id: str
    wallet: Wallet
    condition_id: ConditionId
    request: str
    state: SendingState
    created_at: datetime
    sends: int = 0
    handle: str = ""
    error: str = ""
    sent_at: datetime | None = None
    ended_at: datetime | None = None


class RedeemStore(Protocol):
    """Redemptions on their way; every call may be repeated."""

    async def commit_sending(self, sending: Sending) -> Sending:
        """Commit a redemption; return the wallet's open one instead where there is one."""

    async def open_sending(self, wallet: Wallet) -> Sending | None:
        """Return the wallet's open redemption."""

    async def last_sending(self, wallet: Wallet, condition_id: ConditionId) -> Sending | None:
        """Return the newest redemption of a condition."""

    async def begin_redeeming(
        self, redemption_id: str, epoch: int, now: datetime, apart: timedelta
    ) -> bool:
        """Count a sending; False when it is over or was sent less than `apart` ago.

        Raises FencedError when the epoch is not the wallet's newest.
        """

    async def note_sending(self, redemption_id: str, handle: str, error: str) -> None:
        """Keep what sending brought; a handle that is known stays."""

    async def end_sending(
        self, redemption_id: str, state: SendingState, error: str, now: datetime
    ) -> None:
        """End a redemption; the first end stands."""

    async def mark_redeemable(self, position_id: PositionId, now: datetime) -> None:
        """Move a resolved position to REDEEMABLE: the chain will pay for its shares."""

    async def record_event_once(self, key: str, event: Event) -> bool:
        """Store an event under a key; return False when that key was there before."""
