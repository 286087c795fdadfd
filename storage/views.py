"""What people are shown of the records: typed answers to questions that change nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from storage.port import Event, PositionRecord, StoredSignal
from trading.breakers import Standing
from trading.portfolio import equity_of
from trading.types import (
    ZERO,
    IntentId,
    OrderHash,
    OrderState,
    OrderType,
    PositionId,
    Price,
    Settlement,
    Shares,
    Side,
    SignalState,
    TokenId,
    Usd,
    Wallet,
)


@dataclass(frozen=True, slots=True)
class TokenLabel:
    """What a person calls a token. The venue wrote it: show it as text, never as markup."""

    token_id: TokenId
    question: str | None = None  # None: we do not know the market
    slug: str | None = None
    outcome: str | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WhaleLabel:
    """What a person calls a whale; `is_invented` when a tape made it up."""

    wallet: Wallet
    pseudonym: str | None = None
    is_invented: bool = False


@dataclass(frozen=True, slots=True)
class Money:
    """Our money by our own books; it counts what the chain has confirmed.

    `available` is the cash that no open order can still take, `bid_value` what is held, at the
    bid. `deposits` is net. `pnl_peak` is the highest of equity less deposits, never below zero.
    `drawdown` is the fall from that peak, in [0, 1]. `pnl_today` is realised on the UTC date.
    """

    cash: Usd
    available: Usd
    bid_value: Usd
    deposits: Usd
    realised_pnl: Usd
    unrealised_pnl: Usd
    fees: Usd
    pnl_today: Usd
    pnl_peak: Usd
    drawdown: Decimal

    @property
    def equity(self) -> Usd:
        """Return cash plus bid value."""
        return equity_of(self.cash, self.bid_value)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one hop took, in ms; `n` is how often it was measured."""

    hop: str
    n: int
    p50_ms: Decimal
    p90_ms: Decimal
    p99_ms: Decimal


@dataclass(frozen=True, slots=True)
class Tally:
    """How signals ended since a time, and how long the way took."""

    since: datetime
    states: Mapping[SignalState, int]
    refusals: Mapping[str, int]
    latency: Sequence[Latency]


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A position and what it is about; `payout` of a share is known once it is resolved.

    `settled_cost` is what its confirmed shares cost, exact.
    """

    record: PositionRecord
    token: TokenLabel
    whale: WhaleLabel
    exit_reason: str | None = None
    payout: Price | None = None
    settled_cost: Usd = Usd(ZERO)

    @property
    def mark_price(self) -> Price | None:
        """Return what a share is worth: the payout, or the last mark."""
        return self.record.mark_price if self.payout is None else self.payout

    @property
    def bid_value(self) -> Usd | None:
        """Return what is held at the mark, what is not confirmed yet too."""
        return None if self.mark_price is None else Usd(self.record.size * self.mark_price)

    @property
    def cost(self) -> Usd | None:
        """Return what is held cost: exact once confirmed, by the average until then."""
        record = self.record
        if record.size == record.settled_size:
            return self.settled_cost
        entry = record.avg_entry_price
        return None if entry is None else Usd(record.size * entry)

    @property
    def unrealised_pnl(self) -> Usd | None:
        """Return size x (mark - entry), for YES and NO alike."""
        if self.bid_value is None or self.cost is None:
            return None
        return Usd(self.bid_value - self.cost)


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A whale signal and what we made of it. `latency_ms`: signal committed to first POST."""

    stored: StoredSignal
    token: TokenLabel
    whale: WhaleLabel
    finished_at: datetime | None = None
    filled_size: Shares = Shares(Decimal(0))
    avg_fill_price: Price | None = None
    latency_ms: Decimal | None = None
    position_id: PositionId | None = None
    fees: Usd = Usd(ZERO)


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which trades to list, newest first."""

    limit: int
    state: SignalState | None = None
    whale: Wallet | None = None


@dataclass(frozen=True, slots=True)
class DecisionStep:
    """What one step of a trade decided, its figures in the order they were computed."""

    step: str
    decided_at: datetime
    numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FillRow:
    """One fill of one of our orders; `fee` is in USD."""

    trade_id: str
    size: Shares
    cost: Usd
    fee: Usd
    settlement: Settlement
    matched_at: datetime
    transaction_hash: str
    is_taker: bool


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One of our orders, its intent and what the venue says of it."""

    order_id: OrderHash
    intent_id: IntentId
    position_id: PositionId
    attempt: int
    side: Side
    order_type: OrderType
    price: Price
    size: Shares
    size_matched: Shares
    filled_size: Shares
    avg_fill_price: Price | None
    reference_price: Price  # mid-price when it was decided
    state: OrderState
    posts: int
    had_unknown: bool
    is_done: bool
    error: str
    faults: Sequence[str]
    latency_ms: Decimal | None
    created_at: datetime
    expires_at: datetime
    token: TokenLabel
    whale: WhaleLabel
    exit_reason: str | None = None
    fills: Sequence[FillRow] = ()


@dataclass(frozen=True, slots=True)
class TradeDetail:
    """Everything recorded about one signal, each list oldest first."""

    trade: TradeRow
    steps: Sequence[DecisionStep]
    orders: Sequence[OrderRow]
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of one limit is used; `label` is for people, `key` names whose limit it is."""

    scope: str  # of storage.limits.Scope
    key: str
    label: str
    used: Usd


@dataclass(frozen=True, slots=True)
class HaltRow:
    """A standing halt of entries."""

    scope: str
    key: str
    reason: str
    halted_at: datetime


@dataclass(frozen=True, slots=True)
class RiskFigures:
    """What the limits and breakers are compared with. The minute's figures are of entries."""

    uses: Sequence[LimitUse]
    open_orders: int
    orders_last_min: int
    orders_last_min_token: int  # of the busiest token
    notional_last_min: Usd
    losses_in_row: int
    paused_until: datetime | None
    halts: Sequence[HaltRow]
    standing: Standing = field(default_factory=Standing)  # trips of all markets and whales


@dataclass(frozen=True, slots=True)
class FeedRow:
    """What the records know of one feed; None where they do not know."""

    feed: str
    last_heard_at: datetime | None = None
    last_stored_at: datetime | None = None  # of what it brought, the newest we keep
    stored_last_hour: int | None = None
    refused_last_day: int = 0
    last_refusal: str | None = None
    last_refused_at: datetime | None = None
    is_awaited: bool = True  # something is held or ordered, so that it may have a word to say


@dataclass(frozen=True, slots=True)
class EventRow:
    """A stored event with its number, which rises."""

    event_id: int
    event: Event


@dataclass(frozen=True, slots=True)
class Overview:
    """What the head of the page shows. `wallet` is whose books they are, None for all."""

    wallet: Wallet | None
    money: Money
    tally: Tally
    positions_open: int
    orders_in_flight: int
    whales: Sequence[WhaleLabel] = field(default_factory=tuple)
    reviews_open: int = 0
