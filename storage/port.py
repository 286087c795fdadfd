"""What we ask of the records: signals, intents, orders, positions, limits; all idempotent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from trading.decide import Portfolio, WhaleStanding
from trading.orders import Evidence, Intent, OrderProgress
from trading.types import (
    ConditionId,
    ExitReason,
    IntentId,
    Market,
    OrderHash,
    PositionId,
    PositionState,
    Price,
    Reason,
    Refusal,
    Shares,
    SignalId,
    SignalState,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
    WhaleSignal,
)


class StorageError(Exception):
    """The records could not be read or written; nothing was half done."""


class StorageUnavailableError(StorageError):
    """The database did not answer; the call may be repeated."""


class FencedError(StorageError):
    """Another stack holds the wallet's lease; this one must stop trading."""


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal with what has become of it; `committed_at` is when it was safe on disk."""

    signal: WhaleSignal
    state: SignalState
    committed_at: datetime
    refusal: Refusal | None = None
    replays: SignalId | None = None  # decided anew since a person asked for it


@dataclass(frozen=True, slots=True)
class KeptFill:
    """A stored whale fill; with neither signal nor `skipped` nobody has dealt with it yet."""

    fill: WhaleFill
    signal_id: SignalId | None
    skipped: bool


@dataclass(frozen=True, slots=True)
class LimitCaps:
    """The caps in force for one reservation."""

    position: Usd
    market: Usd
    whale: Usd
    wallet: Usd
    market_share: Decimal  # of the portfolio
    open_orders: int
    orders_per_min: int
    orders_per_min_token: int
    notional_per_min: Usd
    repeats: int  # 0: off
    repeats_window: timedelta


@dataclass(frozen=True, slots=True)
class Reserved:
    """An entry's intent is committed and its worst case reserved (again: the same intent)."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """One position: what we hold of one token because of one whale. A level that is None is off.

    `size` counts matched fills (provisional), `settled_size` confirmed ones; `exposure` is cost.
    """

    position_id: PositionId
    wallet: Wallet
    whale: Wallet
    condition_id: ConditionId
    token_id: TokenId
    state: PositionState
    size: Shares
    settled_size: Shares
    avg_entry_price: Price | None
    exposure: Usd
    fees: Usd
    realised_pnl: Usd
    mark_price: Price | None
    marked_at: datetime | None
    stop_loss_price: Price | None
    take_profit_price: Price | None
    trailing_stop_price: Price | None  # armed: the level now
    high_water_price: Price | None
    exit_epoch: int
    opened_at: datetime
    closed_at: datetime | None = None
    is_trailing_off: bool = False


@dataclass(frozen=True, slots=True)
class Levels:
    """Exit levels of a position; a person may switch trailing off for good."""

    stop_loss_price: Price | None
    take_profit_price: Price | None
    trailing_stop_price: Price | None
    high_water_price: Price | None
    is_trailing_off: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A position's or token's value now: the bid a seller would get, and when the book said so."""

    token_id: TokenId
    price: Price
    at: datetime


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """An exit to commit: idempotent by (position, epoch, attempt); sold never exceeds held."""

    intent: Intent
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class WhaleRecord:
    """A followed wallet and its standing."""

    standing: WhaleStanding
    pseudonym: str
    total_volume: Usd
    total_trades: int
    roi: Decimal | None
    sharpe_ratio: Decimal | None
    max_drawdown: Decimal | None
    profit_factor: Decimal | None
    rank: int | None
    is_invented: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person may ask about later; `ids` name the things it is about."""

    type: str
    severity: str  # INFO | WARNING | ERROR | PAGE
    title: str
    at: datetime
    ids: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class SignalStore(Protocol):
    """Whale fills and signals: the outbox between listening and trading."""

    async def record_fill(self, fill: WhaleFill) -> bool:
        """Store a fill; return False when this source's report of it is already there."""

    async def record_signal(self, signal: WhaleSignal, now: datetime) -> bool:
        """Commit a signal and notify `signals`; return False when it was there before."""

    async def skip_fills(self, fills: Sequence[WhaleFill], reason: Reason) -> None:
        """Mark fills as not followed, with the reason."""

    async def claim_signals(
        self, claimant: str, limit: int, now: datetime
    ) -> Sequence[StoredSignal]:
        """Claim waiting signals (or expired claims) for 2 s, oldest first, skipping locked rows."""

    async def release_claim(self, signal_id: SignalId, claimant: str) -> None:
        """Mark a claimed signal RUNNING for good: its workflow exists."""

    async def load_signal(self, signal_id: SignalId) -> StoredSignal | None:
        """Return a signal."""

    async def whale_holding(self, whale: Wallet, token_id: TokenId, before: datetime) -> Shares:
        """Return what a whale held of a token before a time, folded from its stored fills."""

    async def save_decision(
        self, signal_id: SignalId, step: str, verdict: Mapping[str, str], now: datetime
    ) -> None:
        """Store what a step decided, with its numbers; the first verdict of a step stands."""

    async def load_decision(self, signal_id: SignalId, step: str) -> Mapping[str, str] | None:
        """Return a step's stored verdict."""

    async def finish_signal(
        self, signal_id: SignalId, state: SignalState, refusal: Refusal | None, now: datetime
    ) -> SignalState:
        """Write the terminal state, by a refusal unless it has an order; return what stands."""


class FillStore(Protocol):
    """What a listener keeps, so that its end at any instant loses and doubles nothing."""

    async def record_fill(self, fill: WhaleFill, ordinal: int = 0) -> bool:
        """Store a fill; return False when this source's report of it is already there.

        `ordinal` is its number among identical fills of a source without log indexes.
        """

    async def record_signal(
        self, signal: WhaleSignal, now: datetime, fills: Sequence[WhaleFill] = ()
    ) -> bool:
        """Commit a signal and mark its fills' transactions as signalled; False when repeated."""

    async def skip_fills(self, fills: Sequence[WhaleFill], reason: Reason) -> None:
        """Mark fills as not followed, with the reason."""

    async def list_recent_fills(self, since: datetime, limit: int) -> Sequence[KeptFill]:
        """Return the newest fills seen since a time, in the order in which they were stored."""


class OrderStore(Protocol):
    """Intents, orders, fills and reservations."""

    async def reserve_entry(
        self, intent: Intent, caps: LimitCaps, now: datetime
    ) -> Reserved | Refusal:
        """Check every cap on the worst case, reserve it, commit the intent and its PREPARED order.

        One transaction, limits locked in a fixed order; idempotent by intent id: a repeat returns
        the intent stored first.
        """

    async def commit_exit(self, exit_order: ExitOrder, now: datetime) -> Intent | Refusal:
        """Commit an exit's intent; refuse when it would offer more than is held and not offered."""

    async def load_intent(self, order_hash: OrderHash) -> Intent | None:
        """Return the intent of an order."""

    async def load_attempt(self, intent_id: IntentId) -> Intent | None:
        """Return an intent by its id."""

    async def begin_sending(self, order_hash: OrderHash, epoch: int, now: datetime) -> bool:
        """Move PREPARED or UNKNOWN to SENDING; False when the order may not be sent (any more).

        Raises FencedError when the epoch is not the wallet's newest.
        """

    async def fold(
        self, order_hash: OrderHash, evidence: Sequence[Evidence], now: datetime
    ) -> OrderProgress:
        """Add evidence under the order's row lock with `trading.orders.fold`; notify `orders`."""

    async def load_progress(self, order_hash: OrderHash) -> OrderProgress | None:
        """Return what is known of an order."""

    async def apply_order(self, order_hash: OrderHash, now: datetime) -> PositionRecord:
        """Bring position, ledger and event in line with the order's fills, in one transaction.

        Recomputed from all fills of the position, so that it is idempotent and follows reversals.
        When the order is done, its reservation is released in the same transaction and its
        confirmed cost becomes exposure.
        """

    async def orders_of_signal(self, signal_id: SignalId) -> Sequence[OrderHash]:
        """Return the orders of all attempts of a signal's entry, oldest first."""

    async def orders_of_exit(self, position_id: PositionId, epoch: int) -> Sequence[OrderHash]:
        """Return the orders of all attempts of one exit of a position, oldest first."""

    async def list_unresolved(self, limit: int) -> Sequence[OrderHash]:
        """Return orders that are not done, oldest first."""

    async def is_ours(self, order_hash: OrderHash) -> bool:
        """Tell whether we committed this order."""

    async def halt_wallet(self, reason: str, now: datetime) -> None:
        """Halt all entries until a person clears it, and page; the first reason stands."""

    async def halt_token(self, token_id: TokenId, reason: str, now: datetime) -> None:
        """Halt entries of one token until a person clears it, and page; the first reason stands."""

    async def tell_overdue(self, order_hash: OrderHash, now: datetime) -> None:
        """Page about fills of an order that the chain has neither confirmed nor refused."""


class PositionStore(Protocol):
    """Positions and their marks."""

    async def load_position(self, position_id: PositionId) -> PositionRecord | None:
        """Return a position."""

    async def find_open(self, whale: Wallet, token_id: TokenId) -> PositionRecord | None:
        """Return our open position of a token that came from a whale."""

    async def list_open(self) -> Sequence[PositionRecord]:
        """Return all positions that are not over."""

    async def list_dust(self) -> Sequence[PositionRecord]:
        """Return closed positions that still hold dust, which a resolution redeems too."""

    async def save_marks(self, marks: Sequence[Mark]) -> None:
        """Store marks for all open positions of the tokens in one batch; older ones are ignored."""

    async def begin_exit(self, position_id: PositionId, reason: ExitReason, now: datetime) -> int:
        """Move OPEN to EXITING with a new exit epoch, or return the epoch already running."""

    async def end_exit(
        self, position_id: PositionId, now: datetime, epoch: int | None = None
    ) -> PositionRecord:
        """Leave EXITING: CLOSED with only dust and nothing pending, else OPEN; only of `epoch`."""

    async def settle_resolution(
        self, position_id: PositionId, payout: Price, *, redeemed: bool, now: datetime
    ) -> PositionRecord:
        """Book a resolved position's payout; cash moves when redeemed, once."""


class FactStore(Protocol):
    """Markets, whales, portfolio, breakers, events, leases, cursors."""

    async def save_market(self, market: Market, now: datetime) -> None:
        """Insert or refresh a market."""

    async def load_market(self, token_id: TokenId) -> Market | None:
        """Return the market of a token."""

    async def save_whale(self, whale: WhaleRecord, now: datetime) -> None:
        """Insert or refresh a whale; figures kept by fills are left alone."""

    async def load_whale(self, wallet: Wallet) -> WhaleRecord | None:
        """Return a whale."""

    async def list_followed(self) -> frozenset[Wallet]:
        """Return the wallets that are followed now."""

    async def load_portfolio(self, now: datetime) -> Portfolio:
        """Return cash by the ledger, bid value by the marks, drawdown, and whether entries halt."""

    async def record_deposit(self, cash: Usd, ref: str, now: datetime) -> None:
        """Book cash that came in (or, negative, left), once per `ref`."""

    async def record_event(self, event: Event) -> None:
        """Store an event."""

    async def quarantine(self, feed: str, why: str, payload: str, now: datetime) -> None:
        """Keep a refused payload."""

    async def acquire_lease(self, wallet: Wallet, holder: str, now: datetime) -> int | None:
        """Take or renew a wallet's lease for 10 s; return its epoch, None when another holds it."""

    async def load_cursor(self, name: str) -> str | None:
        """Return a feed's stored position."""

    async def save_cursor(self, name: str, position: str, now: datetime) -> None:
        """Store a feed's position."""


class Bell(Protocol):
    """Hears what other processes committed."""

    async def wait(self, channel: str, key: str, timeout: timedelta) -> bool:
        """Return True when `channel` rang for `key` ("" for any), False after the timeout."""


class PriceCache(Protocol):
    """Marks and books that may vanish at any time."""

    async def put_mark(self, mark: Mark) -> None:
        """Keep a token's mark for a second."""

    async def get_mark(self, token_id: TokenId) -> Mark | None:
        """Return a token's mark, or None when it is older than a second or gone."""


class Lease(Protocol):
    """Our hold on the wallet; its epoch fences stacks that lost it."""

    @property
    def epoch(self) -> int:
        """Return the epoch we hold, 0 when we hold none."""
