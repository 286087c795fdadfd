"""Answers `whalecopy export`: books as CSV that a spreadsheet and an auditor can read."""

import csv
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import mkstemp
from typing import TextIO

from inquire import InquireError, Stack, open_records
from portfolio_command import ExportAsk
from storage.view_export import Books, Cell, Period, stream_books

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - wide ones count too
"""What makes a spreadsheet take a text for a formula."""


async def export(settings: Stack, ask: ExportAsk) -> int:
    """Write the books that are asked for; return how many rows there were.

    A file appears whole or not at all, and nobody else can read it.

    Raises:
        InquireError: no stack runs, its database does not answer, or the file cannot be written.
    """
    async with open_records(settings) as store:
        found = stream_books(store, Books(ask.what), Period(ask.since, ask.until))
        async with aclosing(found):
            if ask.output is None:
                return await write_csv(found, sys.stdout)
            try:
                with whole_file(ask.output) as file:
                    return await write_csv(found, file)
            except OSError as error:
                raise InquireError(f"{ask.output} cannot be written: {error}") from error


async def write_csv(found: AsyncIterator[list[Cell]], file: TextIO) -> int:
    """Write rows as they come, the names of the columns first; return how many followed."""
    writer = csv.writer(file, lineterminator="\n")
    rows = -1
    async for row in found:
        writer.writerow([cell_text(cell) for cell in row])
        rows += 1
    return rows


def cell_text(cell: Cell) -> str:
    """Write one cell: figures exactly, times in UTC, nothing for none.

    Texts come from the venue and from strangers: one that a spreadsheet would take for a formula
    is given a quote before it.
    """
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return f"{cell:f}"
        case int():
            return str(cell)
        case datetime():
            return cell.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case str():
            return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a file that takes its name, or another's place, when all of it is on the disk."""
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
