"""Tests of reading the recording."""

import io
import json
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from paper.model import Level
from paper.tape import Snapshot
from paper.tapes.source import (
    BookRow,
    MarketRow,
    SourceError,
    is_crossed,
    load_recording,
    make_recording,
    mirror,
    to_snapshot,
)

FOLDER = "resolvedkit/sample_data"
D = Decimal


def market_row(name: str = "0xaa", start: int = 1_000) -> MarketRow:
    return MarketRow(name, "slug", "Up?", start, start + 900, "Up", "Down", D(1), D(0))


def book_row(
    side: str = "UP",
    ts: int = 1,
    bid: tuple[str, str] = ("0.49", "10"),
    ask: tuple[str, str] = ("0.51", "20"),
) -> BookRow:
    return BookRow("0xaa", ts, side, (D(bid[0]),), (D(bid[1]),), (D(ask[0]),), (D(ask[1]),))


def test_a_first_outcomes_row_keeps_its_prices() -> None:
    assert to_snapshot(book_row()) == Snapshot(
        1, "0xaa", (Level(490_000, 10_000_000),), (Level(510_000, 20_000_000),)
    )


def test_a_second_outcomes_row_is_turned_around() -> None:
    row = book_row("DOWN", bid=("0.4", "7"), ask=("0.405", "9"))
    assert to_snapshot(row) == Snapshot(
        1, "0xaa", (Level(595_000, 9_000_000),), (Level(600_000, 7_000_000),)
    )


def test_binary_noise_in_a_size_is_rounded_away_and_nothing_else() -> None:
    row = book_row(bid=("0.49", "12.340000000000002"), ask=("0.51", "0.001"))
    assert to_snapshot(row) == Snapshot(1, "0xaa", (Level(490_000, 12_340_000),), ())


def test_a_row_of_an_unknown_side_is_refused() -> None:
    with pytest.raises(SourceError, match="UP or DOWN, found 'MIDDLE'"):
        to_snapshot(book_row("MIDDLE"))


def test_a_price_without_a_size_is_refused() -> None:
    row = BookRow("0xaa", 1, "UP", (D("0.5"),), (), (), ())
    with pytest.raises(SourceError, match="a size per price, found 1 and 0"):
        to_snapshot(row)


def test_mirroring_twice_gives_the_levels_back() -> None:
    levels = (Level(10_000, 1), Level(999_000, 2))
    assert mirror(levels) == (Level(990_000, 1), Level(1_000, 2))
    assert mirror(mirror(levels)) == levels


def test_a_book_is_crossed_when_a_bid_reaches_an_ask() -> None:
    bid, ask = (Level(5, 1),), (Level(6, 1),)
    assert not is_crossed(Snapshot(1, "", bid, ask))
    assert not is_crossed(Snapshot(1, "", bid, ()))
    assert not is_crossed(Snapshot(1, "", (), ask))
    assert is_crossed(Snapshot(1, "", bid, bid))
    assert is_crossed(Snapshot(1, "", ask, bid))


def test_rows_of_both_sides_become_one_book_per_time() -> None:
    rows = [
        book_row("DOWN", 2),
        book_row("UP", 2, ask=("0.52", "1")),
        book_row("DOWN", 1, bid=("0.3", "1"), ask=("0.31", "1")),
    ]
    recording = make_recording([market_row()], rows)
    (market,) = recording.markets
    assert [s.at for s in market.snapshots] == [1, 2]
    assert [s.asks[0].price for s in market.snapshots] == [700_000, 520_000]
    assert (recording.rows, recording.mirrored, recording.crossed) == (3, 1, 0)


def test_a_crossed_book_gives_way_to_the_other_sides_or_is_left_out() -> None:
    crossed = ("0.51", "1")
    rows = [
        book_row("UP", 1, bid=crossed),
        book_row("DOWN", 1),
        book_row("UP", 2, bid=crossed),
    ]
    recording = make_recording([market_row()], rows)
    assert recording.markets[0].snapshots == (to_snapshot(rows[1]),)
    assert (recording.mirrored, recording.crossed) == (0, 1)


def test_markets_come_by_start() -> None:
    late, early = market_row("0xbb", 9), market_row("0xaa", 3)
    recording = make_recording([late, early], [])
    assert [m.row for m in recording.markets] == [early, late]


def test_a_book_of_an_unknown_market_is_refused() -> None:
    with pytest.raises(SourceError, match="books of known markets, found 0xaa"):
        make_recording([], [book_row()])


class JsonTable:
    """Stands for a parquet table; the files of these tests hold JSON."""

    def __init__(self, file: io.BytesIO) -> None:
        self._rows = json.load(file)

    def to_pylist(self) -> object:
        return self._rows


@pytest.fixture
def _json_for_parquet(monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = ModuleType("pyarrow.parquet")
    monkeypatch.setattr(parquet, "read_table", JsonTable, raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", ModuleType("pyarrow"))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)


MARKET = {
    "market_id": "0xaa",
    "slug": "s",
    "question": "q",
    "category": "crypto",
    "start_ts": 1000,
    "end_ts": 1900,
    "outcome_up": "Up",
    "outcome_down": "Down",
    "payout_up": 1.0,
    "payout_down": 0.0,
}
BOOK = {
    "market_id": "0xaa",
    "ts": 5,
    "side": "UP",
    "bid_px": [0.1],
    "bid_sz": [5.0],
    "ask_px": [],
    "ask_sz": [],
}


def wheel(path: Path, market: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{FOLDER}/markets.parquet", json.dumps([market]))
        file.writestr(f"{FOLDER}/books.parquet", json.dumps([BOOK]))
    return path


@pytest.mark.usefixtures("_json_for_parquet")
def test_a_wheel_and_its_unpacked_directory_read_the_same(tmp_path: Path) -> None:
    packed = wheel(tmp_path / "a.whl", MARKET)
    with zipfile.ZipFile(packed) as file:
        file.extractall(tmp_path / "unpacked")
    recording = load_recording(packed)
    assert recording == load_recording(tmp_path / "unpacked")
    assert recording.markets[0].snapshots == (
        Snapshot(5, "0xaa", (Level(100_000, 5_000_000),), ()),
    )


@pytest.mark.usefixtures("_json_for_parquet")
@pytest.mark.parametrize("change", [{"payout_up": None}, {"payout_up": "NaN"}, {"end_ts": "x"}])
def test_columns_of_another_kind_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(SourceError, match="expected the recording's columns"):
        load_recording(wheel(tmp_path / "a.whl", MARKET | change))


@pytest.mark.usefixtures("_json_for_parquet")
def test_a_file_that_is_no_such_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    zipfile.ZipFile(tmp_path / "empty", "w").close()
    (tmp_path / "folder").mkdir()
    for name in ("none", "text", "empty", "folder"):
        with pytest.raises(SourceError, match=r"expected resolvedkit/sample_data/markets\.parquet"):
            load_recording(tmp_path / name)


def test_a_missing_pyarrow_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SourceError, match="expected pyarrow"):
        load_recording(tmp_path)
