"""The words of the kill switch and the breakers, read from the command line."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from command import add_json, add_who, read_words

HALT, RESUME, BREAKERS, OVERRIDE = "halt", "resume", "breakers", "override"
GUARD_COMMANDS = (HALT, RESUME, BREAKERS, OVERRIDE)
NAMES = (
    "daily_loss",
    "drawdown",
    "losses_in_row",
    "failure_rate",
    "market_cooldown",
    "whale_cooldown",
    "geoblock",
    "closed_only",
    "clock",
)


@dataclass(frozen=True, slots=True)
class PullSwitch:
    """Stop all entries; with `closes_all` every position is left too."""

    who: str
    why: str
    closes_all: bool


@dataclass(frozen=True, slots=True)
class ReleaseSwitch:
    """Let go at the command line; `everywhere` for every source in the records."""

    who: str
    why: str
    everywhere: bool


@dataclass(frozen=True, slots=True)
class ShowBreakers:
    """Show what every breaker says."""


@dataclass(frozen=True, slots=True)
class LiftBreaker:
    """Say that a breaker does not hold; without `until`, while what stands would."""

    breaker: str
    key: str
    who: str
    why: str
    until: datetime | None


GuardAsk = PullSwitch | ReleaseSwitch | ShowBreakers | LiftBreaker


def add_guard_commands(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add these commands to a parser's subcommands."""
    halt = add_parser(HALT, help="let no entry leave any more, and cancel those that rest")
    halt.add_argument("--close-all", action="store_true", help="leave every position too")
    _add_reasons(halt)
    resume = add_parser(RESUME, help="let entries leave again, once every source has let go")
    resume.add_argument(
        "--all",
        action="store_true",
        help="let go for the dashboard and Temporal too; a file is taken away by hand",
    )
    _add_reasons(resume)
    add_json(add_parser(BREAKERS, help="what stops entries or halves them, and until when"))
    override = add_parser(OVERRIDE, help="let entries leave although a breaker has tripped")
    override.add_argument("breaker", metavar="BREAKER", type=_breaker, help=", ".join(NAMES))
    override.add_argument("--key", default="", help="one market or whale only")
    override.add_argument(
        "--until", type=_time, help="ISO 8601 (default: while what stands would hold)"
    )
    _add_reasons(override)


def guard_ask_of(options: argparse.Namespace) -> GuardAsk:
    """Return what was asked for."""
    if options.command == HALT:
        return PullSwitch(options.who, options.why, options.close_all)
    if options.command == RESUME:
        return ReleaseSwitch(options.who, options.why, options.all)
    if options.command == BREAKERS:
        return ShowBreakers()
    return LiftBreaker(options.breaker, options.key, options.who, options.why, options.until)


def _add_reasons(parser: argparse.ArgumentParser) -> None:
    add_who(parser)
    parser.add_argument("--why", required=True, type=read_words)
    add_json(parser)


def _breaker(text: str) -> str:
    name = text.lower().replace("-", "_")
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(NAMES)}, received {text!r}")
    return name.upper()


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a time, received {text!r}") from error
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
