"""`whalecopy backtest`: read a tape or a file of fills, replay it, and say the plain truth."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from backtest.errors import BacktestError
from backtest.figures import Figures, figure
from backtest.fill_file import FillFile, read_fills
from backtest.fill_history import AssumedBook, FillHistory
from backtest.page import as_page
from backtest.plan import Latency, Plan
from backtest.port import History
from backtest.replay import replay
from backtest.report import as_json, as_text
from paper.tape import SHIPPED, TapeError, open_tape
from tape_history import TapeHistory
from trading.profiles import DEFAULT
from trading.profiles import replay as replay_rules
from trading.types import Price, Usd, Wallet

DONE, REFUSED = 0, 1
BAD_ROWS_SHOWN = 20
PROGRESS_EVERY_S = 1.0


class UsageError(Exception):
    """What was asked for does not go together."""


def main(arguments: Sequence[str]) -> int:
    """Run one look back; return 0 done, 1 refused. What is wrong goes to the error stream."""
    options = _parser().parse_args(arguments)
    try:
        history, bad = _history(options)
        plan = _plan(options, history)
        found = figure(replay(history, plan, _progress(history, options)), plan)
        if options.out is not None:
            options.out.write_text(as_page(found), encoding="utf-8")
    except (BacktestError, TapeError, UsageError, OSError) as error:
        sys.stderr.write(f"whalecopy: {error}\n")
        return REFUSED
    _print(found, options, bad)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="whalecopy backtest",
        description="What copying whales would have made, and whether that is more than luck.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--tape", type=Path, help="a tape (default: the shipped one)")
    source.add_argument("--csv", type=Path, metavar="FILE", help="a CSV file of fills")
    parser.add_argument("--strict", action="store_true", help="refuse a file with a bad row")
    parser.add_argument("--since", type=_time, help="copy nothing before; it is for scores only")
    parser.add_argument("--until", type=_time, help="look at nothing after")
    parser.add_argument("--whale", action="append", default=[], help="only this wallet or name")
    parser.add_argument("--looked-at", type=_count, metavar="N", help="wallets these came from")
    parser.add_argument("--profile", choices=["default", "replay"], help="rules (CSV: default)")
    parser.add_argument("--bankroll", type=_positive, default=Decimal(10_000), help="USD (10000)")
    parser.add_argument("--seed", type=int, default=1, help="of delays and resampling (1)")
    parser.add_argument("--heard-ms", type=_count, default=1900, help="until a fill is heard of")
    parser.add_argument("--p50-ms", type=_count, default=150, help="signal to order, median")
    parser.add_argument("--p90-ms", type=_count, default=250, help="signal to order, 90 %%")
    parser.add_argument("--window-hours", type=_positive, help="scores stay this long (24, tape 1)")
    parser.add_argument("--train-days", type=_positive, help="scores know this much (all)")
    parser.add_argument("--assumed-spread", type=_positive, default=Decimal("0.02"))
    parser.add_argument("--assumed-depth", type=_positive, default=Decimal(10_000), metavar="USD")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a page with curves")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    return parser


def _history(options: argparse.Namespace) -> tuple[History, FillFile | None]:
    if options.csv is None:
        return TapeHistory(open_tape(options.tape or SHIPPED)), None
    file = read_fills(options.csv)
    if file.bad and options.strict:
        raise BacktestError("\n".join(_bad_rows(file)))
    assumed = AssumedBook(Price(options.assumed_spread), Usd(options.assumed_depth))
    return FillHistory(file, assumed), file


def _plan(options: argparse.Namespace, history: History) -> Plan:
    is_tape = options.csv is None
    if options.p90_ms < options.p50_ms:
        raise UsageError(
            f"expected --p90-ms of {options.p50_ms} or more, received {options.p90_ms}"
        )
    profile = options.profile or ("replay" if is_tape else "default")
    hours = options.window_hours or Decimal(1 if is_tape else 24)
    return Plan(
        rules=replay_rules(Decimal(1)) if profile == "replay" else DEFAULT,
        bankroll=Usd(options.bankroll),
        seed=options.seed,
        latency=Latency(options.p50_ms, options.p90_ms),
        heard_after=timedelta(milliseconds=options.heard_ms),
        train=None if options.train_days is None else _duration(options.train_days * 24),
        window=_duration(hours),
        since=options.since,
        until=options.until,
        whales=frozenset(_wallet(name, history) for name in options.whale),
        looked_at=options.looked_at,
    )


def _wallet(asked: str, history: History) -> Wallet:
    """Find a wallet by its address, the beginning of it, or its name; exactly one must fit."""
    wanted = asked.lower()
    found = [w for w, name in history.names.items() if w.startswith(wanted) or name == asked]
    if len(found) != 1:
        raise UsageError(f"expected --whale to name one wallet, {asked!r} fits {len(found)}")
    return found[0]


def _progress(
    history: History, options: argparse.Namespace
) -> Callable[[datetime, int, int], None] | None:
    if options.quiet or not sys.stderr.isatty():
        return None
    begins, ends = history.origin.starts_at, history.origin.ends_at
    told = time.perf_counter()

    def tell(at: datetime, signals: int, fills: int) -> None:
        nonlocal told
        if time.perf_counter() - told < PROGRESS_EVERY_S:
            return
        told = time.perf_counter()
        share = (at - begins) / max(ends - begins, timedelta(microseconds=1))
        sys.stderr.write(
            f"\r{share:4.0%}  {at:%Y-%m-%d %H:%M}  {signals} whale orders, {fills} fills of ours "
        )
        sys.stderr.flush()

    return tell


def _print(found: Figures, options: argparse.Namespace, file: FillFile | None) -> None:
    if not options.quiet and sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    if file is not None and file.bad:
        sys.stderr.write("\n".join(_bad_rows(file)) + "\n")
    sys.stdout.write((as_json(found) if options.json else as_text(found)) + "\n")
    if options.out is not None and not options.json:
        sys.stdout.write(f"curves in {options.out}\n")


def _bad_rows(file: FillFile) -> list[str]:
    lines = [f"{file.path}, line {bad.line}: {bad.problem}" for bad in file.bad]
    total = f"{len(file.bad)} bad rows, {len(file.rows)} good ones"
    more = len(lines) - BAD_ROWS_SHOWN
    shown = lines[:BAD_ROWS_SHOWN]
    return [*shown, f"and {more} more", total] if more > 0 else [*shown, total]


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a date or time, received {text!r}") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _positive(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"expected a number, received {text!r}") from error
    if not number.is_finite() or not 0 < number < 10**12:
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text!r}")
    return number


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, received {text!r}")
    return int(text)


def _duration(hours: Decimal) -> timedelta:
    return timedelta(microseconds=max(int(hours * 3_600_000_000), 1_000_000))
