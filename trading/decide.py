"""The decision on one whale signal: quality, three stages, size; every no with its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading.rules import Rules
from trading.types import (
    Market,
    OrderBook,
    Price,
    Refusal,
    Shares,
    Side,
    Significance,
    Usd,
    Wallet,
    WhaleSignal,
)


@dataclass(frozen=True, slots=True)
class WhaleStanding:
    """What we know of a whale. `quality_score` and `win_rate` (shrunk) lie in [0, 1]."""

    wallet: Wallet
    is_followed: bool
    is_paused: bool
    quality_score: Decimal
    win_rate: Decimal
    closed_trades: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Our money. `drawdown` is the fall from the peak of cash plus bid value, in [0, 1]."""

    cash: Usd
    bid_value: Usd
    drawdown: Decimal
    entries_halted: bool
    halt_reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All inputs of a decision; stored with it, so that it can be explained and made again.

    `held` is our own position from this whale in this token, `whale_held` what the whale held
    before the signal as far as we saw. `volatility` is the EWMA of the mid-price's returns,
    `correlation` that with the positions held, in [-1, 1].
    """

    signal: WhaleSignal
    whale: WhaleStanding
    market: Market
    book: OrderBook
    portfolio: Portfolio
    held: Shares
    whale_held: Shares
    volatility: Decimal
    correlation: Decimal
    now: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes with its size and price cap (BUY) or exit share (SELL), or a no with its reason.

    `numbers` holds every intermediate figure by name, as text, in the order it was computed.
    """

    side: Side
    significance: Significance
    refusal: Refusal | None = None
    size: Shares | None = None
    notional: Usd | None = None
    limit_price: Price | None = None
    exit_share: Decimal | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_copied(self) -> bool:
        """Tell whether the signal is to be traded."""
        return self.refusal is None


def decide(facts: Facts, rules: Rules) -> Decision:
    """Decide on one signal. A SELL reduces what we hold from that whale, in proportion."""
    raise NotImplementedError
