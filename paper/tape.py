"""A tape: recorded order books and the whale orders that were read out of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from paper.model import MICROS, Dialect, Level, Side
from paper.tape_format import (
    END,
    EVENTS,
    TABLES,
    VERSION,
    Cursor,
    Head,
    Steps,
    read_blocks,
    read_head,
    take_changes,
)

SHIPPED = Path(__file__).parent / "tapes" / "btc-15m.tape"

_Entry = TypeVar("_Entry")


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


@dataclass(frozen=True, slots=True)
class TapeTables:
    """What a tape says before its events; the steps are those of `paper.tape_format.Steps`."""

    markets: tuple[TapeMarket, ...]  # by start
    wallets: tuple[TapeWallet, ...]
    price_step: int
    size_step: int


class Tape:
    """A readable tape. Opening it checks the header and the tables, playing it streams events."""

    header: TapeHeader
    markets: tuple[TapeMarket, ...]
    wallets: tuple[TapeWallet, ...]

    def __init__(self, path: Path, header: TapeHeader, tables: TapeTables, head: Head) -> None:
        self.header = header
        self.markets = tables.markets
        self.wallets = tables.wallets
        self._path = path
        self._head = head
        self._steps = Steps(tables.price_step, tables.size_step)

    def events(self, market_limit: int | None = None) -> Iterator[TapeEvent]:
        """Yield events in the order of `at`; only those of the first `market_limit` markets.

        Each call begins anew. One block of the file is in memory at a time.

        Raises:
            TapeError: An event is damaged; those before it have been yielded.
        """
        kept = len(self.markets) if market_limit is None else market_limit
        reader = _EventReader(self, self._steps, kept)
        kind = b""
        try:
            for kind, payload in read_blocks(self._path, self._head):
                if kind == EVENTS:
                    yield from reader.events(Cursor(payload))
        except (OSError, ValueError, TapeError) as error:
            raise TapeError(f"{self._path}: {error}") from error
        if kind != END:
            raise TapeError(f"{self._path}: expected an end block, found the end of the file")


def open_tape(path: Path) -> Tape:
    """Open a tape; raise TapeError when the file is something else, damaged or newer."""
    try:
        head = read_head(path)
        header = TypeAdapter(TapeHeader).validate_json(head.header, strict=True)
        kind, payload = next(read_blocks(path, head), (b"", b""))
        _expect(kind == TABLES, "the tables as first block", kind)
        tables = TypeAdapter(TapeTables).validate_json(payload, strict=True)
        check_tables(header, tables)
    except ValidationError as error:
        raise TapeError(f"{path}: expected a tape's header and tables, found {error}") from error
    except (OSError, ValueError, TapeError) as error:
        raise TapeError(f"{path}: {error}") from error
    return Tape(path, header, tables, head)


def check_tables(header: TapeHeader, tables: TapeTables) -> None:
    """Check what types do not say of the header and the tables; raise TapeError."""
    _expect(header.format_version == VERSION, f"format version {VERSION}", header.format_version)
    _expect(header.starts_at < header.ends_at, "a start before the end", header.starts_at)
    _expect(0 < tables.price_step < MICROS, "a price step in micros", tables.price_step)
    _expect(tables.size_step > 0, "a positive size step", tables.size_step)
    _expect(len(tables.markets) > 0, "a market", 0)
    for one, other in pairwise(tables.markets):
        _expect(one.starts_at <= other.starts_at, "markets by start", other.condition_id)
    for market in tables.markets:
        _check_market(market)
    for wallet in tables.wallets:
        _check_wallet(wallet)
    ids = {m.condition_id for m in tables.markets}
    _expect(len(ids) == len(tables.markets), "each market once", len(tables.markets))
    addresses = {w.address.lower() for w in tables.wallets}
    _expect(len(addresses) == len(tables.wallets), "each wallet once", len(tables.wallets))


def check_snapshot(snapshot: Snapshot) -> None:
    """Check that prices are inside (0, 1), best first and not crossed; raise TapeError."""
    for levels, sign in ((snapshot.bids, -1), (snapshot.asks, 1)):
        for level in levels:
            _check_level(level)
        for better, worse in pairwise(levels):
            _expect(better.price * sign < worse.price * sign, "levels best first", worse)
    if snapshot.bids and snapshot.asks:
        best = (snapshot.bids[0].price, snapshot.asks[0].price)
        _expect(best[0] < best[1], "a best bid below the best ask", best)


def check_order(order: WhaleOrder) -> None:
    """Check an order's outcome and fills; raise TapeError."""
    _expect(order.outcome_index in (0, 1), "outcome 0 or 1", order.outcome_index)
    _expect(len(order.fills) > 0, "a fill", order)
    for fill in order.fills:
        _check_level(fill)


class _EventReader:
    def __init__(self, tape: Tape, steps: Steps, kept: int) -> None:
        self._markets = tape.markets
        self._wallets = tape.wallets
        self._steps = steps
        self._kept = kept
        self._at = tape.header.starts_at
        self._number = 0
        self._books: list[tuple[dict[int, Level], dict[int, Level]]] = [
            ({}, {}) for _ in tape.markets
        ]

    def events(self, cursor: Cursor) -> Iterator[TapeEvent]:
        while not cursor.is_at_end:
            index = cursor.number()
            market = _item(self._markets, index // 2)
            self._at += cursor.number()
            size = cursor.number()
            if index // 2 >= self._kept:
                cursor.skip(size)
            elif index % 2:
                yield self._order(cursor, market)
            else:
                yield self._snapshot(cursor, index // 2)

    def _snapshot(self, cursor: Cursor, index: int) -> Snapshot:
        bids, asks = self._books[index]
        take_changes(cursor, bids, self._steps)
        take_changes(cursor, asks, self._steps)
        best_bids = tuple(bids[price] for price in sorted(bids, reverse=True))
        best_asks = tuple(asks[price] for price in sorted(asks))
        if best_bids and best_asks and best_bids[0].price >= best_asks[0].price:
            found = (best_bids[0], best_asks[0])
            raise ValueError(f"expected a best bid below the best ask, found {found}")
        return Snapshot(self._at, self._markets[index].condition_id, best_bids, best_asks)

    def _order(self, cursor: Cursor, market: TapeMarket) -> WhaleOrder:
        number = cursor.number()
        wallet = _item(self._wallets, cursor.number())
        flags = cursor.number()
        fills = tuple(
            Level(cursor.number() * self._steps.price, cursor.number() * self._steps.size)
            for _ in range(cursor.number())
        )
        order = WhaleOrder(
            at=self._at,
            number=number,
            wallet=wallet.address,
            condition_id=market.condition_id,
            outcome_index=flags & 1,
            side=Side.SELL if flags & 2 else Side.BUY,
            is_maker=bool(flags & 4),
            fills=fills,
        )
        check_order(order)
        return order


def _item(items: tuple[_Entry, ...], index: int) -> _Entry:
    if index >= len(items):
        raise ValueError(f"expected one of {len(items)} entries, found number {index}")
    return items[index]


def _check_market(market: TapeMarket) -> None:
    name = market.condition_id
    _expect(re.fullmatch("0x[0-9a-f]{64}", name) is not None, "a condition id", name)
    _expect(0 < market.tick_size < MICROS, f"a tick size in micros for {name}", market.tick_size)
    _expect(MICROS % market.tick_size == 0, f"a tick that divides 1 for {name}", market.tick_size)
    _expect(market.min_size > 0, f"a positive minimum size for {name}", market.min_size)
    _expect(0 <= market.fee_rate < 1, f"a fee rate inside [0, 1) for {name}", market.fee_rate)
    _expect(market.fee_exponent >= 0, f"a fee exponent for {name}", market.fee_exponent)
    times = (market.starts_at, market.ends_at, market.resolves_at)
    _expect(times[0] < times[1] <= times[2], f"start < end <= resolution for {name}", times)
    payouts = market.payouts
    _expect(min(payouts) >= 0 and sum(payouts) == MICROS, f"payouts of 1 for {name}", payouts)


def _check_wallet(wallet: TapeWallet) -> None:
    name = wallet.address
    _expect(re.fullmatch("0x[0-9a-fA-F]{40}", name) is not None, "a wallet's address", name)
    for trade in wallet.history:
        _expect(trade.opened_at <= trade.closed_at, f"opening before closing for {name}", trade)
        _expect(trade.notional > 0, f"a positive notional for {name}", trade)
        _expect(trade.pnl >= -trade.notional, f"no loss above the stake for {name}", trade)


def _check_level(level: Level) -> None:
    _expect(0 < level.price < MICROS, f"a price inside (0, {MICROS}) micros", level)
    _expect(level.size > 0, "a positive size", level)


# The condition comes first, as in an assert.
def _expect(is_met: bool, expected: str, found: object) -> None:  # noqa: FBT001
    if not is_met:
        raise TapeError(f"expected {expected}, found {found}")
