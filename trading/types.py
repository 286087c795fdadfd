"""The words of the product: ids, units, closed sets and the records that rooms hand each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NewType

Usd = NewType("Usd", Decimal)
"""PUSD or USD, six decimals."""
Shares = NewType("Shares", Decimal)
"""Outcome tokens, six decimals."""
Price = NewType("Price", Decimal)
"""USD per share, in (0, 1)."""

TokenId = NewType("TokenId", str)
ConditionId = NewType("ConditionId", str)
Wallet = NewType("Wallet", str)
"""A wallet's address, 0x and 40 lower-case hex digits."""
OrderHash = NewType("OrderHash", str)
"""The EIP-712 hash of an order, which is its id at the venue: 0x and 64 lower-case hex digits."""
SignalId = NewType("SignalId", str)
IntentId = NewType("IntentId", str)
PositionId = NewType("PositionId", str)

ZERO = Decimal(0)
ONE = Decimal(1)
MICRO = Decimal("0.000001")


class Side(StrEnum):
    """Which way an order or a fill goes. There are no shorts: SELL reduces what is held."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """Time in force."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"

    @property
    def rests(self) -> bool:
        """Tell whether an unfilled rest stays on the book."""
        return self in (OrderType.GTC, OrderType.GTD)


class SignatureType(IntEnum):
    """How the venue checks a signature: plain key, proxy, Safe, or deposit wallet (ERC-1271)."""

    EOA = 0
    POLY_PROXY = 1
    POLY_GNOSIS_SAFE = 2
    POLY_1271 = 3


class Protocol(StrEnum):
    """Which exchange generation settles a market (`market.version` v1 and v2; V1 is history)."""

    V1 = "V1"
    CLOB_V2 = "CLOB_V2"
    PROTOCOL_V2 = "PROTOCOL_V2"


class Source(StrEnum):
    """Where a whale's fill was seen."""

    CHAIN = "CHAIN"
    RTDS = "RTDS"
    DATA_API = "DATA_API"


class SignalState(StrEnum):
    """A signal waits, runs, and ends in exactly one terminal state."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    UNFILLED = "UNFILLED"
    RISK_REJECTED = "RISK_REJECTED"
    FILTERED = "FILTERED"
    EXPIRED = "EXPIRED"
    VENUE_REJECTED = "VENUE_REJECTED"
    FAILED_SETTLEMENT = "FAILED_SETTLEMENT"
    CANCELLED = "CANCELLED"
    FAULT = "FAULT"

    @property
    def is_terminal(self) -> bool:
        """Tell whether nothing more will happen to the signal."""
        return self not in (SignalState.WAITING, SignalState.RUNNING)


class OrderState(StrEnum):
    """The venue axis of an order; the settlement axis lives in its fills."""

    PREPARED = "PREPARED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    DELAYED = "DELAYED"
    LIVE = "LIVE"
    PARTIAL = "PARTIAL"
    MATCHED = "MATCHED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    VOID = "VOID"

    @property
    def is_terminal(self) -> bool:
        """Tell whether the venue will not match this order any further."""
        return self in (
            OrderState.MATCHED,
            OrderState.CANCELLED,
            OrderState.EXPIRED,
            OrderState.REJECTED,
            OrderState.VOID,
        )


class Settlement(StrEnum):
    """The settlement axis of one trade: MATCHED is provisional, CONFIRMED is money."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    RETRYING = "RETRYING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Tell whether the chain has spoken."""
        return self in (Settlement.CONFIRMED, Settlement.FAILED)


class PositionState(StrEnum):
    """OPENING -> OPEN -> EXITING -> CLOSED; OPEN -> RESOLVED -> REDEEMABLE -> REDEEMED.

    One that was never filled goes from OPENING to CLOSED.
    """

    OPENING = "OPENING"
    OPEN = "OPEN"
    EXITING = "EXITING"
    RESOLVED = "RESOLVED"
    REDEEMABLE = "REDEEMABLE"  # its shares are worth cash on the chain, which is not paid yet
    CLOSED = "CLOSED"
    REDEEMED = "REDEEMED"

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is held any more."""
        return self in (PositionState.CLOSED, PositionState.REDEEMED)


class ExitReason(StrEnum):
    """Why a position is left."""

    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    TRAILING_STOP = "TRAILING_STOP"
    WHALE_EXIT = "WHALE_EXIT"
    OPERATOR = "OPERATOR"
    RESOLUTION = "RESOLUTION"


class Significance(StrEnum):
    """How much a whale order says; shown, and the workflow's Temporal priority, nothing else."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class SizingMode(StrEnum):
    """How a copy is sized."""

    FIXED = "FIXED"
    PERCENT = "PERCENT"
    PROPORTIONAL = "PROPORTIONAL"
    KELLY = "KELLY"


class Reason(StrEnum):
    """Why a signal was not copied; each no is stored with its numbers."""

    WHALE_UNKNOWN = "WHALE_UNKNOWN"
    WHALE_PAUSED = "WHALE_PAUSED"
    WASH_TRADE = "WASH_TRADE"
    CLUSTER_TRADE = "CLUSTER_TRADE"
    SOLD_SINCE = "SOLD_SINCE"
    CATEGORY_EXCLUDED = "CATEGORY_EXCLUDED"
    QUALITY_TOO_LOW = "QUALITY_TOO_LOW"
    NO_POSITION_TO_REDUCE = "NO_POSITION_TO_REDUCE"
    MARKET_UNKNOWN = "MARKET_UNKNOWN"
    MARKET_CLOSED = "MARKET_CLOSED"
    PRICE_OUT_OF_BAND = "PRICE_OUT_OF_BAND"
    END_TOO_NEAR = "END_TOO_NEAR"
    END_TOO_FAR = "END_TOO_FAR"
    LIQUIDITY_TOO_LOW = "LIQUIDITY_TOO_LOW"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    DEPTH_TOO_LOW = "DEPTH_TOO_LOW"
    BOOK_INVALID = "BOOK_INVALID"
    BOOK_STALE = "BOOK_STALE"
    SIGNAL_TOO_OLD = "SIGNAL_TOO_OLD"
    PRICE_MOVED = "PRICE_MOVED"
    NOTIONAL_TOO_SMALL = "NOTIONAL_TOO_SMALL"
    NO_EDGE = "NO_EDGE"
    SIZE_TOO_SMALL = "SIZE_TOO_SMALL"
    SLIPPAGE_TOO_HIGH = "SLIPPAGE_TOO_HIGH"
    POSITION_LIMIT = "POSITION_LIMIT"
    MARKET_LIMIT = "MARKET_LIMIT"
    WHALE_LIMIT = "WHALE_LIMIT"
    PORTFOLIO_LIMIT = "PORTFOLIO_LIMIT"
    WALLET_LIMIT = "WALLET_LIMIT"
    BALANCE_TOO_LOW = "BALANCE_TOO_LOW"
    ORDER_THROTTLE = "ORDER_THROTTLE"
    ENTRIES_HALTED = "ENTRIES_HALTED"
    POSITION_CLOSING = "POSITION_CLOSING"
    WORKFLOW_LOST = "WORKFLOW_LOST"
    SIGNER_REFUSED = "SIGNER_REFUSED"
    """Its order was committed, and refused before it left."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, with the figures that led to it (name -> value as text)."""

    reason: Reason
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WhaleFill:
    """One fill of a followed wallet, as one source reports it.

    `log_index` is None for sources that do not know it; `removed` takes a fill back after a reorg.
    """

    wallet: Wallet
    token_id: TokenId
    side: Side
    size: Shares
    price: Price
    transaction_hash: str
    traded_at: datetime
    source: Source
    seen_at: datetime
    log_index: int | None = None
    block_number: int | None = None
    order_hash: OrderHash | None = None
    is_taker: bool | None = None
    removed: bool = False

    @property
    def notional(self) -> Usd:
        """Return price x size."""
        return Usd(self.price * self.size)


@dataclass(frozen=True, slots=True)
class WhaleSignal:
    """One whale order worth considering: all its fills together; `price` is their VWAP."""

    signal_id: SignalId
    wallet: Wallet
    token_id: TokenId
    side: Side
    size: Shares
    price: Price
    fill_count: int
    traded_at: datetime  # of the last fill
    detected_at: datetime  # frame of the first fill received
    source: Source
    transaction_hash: str

    @property
    def notional(self) -> Usd:
        """Return price x size."""
        return Usd(self.price * self.size)


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Taker fee per share = rate x (price x (1 - price)) ** exponent; makers pay none."""

    rate: Decimal
    exponent: int


@dataclass(frozen=True, slots=True)
class Market:
    """A market as the venue describes it. Outcomes, token ids and payouts share their order."""

    condition_id: ConditionId
    question: str
    slug: str
    outcomes: tuple[str, ...]
    token_ids: tuple[TokenId, ...]
    protocol: Protocol
    neg_risk: bool
    tick_size: Price
    min_size: Shares
    fees: FeeSchedule
    ends_at: datetime | None
    is_active: bool
    is_closed: bool
    accepts_orders: bool
    liquidity: Usd | None = None
    volume: Usd | None = None
    payouts: tuple[Price, ...] | None = None  # once resolved; void pays 0.5 each
    categories: tuple[str, ...] = ()  # the venue's words, lower case

    def outcome_of(self, token_id: TokenId) -> str:
        """Return the label of a token, for display only."""
        return self.outcomes[self.token_ids.index(token_id)]


@dataclass(frozen=True, slots=True)
class Level:
    """One price level of a book."""

    price: Price
    size: Shares


@dataclass(frozen=True, slots=True)
class OrderBook:
    """One token's book; bids and asks best first. `at` is the venue's time.

    `is_streamed`: put together from a stream's changes, not asked for.
    """

    token_id: TokenId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: datetime
    received_at: datetime
    tick_size: Price
    min_size: Shares
    is_streamed: bool = False


@dataclass(frozen=True, slots=True)
class ExitRequest:
    """Somebody wants (a share of) a position sold; `who` and `why` are kept as an event.

    `lowest`: a person lets it go down to this price, even below the floor.
    """

    reason: ExitReason
    share: Decimal = Decimal(1)
    signal_id: SignalId | None = None
    who: str = ""
    why: str = ""
    lowest: Price | None = None


@dataclass(frozen=True, slots=True)
class LevelChange:
    """New exit levels; None leaves a level alone, zero drops it."""

    who: str
    why: str
    stop_loss_price: Price | None = None
    take_profit_price: Price | None = None
    trailing_stop_price: Price | None = None
