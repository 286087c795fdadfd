"""Reads the recording that the shipped tape is made of: parquet tables of settled markets."""

import importlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from paper.model import MICROS, Level
from paper.tape import Snapshot

_FOLDER = "resolvedkit/sample_data/"
_SIZE_STEP = Decimal("0.01")


class SourceError(Exception):
    """The recording cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class MarketRow:
    """One row of markets.parquet; times in Unix ms, payouts in USD per share."""

    market_id: str
    slug: str
    question: str
    start_ts: int
    end_ts: int
    outcome_up: str
    outcome_down: str
    payout_up: Decimal
    payout_down: Decimal


@dataclass(frozen=True, slots=True)
class BookRow:
    """One row of books.parquet: one side's book, best first, in USD and shares."""

    market_id: str
    ts: int
    side: str
    bid_px: tuple[Decimal, ...]
    bid_sz: tuple[Decimal, ...]
    ask_px: tuple[Decimal, ...]
    ask_sz: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """A settled market and its books, oldest first, in the first outcome's terms."""

    row: MarketRow
    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """All markets by start, and how the rows became snapshots."""

    markets: tuple[RecordedMarket, ...]
    rows: int
    mirrored: int  # snapshots taken from the second outcome's row alone
    crossed: int  # moments left out: best bid at or above best ask


def load_recording(path: Path) -> Recording:
    """Read the wheel, or the directory it was unpacked to; raise SourceError."""
    markets = _table(path, "markets.parquet")
    books = _table(path, "books.parquet")
    try:
        market_rows = TypeAdapter(list[MarketRow]).validate_python(markets)
        book_rows = TypeAdapter(list[BookRow]).validate_python(books)
    except ValidationError as error:
        raise SourceError(f"{path}: expected the recording's columns, found {error}") from error
    return make_recording(market_rows, book_rows)


def make_recording(markets: Sequence[MarketRow], books: Sequence[BookRow]) -> Recording:
    """Group the rows by market; where both outcomes have a row at one time, the first's counts."""
    by_market: dict[str, dict[int, list[Snapshot]]] = {row.market_id: {} for row in markets}
    for book in sorted(books, key=lambda book: (book.ts, book.side == "DOWN")):
        moments = by_market.get(book.market_id)
        if moments is None:
            raise SourceError(f"expected books of known markets, found {book.market_id}")
        moments.setdefault(book.ts, []).append(to_snapshot(book))
    kept, crossed = [], 0
    for row in sorted(markets, key=lambda row: row.start_ts):
        whole = [
            next((s for s in found if not is_crossed(s)), None)
            for found in by_market[row.market_id].values()
        ]
        kept.append(RecordedMarket(row, tuple(s for s in whole if s is not None)))
        crossed += whole.count(None)
    first_times = {(book.market_id, book.ts) for book in books if book.side == "UP"}
    mirrored = sum((m.row.market_id, s.at) not in first_times for m in kept for s in m.snapshots)
    return Recording(tuple(kept), len(books), mirrored, crossed)


def to_snapshot(book: BookRow) -> Snapshot:
    """Turn a row into the first outcome's book; sizes to the nearest 0.01 share, as recorded.

    A few recorded sizes carry the noise of binary fractions (12.340000000000002); 0.01 share is
    the venue's step of a size.
    """
    bids, asks = _levels(book.bid_px, book.bid_sz), _levels(book.ask_px, book.ask_sz)
    match book.side:
        case "UP":
            return Snapshot(book.ts, book.market_id, bids, asks)
        case "DOWN":
            return Snapshot(book.ts, book.market_id, mirror(asks), mirror(bids))
    raise SourceError(f"expected side UP or DOWN, found {book.side!r}")


def mirror(levels: Sequence[Level]) -> tuple[Level, ...]:
    """Return the levels in the other outcome's terms: p becomes 1 - p, bids become asks."""
    return tuple(Level(MICROS - level.price, level.size) for level in levels)


def is_crossed(snapshot: Snapshot) -> bool:
    """Tell whether the best bid is at or above the best ask: two reads mixed by the recorder."""
    if not snapshot.bids or not snapshot.asks:
        return False
    return snapshot.bids[0].price >= snapshot.asks[0].price


def _levels(prices: Sequence[Decimal], sizes: Sequence[Decimal]) -> tuple[Level, ...]:
    if len(prices) != len(sizes):
        raise SourceError(f"expected a size per price, found {len(prices)} and {len(sizes)}")
    pairs = zip(prices, sizes, strict=True)
    levels = (Level(int(p * MICROS), int(s.quantize(_SIZE_STEP) * MICROS)) for p, s in pairs)
    return tuple(level for level in levels if level.size)


def _table(path: Path, name: str) -> list[dict[str, object]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise SourceError("expected pyarrow, which only rebuilding a tape needs") from error
    rows: list[dict[str, object]] = parquet.read_table(io.BytesIO(_bytes(path, name))).to_pylist()
    return rows


def _bytes(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            return (path / _FOLDER / name).read_bytes()
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(_FOLDER + name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: expected {_FOLDER}{name} in a wheel, found {error}") from error
