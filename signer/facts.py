"""What the signer reads of one order and of one redemption, and of whom it asks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol as Interface

from exchange.port import ExchangeError
from trading.orders import UnsignedOrder
from trading.types import (
    ConditionId,
    IntentId,
    OrderHash,
    OrderState,
    PositionState,
    Price,
    Protocol,
    Shares,
    SignalId,
    TokenId,
    Usd,
    Wallet,
)


class RecordsUnavailableError(ExchangeError):
    """The records could not be read: nothing is signed, ask again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What may stop an order whatever it is; `build` is "" where no worker has named one."""

    lease_epoch: int | None
    lease_build: str
    halt: str
    open_orders: int  # entries of this wallet that may rest, this one not counted


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """The position an order adds to or reduces; `offered` is what all its exits may still sell."""

    wallet: Wallet
    token_id: TokenId
    condition_id: ConditionId
    state: PositionState
    exit_epoch: int
    settled_size: Shares
    offered: Shares


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """The market that a token belongs to."""

    condition_id: ConditionId
    tick_size: Price
    protocol: Protocol
    neg_risk: bool


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """The whale's order that an entry copies."""

    signal_id: SignalId
    token_id: TokenId
    whale: Wallet
    price: Price


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """One committed order with all that bears on whether it may be signed.

    `reserved` is what its open reservation covers, `offered` what its own offer sells; None where
    there is none. `lowest` is how low a person lets the exit go that it belongs to.
    """

    intent_id: IntentId
    order_hash: OrderHash
    unsigned: UnsignedOrder
    size: Shares
    price: Price
    cost_max: Usd
    whale: Wallet
    condition_id: ConditionId
    exit_epoch: int
    created_at: datetime
    expires_at: datetime
    retry_until: datetime
    state: OrderState
    copies: int
    position: PositionFacts | None
    market: MarketFacts | None
    signal: SignalFacts | None
    reserved: Usd | None
    offered: Shares | None
    standing: Standing
    lowest: Price | None = None


@dataclass(frozen=True, slots=True)
class RedemptionFacts:
    """The wallet's open redemption; `request` is its transaction as it was committed."""

    wallet: Wallet
    condition_id: ConditionId
    request: str
    lease_epoch: int | None
    lease_build: str


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order that left before this process began."""

    intent_id: IntentId
    order_hash: OrderHash
    signal_id: SignalId | None
    token_id: TokenId
    is_entry: bool
    cost_max: Usd
    created_at: datetime


class Records(Interface):
    """The records, read only. Every call raises RecordsUnavailableError."""

    async def load_order(self, order_hash: OrderHash, now: datetime) -> OrderFacts | None:
        """Return an order by its hash."""

    async def load_redemption(self, wallet: Wallet) -> RedemptionFacts | None:
        """Return the wallet's open redemption."""

    async def list_sent(self, wallet: Wallet, since: datetime) -> Sequence[PastOrder]:
        """Return orders of a wallet that were sent since a time, the oldest first."""
