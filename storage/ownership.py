"""Who must look after an order, and what is asked of the records to find what nobody does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.port import StoredSignal
from trading.types import OrderHash, OrderState, PositionId, SignalId


@dataclass(frozen=True, slots=True)
class LooseOrder:
    """An order that is not done, or not booked as known; `signal_id` is None for exits."""

    order_hash: OrderHash
    state: OrderState
    signal_id: SignalId | None
    position_id: PositionId
    changed_at: datetime
    is_adopted: bool  # booked by the venue after its owner had given it up
    is_booked: bool  # position, ledger and reservation follow what is known of it


class OrphanStore(Protocol):
    """What somebody should be working on."""

    async def list_running_signals(
        self, committed_before: datetime, limit: int
    ) -> Sequence[StoredSignal]:
        """Return signals that run since before a time, oldest first."""

    async def list_loose_orders(self, limit: int) -> Sequence[LooseOrder]:
        """Return orders that are not done or not booked as known, longest unchanged first."""

    async def list_stranded(self, limit: int) -> Sequence[OrderHash]:
        """Return orders that are done and booked and still reserve or offer something."""
