"""What is known at the end of a run, on both sides, as plain rows; the audit reads nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue booked it."""

    order_id: str
    token_id: str
    side: str
    size: Decimal
    matched: Decimal
    status: str
    posts: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Fill:
    """Our part of one trade, as the venue or as our records tell it; `status` is its settlement.

    `settled_at` and `position_id` are of our records only; `taker`, who met our resting order, and
    the size of the whole trade are the venue's.
    """

    trade_id: str
    order_id: str
    token_id: str
    side: str
    size: Decimal
    cost: Decimal
    fee: Decimal
    status: str
    at: datetime
    settled_at: datetime | None = None
    position_id: str = ""
    taker: str = ""
    trade_size: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Signal:
    """A whale order as we recorded it."""

    signal_id: str
    wallet: str
    side: str
    size: Decimal
    state: str
    committed_at: datetime
    reason: str | None = None
    finished_at: datetime | None = None
    token_id: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One of our intents and its order, by hash; `is_entry` tells a purchase from an exit."""

    order_id: str
    intent_id: str
    signal_id: str | None
    position_id: str
    token_id: str
    is_entry: bool
    attempt: int
    exit_epoch: int
    expires_at: datetime
    retry_until: datetime
    status: str
    size_matched: Decimal = ZERO
    posts: int = 0
    error: str = ""
    is_done: bool = True
    is_applied: bool = True
    adopted: bool = False
    faults: tuple[str, ...] = ()
    first_sent_at: datetime | None = None
    released_at: datetime | None = None
    reserved_open: bool = False  # its reservation or offer is not released


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence on an order, as it was kept."""

    order_id: str
    kind: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """One of our positions; `redeemed` are shares that were paid out."""

    position_id: str
    whale: str
    condition_id: str
    token_id: str
    status: str
    size: Decimal
    settled_size: Decimal
    redeemed: Decimal = ZERO

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is held any more."""
        return self.status in ("CLOSED", "REDEEMED")


@dataclass(frozen=True, slots=True)
class Halt:
    """What stops entries: of the wallet or of a token."""

    scope: str
    key: str
    reason: str
    halted_at: datetime


@dataclass(frozen=True, slots=True)
class Workflow:
    """One run of a workflow as Temporal lists it."""

    workflow_id: str
    run_id: str
    kind: str
    status: str
    history_length: int


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A workflow task that failed, found in a sample of the histories."""

    workflow_id: str
    cause: str
    text: str


@dataclass(frozen=True, slots=True)
class LimitBreach:
    """A sample in which more was used than a cap allows."""

    scope: str
    key: str
    used: Decimal
    cap: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Samples:
    """What the sampler saw of the limits while the run lasted."""

    count: int = 0
    peak: Mapping[str, Decimal] = field(default_factory=dict)  # by scope
    breaches: tuple[LimitBreach, ...] = ()
    released_early: tuple[str, ...] = ()  # orders seen released while they were not done


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides at the end. `planned` names each whale order by (wallet, side, size).

    `caps` are by scope: WALLET, WHALE, MARKET, POSITION.
    """

    wallet: str
    planned: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    caps: Mapping[str, Decimal] = field(default_factory=dict)
    venue_orders: tuple[VenueOrder, ...] = ()
    venue_fills: tuple[Fill, ...] = ()
    venue_cash: Decimal = ZERO
    venue_tokens: Mapping[str, Decimal] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    positions: tuple[Position, ...] = ()
    halts: tuple[Halt, ...] = ()
    ledger_cash: Decimal = ZERO
    workflows: tuple[Workflow, ...] = ()
    task_failures: tuple[TaskFailure, ...] = ()
    samples: Samples = field(default_factory=Samples)
    quiescent_s: float | None = 0.0  # None: it never was

    @property
    def order_by_id(self) -> Mapping[str, Order]:
        """Return our orders by hash."""
        return {order.order_id: order for order in self.orders}
