"""What a look back writes down: verdicts, fills of ours, finished positions, equity."""

from dataclasses import dataclass
from datetime import datetime

from trading.types import (
    ZERO,
    ConditionId,
    ExitReason,
    Level,
    Market,
    Price,
    Shares,
    Side,
    SignalId,
    TokenId,
    Usd,
    Wallet,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one whale order: `outcome` is a signal's end or the reason of a no."""

    signal_id: SignalId
    at: datetime
    whale: Wallet
    side: Side
    notional: Usd
    outcome: str
    is_copied: bool


@dataclass(frozen=True, slots=True)
class CopyFill:
    """What one order of ours got: `levels` as met, best first; `cost` is without the fee.

    `sent_at` is when it left, `at` when it met the book recorded at `book_at`.
    """

    key: str
    at: datetime
    sent_at: datetime
    book_at: datetime
    whale: Wallet
    condition_id: ConditionId
    token_id: TokenId
    side: Side
    asked: Shares
    limit_price: Price
    levels: tuple[Level, ...]
    cost: Usd
    fee: Usd
    reason: ExitReason | None = None

    @property
    def size(self) -> Shares:
        """Return the shares filled."""
        return Shares(sum((level.size for level in self.levels), ZERO))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A position that ended, or, with `closed_at` None, what is held at the end, at its mark.

    `cost` is what went in, fees of buying included; `pnl` counts all fees and the mark. It cannot
    fall below -cost.
    """

    whale: Wallet
    market: Market
    token_id: TokenId
    opened_at: datetime
    closed_at: datetime | None
    cost: Usd
    bought: Usd  # without fees
    sold: Usd  # to the book; a payout is no sale
    fees: Usd
    realised: Usd
    pnl: Usd
    left_by: ExitReason | None


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Our money at one time: cash plus what is held at the bid; `realised` P&L since the start."""

    at: datetime
    equity: Usd
    realised: Usd
