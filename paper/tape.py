"""A tape: recorded order books and the whale orders that were read out of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from paper.model import Dialect, Level, Side


@dataclass(frozen=True, slots=True)
class TapeMarket:
    """A market as recorded; what was invented for it is listed in the tape's header."""

    condition_id: str
    question: str
    slug: str
    event_slug: str
    outcomes: tuple[str, str]
    dialect: Dialect
    neg_risk: bool
    tick_size: int
    min_size: int
    fee_rate: Decimal
    fee_exponent: int
    starts_at: int  # Unix ms, as recorded
    ends_at: int
    resolves_at: int
    payouts: tuple[int, int]  # micros per share of each outcome


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One finished trade of a wallet's invented past, for scoring."""

    opened_at: int
    closed_at: int
    category: str
    notional: int  # micros of pUSD put in
    pnl: int  # micros of pUSD, signed, fees included


@dataclass(frozen=True, slots=True)
class TapeWallet:
    """A made-up wallet: a whale with a history, whose orders stand in the tape."""

    address: str  # checksummed
    name: str
    skill: str  # one word: how its trades were chosen
    history: tuple[ClosedTrade, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The first outcome's whole book at one second; bids and asks best first."""

    at: int
    condition_id: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class WhaleOrder:
    """One order of a made-up wallet, with its fills as (price, size) in the token's own terms."""

    at: int
    number: int  # rises through the tape, names the order
    wallet: str
    condition_id: str
    outcome_index: int
    side: Side
    is_maker: bool
    fills: tuple[Level, ...]


TapeEvent = Snapshot | WhaleOrder


class TapeError(Exception):
    """A file is not a tape this version can play; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class TapeHeader:
    """Where a tape comes from and what in it is invented."""

    name: str
    format_version: int
    attribution: str
    licence: str
    invented: tuple[str, ...]
    starts_at: int
    ends_at: int


class Tape:
    """A readable tape. Opening it checks the header and the tables, playing it streams events."""

    header: TapeHeader
    markets: tuple[TapeMarket, ...]
    wallets: tuple[TapeWallet, ...]

    def events(self, market_limit: int | None = None) -> Iterator[TapeEvent]:
        """Yield events in the order of `at`; only those of the first `market_limit` markets."""
        raise NotImplementedError


def open_tape(path: Path) -> Tape:
    """Open a tape; raise TapeError when the file is something else, damaged or newer."""
    raise NotImplementedError
