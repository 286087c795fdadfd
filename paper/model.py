"""What the local venue knows and tells: markets, orders, trades, chain logs and events.

Every amount is an `int` of micro-units: 1,000,000 is one share or one pUSD. Prices are micro-pUSD
per share, strictly between 0 and 1,000,000. Times are Unix milliseconds of the wall clock.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

MICROS = 1_000_000


class Side(StrEnum):
    """Which way an order goes; SELL reduces what its maker holds."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """Time in force, in the venue's words."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"


class Dialect(StrEnum):
    """The order generation that a market's exchange settles (domain versions 1, 2 and 3)."""

    V1 = "V1"
    CLOB_V2 = "CLOB_V2"
    PROTOCOL_V2 = "PROTOCOL_V2"


class OrderStatus(StrEnum):
    """Where an order stands at the venue."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    MATCHED = "MATCHED"
    CANCELED = "CANCELED"
    CANCELED_MARKET_RESOLVED = "CANCELED_MARKET_RESOLVED"
    CANCELED_EXPIRED_ORDER = "CANCELED_EXPIRED_ORDER"


class TradeStatus(StrEnum):
    """Where a trade stands between matching and the chain; CONFIRMED and FAILED are final."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Market:
    """One binary market. `token_ids`, `outcomes` and `payouts` share their order."""

    condition_id: str
    question: str
    slug: str
    event_slug: str
    outcomes: tuple[str, str]
    token_ids: tuple[str, str]
    dialect: Dialect  # CLOB_V2 -> Gamma version "v1"; PROTOCOL_V2 -> Gamma version "v2"
    neg_risk: bool
    tick_size: int  # micros
    min_size: int  # micros of a share
    fee_rate: Decimal  # fee = shares * rate * (price * (1 - price)) ** exponent, taker only
    fee_exponent: int
    starts_at: int
    ends_at: int
    accepting_orders: bool = True
    closed: bool = False
    payouts: tuple[int, int] | None = None  # micros per share, once resolved (void: 500,000 each)
    volume: int = 0  # micros of pUSD matched so far


@dataclass(frozen=True, slots=True)
class Level:
    """One price level of a book."""

    price: int
    size: int


@dataclass(frozen=True, slots=True)
class Book:
    """One token's book; bids and asks both best first."""

    token_id: str
    condition_id: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: int
    last_trade_price: int | None = None


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order as posted, after the wire was parsed; `order_id` was recomputed by the venue."""

    order_id: str  # 0x + 64 hex, lower case
    salt: int
    maker: str  # the funder's wallet, checksummed
    signer: str
    token_id: str
    maker_amount: int
    taker_amount: int
    side: Side
    signature_type: int
    timestamp: int
    metadata: str
    builder: str
    signature: str
    expiration: int = 0  # seconds, 0 for none; carried by the wire, not signed in V2 and V3
    dialect: Dialect = Dialect.CLOB_V2

    @property
    def size(self) -> int:
        """Shares asked for, in micros."""
        return self.taker_amount if self.side is Side.BUY else self.maker_amount

    @property
    def notional(self) -> int:
        """PUSD offered or asked, in micros."""
        return self.maker_amount if self.side is Side.BUY else self.taker_amount


@dataclass(slots=True)
class OrderRecord:
    """An order and what became of it; kept for ever, since ids are never forgotten."""

    order: SignedOrder
    condition_id: str
    outcome: str
    price: int  # limit price in micros, rounded to the market's tick grid by the amounts
    owner: str  # API key (uuid)
    order_type: OrderType
    post_only: bool
    status: OrderStatus
    received_at: int
    matched: int = 0  # micros of a share
    posts: int = 1  # how often these bytes were posted, refused repeats included
    trade_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MakerFill:
    """The resting side of a trade. Recorded liquidity has a made-up wallet and no API key."""

    order_id: str
    owner: str
    wallet: str
    token_id: str
    outcome: str
    side: Side
    size: int
    price: int


@dataclass(slots=True)
class Trade:
    """One match of a taker order, told again at every change of status."""

    trade_id: str
    taker_order_id: str
    owner: str  # API key of the taker, empty for recorded and invented wallets
    wallet: str  # the taker's wallet
    condition_id: str
    token_id: str
    outcome: str
    side: Side
    size: int
    price: int  # average over the makers, in micros, exact cost is `cost`
    cost: int  # micros of pUSD, without the fee
    fee: int
    status: TradeStatus
    matched_at: int
    updated_at: int
    makers: tuple[MakerFill, ...]
    transaction_hash: str = ""
    bucket_index: int = 0
    invented: bool = False  # filler fills of unfollowed wallets
    is_broadcast: bool = True  # whether its transaction was sent; REST alone tells when it was not
    is_prefixed: bool = False  # whether REST writes its status as TRADE_STATUS_…


@dataclass(frozen=True, slots=True)
class ChainLog:
    """One EVM log as `eth_getLogs` gives it; `block_number` and `log_index` are ints here."""

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: int
    block_hash: str
    block_timestamp: int  # seconds
    transaction_hash: str
    transaction_index: int
    log_index: int
    removed: bool = False


@dataclass(frozen=True, slots=True)
class BookChanged:
    """Levels of the first outcome's book that changed; size 0 removes. The second is its mirror."""

    condition_id: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: int
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Traded:
    """A match in the public tape; `trade` carries both sides."""

    trade: Trade


@dataclass(frozen=True, slots=True)
class TradeUpdated:
    """A trade changed its settlement status (or was just matched)."""

    trade: Trade


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """An order was placed, matched further or cancelled."""

    record: OrderRecord
    kind: str  # PLACEMENT | UPDATE | CANCELLATION
    at: int


@dataclass(frozen=True, slots=True)
class BlockMined:
    """A block was added to the chain, with all its logs in order."""

    number: int
    logs: tuple[ChainLog, ...]


@dataclass(frozen=True, slots=True)
class LogsRemoved:
    """Logs of mined blocks were taken back; each of them says that it is removed."""

    logs: tuple[ChainLog, ...]


@dataclass(frozen=True, slots=True)
class MarketOpened:
    """A market began to take orders."""

    market: Market


@dataclass(frozen=True, slots=True)
class MarketResolved:
    """A market was settled; `market.payouts` is set."""

    market: Market


@dataclass(frozen=True, slots=True)
class TickSizeChanged:
    """A market's tick size changed; clients must drop their book."""

    condition_id: str
    old: int
    new: int
    at: int
    snapshot_after_ms: int = 0  # until the market feed sends the next whole book


VenueEvent = (
    BookChanged
    | Traded
    | TradeUpdated
    | OrderUpdated
    | BlockMined
    | LogsRemoved
    | MarketOpened
    | MarketResolved
    | TickSizeChanged
)


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """How this local venue behaves; defaults are the printed ones."""

    bankroll: int = 10_000 * MICROS
    deposit_wallets_only: bool = False
    v1_dialect: bool = False
    mined_after_s: Decimal = Decimal(2)
    confirmed_after_s: Decimal = Decimal(4)
    block_every_s: Decimal = Decimal(2)
    filler_fills_per_s: Decimal = Decimal(5)
    auto_redeem: bool = True
    seed: int = 1


class OrderRefusedError(Exception):
    """The venue refused a request: `status` is the HTTP status, the message its `error` text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
