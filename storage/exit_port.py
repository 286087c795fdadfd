"""What we ask of the records of exits: how each was planned, its orders, pages, and holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from trading.types import (
    ExitReason,
    OrderHash,
    OrderState,
    PositionId,
    Price,
    Shares,
    SignalId,
)


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """One exit as it was fixed when it began, whoever carries it out.

    It sells `target` shares: a `share` of what was held then. `signal_ids` are the whale's sales
    that it answers. `lowest`: a person lets it go down to this price, even below the floor.
    """

    position_id: PositionId
    exit_epoch: int
    reason: ExitReason
    share: Decimal
    target: Shares
    began_at: datetime
    signal_ids: tuple[SignalId, ...] = ()
    lowest: Price | None = None


@dataclass(frozen=True, slots=True)
class SaleOrder:
    """An order of an exit: what it has sold, and whether anything of it is still to be heard.

    Of one that was not sent no copy has left: the signer or the venue took none in time.
    """

    order_hash: OrderHash
    attempt: int
    state: OrderState
    matched: Shares  # and not taken back
    error: str
    is_unresolved: bool  # not done, or not booked as it is known
    was_sent: bool = True

    @property
    def ended_unsent(self) -> bool:
        """Tell whether it is over and nobody was offered anything."""
        return self.state.is_terminal and not self.was_sent


@dataclass(frozen=True, slots=True)
class ExitPage:
    """What a person is told of an exit that is not done; `name` says at which of its hurdles."""

    position_id: PositionId
    exit_epoch: int
    name: str
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """A person lets no automatic exit of a position begin or go on."""

    position_id: PositionId
    who: str
    why: str
    held_at: datetime


class ExitStore(Protocol):
    """Plans, pages and holds; every call may be repeated."""

    async def fix_exit(self, plan: ExitPlan) -> ExitPlan:
        """Store the plan of an exit unless it has one; return the one that stands."""

    async def lower_exit(self, position_id: PositionId, lowest: Price) -> None:
        """Let the exit that runs go down to a price, if one runs and may not go as low yet."""

    async def find_lowest(self, position_id: PositionId, epoch: int) -> Price | None:
        """Return the price down to which a person lets an exit go; None: down to the floor."""

    async def list_answered(self, position_id: PositionId, epoch: int) -> Sequence[SignalId]:
        """Return the whale's sales that exits of a position before this one have answered."""

    async def list_sales(self, position_id: PositionId, epoch: int) -> Sequence[SaleOrder]:
        """Return the orders of all attempts of one exit, oldest first."""

    async def page_exit(self, page: ExitPage) -> None:
        """Page about an exit that is not done, once for each name.

        It stands in the review queue from the first page until it is resolved or the exit ends.
        """

    async def hold_position(self, hold: Hold) -> None:
        """Keep a hold; a newer one takes the place of an older one."""

    async def release_position(self, position_id: PositionId) -> None:
        """Forget the hold of a position."""

    async def find_hold(self, position_id: PositionId) -> Hold | None:
        """Return the hold of a position, None when nobody holds it."""
