"""The words in which a person asks for something to be done, read from the command line."""

import argparse
import getpass
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from position_command import CLOSE, LEVELS, PositionAsk, add_position_commands, position_ask_of

WORDS_MAX = 500
DIGITS_MAX = 18


class TradeCommand(StrEnum):
    """What can be asked of a running trade."""

    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    STOP = "stop"


ON_POSITIONS = (TradeCommand.HOLD, TradeCommand.RELEASE)
"""What can be asked of a position too."""


@dataclass(frozen=True, slots=True)
class ListReviews:
    """Show the review queue, or all that was ever on it."""

    open_only: bool


@dataclass(frozen=True, slots=True)
class ShowReview:
    """Show one review with its evidence."""

    review_id: int


@dataclass(frozen=True, slots=True)
class ResolveReview:
    """Take a review off the queue; its token's halt may go with it, its signal may come again."""

    review_id: int
    who: str
    note: str
    clears_halt: bool = False
    replays: bool = False


@dataclass(frozen=True, slots=True)
class TellTrade:
    """Tell the running trade of a signal, named by the beginning of its id, what to do.

    Hold and release take the beginning of a position's id too.
    """

    command: TradeCommand
    signal: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ListHalts:
    """Show what halts entries until a person clears it."""


@dataclass(frozen=True, slots=True)
class ClearHalt:
    """Let entries go on that a halt stops; it is named by the beginning of its key."""

    halt: str
    who: str
    why: str


Ask = ListReviews | ShowReview | ResolveReview | TellTrade | ListHalts | ClearHalt | PositionAsk

REVIEW, HALTS, CLEAR = "review", "halts", "clear"
COMMANDS = (REVIEW, HALTS, CLEAR, CLOSE, LEVELS, *TradeCommand)
_HELP = {
    TradeCommand.CANCEL: "cancel a running trade at the venue, and keep what it has bought",
    TradeCommand.HOLD: "let a running trade send no order, or a position begin no exit by itself",
    TradeCommand.RELEASE: "let a held trade or position go on",
    TradeCommand.STOP: "let a running trade try no further order after the one under way",
}


def add_commands(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add these commands to a parser's subcommands."""
    review = add_parser(REVIEW, help="what a person must look at, and what is to be done with it")
    actions = review.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="what waits for a person, the newest first")
    listed.add_argument("--all", action="store_true", help="what was resolved too")
    add_json(listed)
    shown = actions.add_parser("show", help="one review with its evidence")
    shown.add_argument("review_id", metavar="ID", type=_number)
    add_json(shown)
    _add_resolve(actions.add_parser("resolve", help="take a review off the queue"))
    add_json(add_parser(HALTS, help="what halts entries until a person clears it"))
    clear = add_parser(CLEAR, help="let entries go on that a halt stops")
    clear.add_argument("halt", metavar="KEY", help="the beginning of its key", type=read_words)
    _add_words(clear)
    for command, text in _HELP.items():
        told = add_parser(command.value, help=text)
        subject = "SIGNAL" if command not in ON_POSITIONS else "SIGNAL|POSITION"
        told.add_argument(
            "signal", metavar=subject, help="the beginning of its id", type=read_words
        )
        _add_words(told)
    add_position_commands(add_parser, _add_words)


def ask_of(options: argparse.Namespace) -> Ask:
    """Return what was asked for."""
    if options.command in list(TradeCommand):
        command = TradeCommand(options.command)
        return TellTrade(command, options.signal, options.who, options.why)
    if options.command in (CLOSE, LEVELS):
        return position_ask_of(options)
    if options.command == HALTS:
        return ListHalts()
    if options.command == CLEAR:
        return ClearHalt(options.halt, options.who, options.why)
    return _review_of(options)


def _review_of(options: argparse.Namespace) -> Ask:
    if options.action == "list":
        return ListReviews(open_only=not options.all)
    if options.action == "show":
        return ShowReview(options.review_id)
    return ResolveReview(
        review_id=options.review_id,
        who=options.who,
        note=options.note,
        clears_halt=options.clear_halt,
        replays=options.replay,
    )


def _add_words(parser: argparse.ArgumentParser) -> None:
    add_who(parser)
    parser.add_argument("--why", required=True, type=read_words)
    add_json(parser)


def _add_resolve(resolve: argparse.ArgumentParser) -> None:
    resolve.add_argument("review_id", metavar="ID", type=_number)
    add_who(resolve)
    resolve.add_argument("--note", required=True, type=read_words, help="what you found, or did")
    resolve.add_argument("--clear-halt", action="store_true", help="let its token be bought again")
    resolve.add_argument(
        "--replay",
        action="store_true",
        help="decide its signal anew, as if the whale had traded now; entries only",
    )
    add_json(resolve)


def add_who(parser: argparse.ArgumentParser) -> None:
    """Ask who wants it done."""
    user = _user()
    parser.add_argument(
        "--who",
        type=read_words,
        default=user,
        required=user is None,
        help="who asks (default: the user's name here)",
    )


def _user() -> str | None:
    """Return the user's name; a process may run as one that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def add_json(parser: argparse.ArgumentParser) -> None:
    """Offer the answer for programs."""
    parser.add_argument("--json", action="store_true", help="print one JSON value")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX):
        raise argparse.ArgumentTypeError(f"expected the number of a review, received {text!r}")
    return int(text)


def read_words(text: str) -> str:
    """Read what somebody says, in one line or more."""
    words = text.strip()
    if not words or len(words) > WORDS_MAX:
        raise argparse.ArgumentTypeError(f"expected 1 to {WORDS_MAX} characters")
    return words
