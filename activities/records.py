"""What workflows and activities hand each other: ids and verdicts, no books and no secrets."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.types import (
    ExitReason,
    ExitRequest,
    OrderHash,
    OrderState,
    PositionId,
    PositionState,
    Price,
    Reason,
    Shares,
    Side,
    SignalId,
    SignalState,
    Usd,
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a signal is copied; `summary` is one line for the Temporal UI."""

    signal_id: SignalId
    side: Side
    summary: str
    reason: Reason | None = None
    ended_as: SignalState = SignalState.FILTERED  # the signal's end when `reason` is set
    size: Shares | None = None
    limit_price: Price | None = None
    exit_share: Decimal | None = None
    position_id: PositionId | None = None
    give_up_at: datetime | None = None  # for remainders

    @property
    def is_copied(self) -> bool:
        """Tell whether the signal is to be traded."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a trade: number from 1, what is left to trade, never above the price cap.

    An entry names its signal, an exit its position and exit epoch. `unsent` are an exit's earlier
    attempts of which no copy left: they are no steps down its ladder.
    """

    number: int
    side: Side
    size: Shares
    limit_price: Price | None
    signal_id: SignalId | None = None
    position_id: PositionId | None = None
    exit_epoch: int = 0
    exit_reason: ExitReason | None = None
    unsent: int = 0

    @property
    def key(self) -> str:
        """Return the intent's id; the same attempt always has the same one."""
        if self.exit_epoch:
            return f"{self.position_id}#exit-{self.exit_epoch}-{self.number}"
        return f"{self.signal_id}#{self.number}"

    def next(self, leaves: Shares) -> "Attempt":
        """Return the attempt that trades what this one left."""
        return replace(self, number=self.number + 1, size=leaves)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the book would give now; `slippage` is (VWAP - mid) / mid with its buffer."""

    slippage: Decimal
    vwap: Price | None
    limit_price: Price
    mid: Price
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A committed intent's order, or why there is none."""

    order_hash: OrderHash | None
    size: Shares
    price: Price
    reason: Reason | None = None
    ended_as: SignalState = SignalState.RISK_REJECTED


@dataclass(frozen=True, slots=True)
class FillReport:
    """An order at rest: what was matched, confirmed, and whether the rest is worth a new try."""

    order_hash: OrderHash
    state: OrderState
    size: Shares
    matched: Shares
    confirmed: Shares
    is_done: bool
    is_accepted: bool
    may_retry: bool  # the rest is proven dead and worth a fresh price
    position_id: PositionId
    summary: str
    has_owner: bool = False  # the position's workflow has looked at it, so it runs, or is soon to

    @property
    def leaves(self) -> Shares:
        """Return size minus what was matched."""
        return Shares(max(self.size - self.matched, Decimal(0)))


@dataclass(frozen=True, slots=True)
class TradeEnd:
    """How a signal ended."""

    signal_id: SignalId
    state: SignalState
    summary: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asks of a running trade, kept as an event: who asks, and why."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """A command that was accepted; `key` is the same for every repeat of it."""

    key: str
    kind: str
    command: Command
    signal_id: SignalId


@dataclass(frozen=True, slots=True)
class ShareCommand:
    """A person wants a share of a position sold, of what is held when the exit begins.

    `lowest`: the price down to which it may go, even below the floor; None ends at the floor.
    """

    who: str
    why: str
    share: Decimal
    lowest: Price | None = None


class PositionCommand(StrEnum):
    """What a person may ask of a position's owner."""

    CLOSE = "close"
    CLOSE_SHARE = "close_share"
    HOLD = "hold"
    RELEASE = "release"
    ADOPT_FILLS = "adopt_fills"


@dataclass(frozen=True, slots=True)
class PositionNote:
    """A command that a position's owner accepted; `key` is the same for every repeat of it."""

    key: str
    kind: PositionCommand
    command: Command
    position_id: PositionId
    words: str  # what was asked
    lowest: Price | None = None  # of a sale that is asked for


@dataclass(frozen=True, slots=True)
class PositionStart:
    """What a position's workflow starts with; `pending` came before a continue-as-new."""

    position_id: PositionId
    pending: tuple[ExitRequest, ...] = ()
    held_by: str = ""


@dataclass(frozen=True, slots=True)
class ExitStep:
    """Where an exit stands: the next attempt, or a wait (None), or the end."""

    exit_epoch: int
    reason: ExitReason
    target: Shares  # to be sold by the whole exit
    number: int  # of the next attempt
    is_finished: bool
    attempt: Attempt | None
    summary: str
    order_hashes: tuple[OrderHash, ...] = ()  # of the whole exit so far, oldest first
    left: tuple[OrderHash, ...] = ()  # those of them that have not ended
    unresolved: tuple[OrderHash, ...] = ()  # those of them that are not done, or not booked
    signal_ids: tuple[SignalId, ...] = ()  # of the whale's sales that it answers
    is_whole: bool = False  # everything goes
    is_served: bool = True  # what was asked for is within what this exit sells
    began_at: datetime | None = None
    lowest: Price | None = None  # a person lets it go below the floor


@dataclass(frozen=True, slots=True)
class PositionReview:
    """A position as it stands, and what is to be done with it."""

    position_id: PositionId
    state: PositionState
    size: Shares
    settled_size: Shares
    exit_epoch: int
    pnl: Usd
    summary: str
    mark_every_s: int
    exit_reason: ExitReason | None = None
    is_resolved: bool = False
    held_by: str = ""  # who lets no automatic exit begin, and why

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is held any more."""
        return self.state.is_over

    @property
    def wants_exit(self) -> bool:
        """Tell whether all of it must go: a level was crossed, or an exit lost its owner."""
        return self.exit_reason is not None or self.state is PositionState.EXITING


@dataclass(frozen=True, slots=True)
class Sweep:
    """What looking for things without an owner has found and settled."""

    orders: int = 0  # came to their end, or were booked
    signals: int = 0  # ended
    positions: int = 0  # given an owner
    stakes: int = 0  # reservations and offers that nothing held any more
    failures: int = 0  # tried again at the next pass

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was found."""
        return self == Sweep()

    def plus(self, other: "Sweep") -> "Sweep":
        """Return what both have found."""
        return Sweep(
            self.orders + other.orders,
            self.signals + other.signals,
            self.positions + other.positions,
            self.stakes + other.stakes,
            self.failures + other.failures,
        )

    def describe(self) -> str:
        """Return one line for a person."""
        found = f"{self.orders} orders, {self.signals} signals, {self.stakes} stakes settled"
        return f"{found}, {self.positions} positions owned again, {self.failures} failures"
