"""The words in which a person asks what was earned, read from the command line."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

EXPORT, PNL = "export", "pnl"
WHAT = ("trades", "positions", "pnl", "ledger")
BY = ("position", "whale", "market", "day")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExportAsk:
    """Which books to write, of which time, and where to; None is the standard output."""

    what: str
    since: datetime
    until: datetime
    output: Path | None


def add_portfolio_commands(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add these commands to a parser's subcommands."""
    exported = add_parser(EXPORT, help="write books as CSV, each change with its cause")
    exported.add_argument("--what", choices=WHAT, required=True)
    exported.add_argument("--format", choices=["csv"], default="csv")
    exported.add_argument("--since", type=_time, default=BEGINNING, help="from this time on, UTC")
    exported.add_argument("--until", type=_time, default=END, help="before this time, UTC")
    exported.add_argument("-o", "--output", type=Path, help="file (default: standard output)")
    earned = add_parser(PNL, help="profit and loss, and whether it adds up")
    earned.add_argument("--by", choices=BY, default="whale", help="what it is split by (whale)")
    earned.add_argument("--json", action="store_true", help="print one JSON value")


def export_of(options: argparse.Namespace) -> ExportAsk:
    """Return which books are asked for."""
    return ExportAsk(options.what, options.since, options.until, options.output)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day or a time such as 2026-11-22T12:00, received {text!r}"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
