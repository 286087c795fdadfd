"""A CSV file of fills: every row is read or listed as bad, none is lost in silence."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backtest.errors import CsvError
from backtest.fill_rows import OPTIONAL, REQUIRED, CellError, FillRow, MarketCells, read_row
from trading.types import ConditionId, Price, TokenId

ROWS_MAX = 2_000_000
TOKENS_MAX = 2
"""Outcomes of a market."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used, by its line in the file (the header is line 1)."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class FillFile:
    """What a file held, in the order of trading; `ignored` are columns that mean nothing to us."""

    path: Path
    rows: tuple[FillRow, ...]
    bad: tuple[BadRow, ...]
    ignored: tuple[str, ...]


def read_fills(path: Path) -> FillFile:
    """Read a file of fills.

    Raises:
        CsvError: It is no such file: unreadable, without a needed column, or without a good row.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(path, csv.DictReader(file, strict=True))
    except OSError as error:
        raise CsvError(f"{path}: expected a file of fills: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CsvError(f"{path}: expected UTF-8, received other bytes at {error.start}") from error


def _read(path: Path, reader: "csv.DictReader[str]") -> FillFile:
    columns = _columns(path, reader)
    rows: list[FillRow] = []
    bad: list[BadRow] = []
    checks = _Checks()
    for line, cells in _cells(reader):
        row = cells if isinstance(cells, str) else _row(line, cells, checks)
        if isinstance(row, str):
            bad.append(BadRow(line, row))
        else:
            rows.append(row)
        if len(rows) + len(bad) > ROWS_MAX:
            raise CsvError(f"{path}: expected {ROWS_MAX} rows at most, found more")
    if not rows:
        first = f"; line {bad[0].line}: {bad[0].problem}" if bad else ""
        raise CsvError(f"{path}: expected a fill, found {len(bad)} bad rows{first}")
    rows.sort(key=lambda row: (row.traded_at, row.line))
    ignored = tuple(name for name in columns if name not in (*REQUIRED, *OPTIONAL))
    return FillFile(path, tuple(rows), tuple(bad), ignored)


def _row(line: int, cells: dict[str, str], checks: "_Checks") -> FillRow | str:
    try:
        row = read_row(line, cells)
        checks.check(row)
    except CellError as error:
        return str(error)
    return row


def _columns(path: Path, reader: "csv.DictReader[str]") -> list[str]:
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise CsvError(f"{path}: expected a first line of column names: {error}") from error
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise CsvError(
            f"{path}, line 1: expected the columns {', '.join(missing)}, "
            f"received {', '.join(columns) or 'nothing'}"
        )
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise CsvError(f"{path}, line 1: expected each column once, received {twice[0]} twice")
    reader.fieldnames = columns
    return columns


def _cells(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each row by its last line, or why it is none."""
    wanted = len(reader.fieldnames or ())
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"expected a row of CSV: {error}"
            continue
        extra: object = cells.get(None)
        missing = [name for name, cell in cells.items() if cell is None]
        if extra is not None:
            yield reader.line_num, f"expected {wanted} cells, received more"
        elif missing:
            yield reader.line_num, f"expected {wanted} cells, received {wanted - len(missing)}"
        else:
            yield reader.line_num, cells


class _Checks:
    """What one row says must fit what earlier rows said."""

    def __init__(self) -> None:
        self._markets: dict[ConditionId, tuple[int, MarketCells]] = {}
        self._tokens: dict[ConditionId, list[TokenId]] = {}
        self._homes: dict[TokenId, ConditionId] = {}
        self._payouts: dict[TokenId, tuple[int, Price | None]] = {}
        self._logs: dict[tuple[str, int], int] = {}

    def check(self, row: FillRow) -> None:
        """Remember a row; raise CellError where it contradicts an earlier one."""
        self._check_log(row)
        self._check_token(row)
        line, known = self._markets.setdefault(row.condition_id, (row.line, row.market))
        for column in MarketCells.__slots__:
            first, second = getattr(known, column), getattr(row.market, column)
            if first != second:
                raise CellError(column, f"{first} as in line {line}", str(second))
        line, payout = self._payouts.setdefault(row.token_id, (row.line, row.payout))
        if payout != row.payout:
            raise CellError("payout", f"{payout} as in line {line}", str(row.payout))
        if row.log_index is not None:
            self._logs[row.transaction_hash, row.log_index] = row.line

    def _check_log(self, row: FillRow) -> None:
        if row.log_index is None:
            return
        line = self._logs.get((row.transaction_hash, row.log_index))
        if line is not None:
            raise CellError("log_index", f"another than in line {line}", str(row.log_index))

    def _check_token(self, row: FillRow) -> None:
        home = self._homes.setdefault(row.token_id, row.condition_id)
        if home != row.condition_id:
            raise CellError("condition_id", f"{home} for {row.token_id}", row.condition_id)
        tokens = self._tokens.setdefault(row.condition_id, [])
        if row.token_id in tokens:
            return
        if len(tokens) == TOKENS_MAX:
            raise CellError("token_id", f"one of {', '.join(tokens)}", row.token_id)
        others = [self._payouts[token][1] for token in tokens]
        if row.payout is not None and others and others[0] != 1 - row.payout:
            raise CellError("payout", f"1 less {others[0]} of the other token", str(row.payout))
        tokens.append(row.token_id)
