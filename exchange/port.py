"""What we ask of the market, whoever answers: books, markets, orders, streams, chain."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from trading.orders import Intent, PreparedOrder, UnsignedOrder, VenueOrder, VenueTrade
from trading.submits import SubmitAnswer
from trading.types import (
    ConditionId,
    IntentId,
    Market,
    OrderBook,
    OrderHash,
    OrderType,
    Price,
    Shares,
    Side,
    TokenId,
    Usd,
    Wallet,
    WhaleFill,
)


class ExchangeError(Exception):
    """Something the market did. UnavailableError and WireError below it are retried or kept."""


class UnavailableError(ExchangeError):
    """No usable answer came; the request changed nothing and may be repeated."""


class WireError(ExchangeError):
    """A payload is not what the venue documents; it goes to quarantine, the feed goes on."""


class PermanentError(ExchangeError):
    """The venue refuses this for good: wrong keys, wrong wallet, wrong version."""


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order before its exact amounts: size and price are upper (BUY) or lower (SELL) bounds.

    `created_at` becomes the order's timestamp and `intent_id` its salt, so that the same draft
    always gives the same bytes.
    """

    intent_id: IntentId
    market: Market
    token_id: TokenId
    side: Side
    size: Shares
    price: Price
    order_type: OrderType
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BookChange:
    """One market event: the whole book of a token after a snapshot or change."""

    book: OrderBook


@dataclass(frozen=True, slots=True)
class LastTrade:
    """A match in a watched token; nobody's name is in it."""

    token_id: TokenId
    price: Price
    size: Shares
    at: datetime


@dataclass(frozen=True, slots=True)
class TickSizeChange:
    """A token's tick size changed; its book was dropped until the next snapshot."""

    token_id: TokenId
    tick_size: Price


@dataclass(frozen=True, slots=True)
class MarketResolution:
    """A market was resolved; payouts are fetched from the venue, never taken from here."""

    condition_id: ConditionId
    at: datetime


@dataclass(frozen=True, slots=True)
class StreamReset:
    """A stream was connected anew: what happened meanwhile must be asked for.

    `token_ids`: a socket of the market stream carries these; None concerns all.
    """

    at: datetime
    token_ids: frozenset[TokenId] | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A payload that was refused: where from, why, and the payload cut to 4 KB."""

    feed: str
    why: str
    payload: str


@dataclass(frozen=True, slots=True)
class FeedPulse:
    """A feed of whale fills delivers, whether or not any is a whale's.

    `block`: everything up to this block of the chain has been told.
    """

    at: datetime
    block: int | None = None


@dataclass(frozen=True, slots=True)
class FeedDoubt:
    """Two who should tell the same do not: which feed, about which transaction, and how."""

    feed: str
    transaction_hash: str
    why: str


MarketEvent = BookChange | LastTrade | TickSizeChange | MarketResolution | StreamReset | Quarantined
AccountEvent = VenueOrder | VenueTrade | StreamReset | Quarantined
FillEvent = WhaleFill | StreamReset | Quarantined | FeedPulse | FeedDoubt


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What a cancel request was answered: cancelled ids, and the reason for every other one."""

    cancelled: tuple[OrderHash, ...]
    refused: tuple[tuple[OrderHash, str], ...]


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One wallet of the venue's leaderboard."""

    wallet: Wallet
    name: str
    rank: int
    pnl: Usd
    volume: Usd
    is_invented: bool


@dataclass(frozen=True, slots=True)
class ClosedPosition:
    """One closed position of a wallet, for its score; `pnl` is signed, `cost` is what went in."""

    wallet: Wallet
    condition_id: ConditionId
    opened_at: datetime
    closed_at: datetime
    cost: Usd
    pnl: Usd
    category: str


class Signer(Protocol):
    """Holds the key; signs committed orders only."""

    @property
    def address(self) -> Wallet:
        """Return the signing key's own address."""

    async def sign_order(self, order: UnsignedOrder) -> str:
        """Return the signature as 0x hex; the same order gives the same bytes (RFC 6979)."""


class MarketData(Protocol):
    """Public facts. Every method raises UnavailableError or WireError."""

    async def fetch_book(self, token_id: TokenId) -> OrderBook:
        """Return a token's book, best levels first."""

    async def fetch_market(self, token_id: TokenId) -> Market | None:
        """Return the market of a token, or None when the venue knows none."""

    async def fetch_price_history(self, token_id: TokenId) -> Sequence[Price]:
        """Return a token's mid-prices of the last hour by the minute, oldest first."""

    async def fetch_clock(self) -> datetime:
        """Return the venue's time."""

    def stream_market(self, tokens: "TokenSet") -> AsyncIterator[MarketEvent]:
        """Yield books of a changing set of tokens, for ever, reconnecting by itself."""


class TokenSet(Protocol):
    """A set of tokens that may change while a stream runs."""

    def current(self) -> frozenset[TokenId]:
        """Return the tokens wanted now."""

    async def changed(self) -> None:
        """Return when the wanted tokens have changed since the last call of `current`."""


class OrderGateway(Protocol):
    """Our own orders at the venue."""

    @property
    def wallet(self) -> Wallet:
        """Return the wallet whose money is traded (the funder)."""

    def prepare(self, draft: OrderDraft) -> PreparedOrder:
        """Return the exact order and its hash, without a key; raise ValueError when impossible.

        Rounding: shares down, buy price down, sell price up; BUY never pays above the draft's
        price, SELL never receives below it.
        """

    async def post_order(self, intent: Intent) -> SubmitAnswer:
        """Sign and POST the committed bytes once; never raises for an answer or its absence."""

    async def cancel_orders(self, order_hashes: Sequence[OrderHash]) -> CancelReport:
        """Ask for cancellation; a request, not a state."""

    async def fetch_order(self, order_hash: OrderHash) -> VenueOrder | None:
        """Return what the venue says of an order; None proves nothing."""

    async def fetch_trades(self, market: ConditionId, since: datetime) -> Sequence[VenueTrade]:
        """Return our parts of all trades of a market since a time, as taker and as maker."""

    async def fetch_open_orders(self) -> Sequence[OrderHash]:
        """Return the hashes of all our resting orders."""

    async def fetch_cash(self) -> Usd:
        """Return the wallet's collateral at the venue."""

    async def fetch_shares(self, token_id: TokenId) -> Shares:
        """Return the wallet's holding of a token at the venue."""

    def stream_account(self) -> AsyncIterator[AccountEvent]:
        """Yield our orders' and trades' updates for ever, reconnecting by itself."""


class WhaleFeed(Protocol):
    """One source of whale fills."""

    @property
    def name(self) -> str:
        """Return the feed's name for metrics and health."""

    def stream_fills(self, wallets: "WalletSet") -> AsyncIterator[FillEvent]:
        """Yield fills of the followed wallets for ever, reconnecting by itself."""


class WalletSet(Protocol):
    """The followed wallets, which may change while a feed runs."""

    def current(self) -> frozenset[Wallet]:
        """Return the wallets followed now."""

    async def changed(self) -> None:
        """Return when the followed wallets have changed since the last call of `current`."""


class WhaleHistory(Protocol):
    """The venue's public record of wallets."""

    async def fetch_leaderboard(self, limit: int) -> Sequence[LeaderboardRow]:
        """Return the best wallets by profit, best first."""

    async def fetch_closed_positions(self, wallet: Wallet) -> Sequence[ClosedPosition]:
        """Return a wallet's closed positions, oldest first."""

    async def fetch_fills(self, wallet: Wallet, since: datetime) -> Sequence[WhaleFill]:
        """Return a wallet's fills since a time, as maker and as taker."""


class Chain(Protocol):
    """The settlement layer's own word."""

    async def fetch_filled(self, order: UnsignedOrder, order_hash: OrderHash) -> Decimal | None:
        """Return shares of an order settled on chain so far; None: the exchange never saw it."""

    async def fetch_block_number(self) -> int:
        """Return the newest block's number."""
