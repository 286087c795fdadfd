"""The words about whales, read from the command line."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from command import add_json, add_who, read_words
from storage.whale_port import WhaleChange
from trading.overrides import CATEGORIES_MAX, Overrides
from trading.types import SizingMode

WHALES, SCORE = "whales", "score"
WHALE_COMMANDS = (WHALES, SCORE)
LEADERS = 10
LEADERS_MAX = 50
OFF = "off"

Setting = Decimal | SizingMode | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ListWhales:
    """Show the followed wallets."""


@dataclass(frozen=True, slots=True)
class ShowWhale:
    """Show all that is known of one whale, named by its name or the beginning of its address."""

    whale: str


@dataclass(frozen=True, slots=True)
class DiscoverWhales:
    """Propose wallets from the leaderboard; nobody is followed by that."""

    limit: int


@dataclass(frozen=True, slots=True)
class AddWhale:
    """Follow a wallet, named by its address or as the leaderboard names it."""

    whale: str
    overrides: Overrides
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ChangeWhale:
    """Remove, pause or resume a whale."""

    whale: str
    change: WhaleChange
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class SetWhale:
    """Set those of a whale's own numbers that are named; None drops one, the others stay."""

    whale: str
    overrides: Overrides
    named: frozenset[str]
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ScoreNow:
    """Score one whale now, "" for all that are followed."""

    whale: str


WhaleAsk = ListWhales | ShowWhale | DiscoverWhales | AddWhale | ChangeWhale | SetWhale | ScoreNow

_CHANGES = {
    "remove": (WhaleChange.REMOVED, "follow a wallet no more; what is held of it is still left"),
    "pause": (WhaleChange.PAUSED, "copy no entry of a whale until it is resumed"),
    "resume": (WhaleChange.RESUMED, "copy a paused whale again, and watch its edge anew"),
}


def add_whale_commands(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add these commands to a parser's subcommands."""
    whales = add_parser(WHALES, help="followed wallets and their scores; changes of them")
    add_json(whales)
    actions = whales.add_subparsers(dest="action", metavar="ACTION")
    _add_json(actions.add_parser("list", help="the followed wallets, as without any word"))
    shown = actions.add_parser("show", help="one whale: score, evidence, our results, overrides")
    _add_whale(shown)
    _add_json(shown)
    found = actions.add_parser("discover", help="propose wallets from the leaderboard")
    found.add_argument("--limit", type=_limit, default=LEADERS, help=f"how many ({LEADERS})")
    _add_json(found)
    for name, text in (("add", "follow a wallet"), ("set", "set a whale's own numbers")):
        changed = actions.add_parser(name, help=text)
        _add_whale(changed)
        _add_settings(changed)
        _add_reasons(changed)
    for name, (_, text) in _CHANGES.items():
        changed = actions.add_parser(name, help=text)
        _add_whale(changed)
        _add_reasons(changed)
    score = add_parser(SCORE, help="score followed wallets by their histories, now")
    score.add_argument("whale", nargs="?", type=read_words, metavar="WHALE")
    add_json(score)


def whale_ask_of(options: argparse.Namespace) -> WhaleAsk:
    """Return what was asked for."""
    if options.command == SCORE:
        return ScoreNow(options.whale or "")
    if options.action in (None, "list"):
        return ListWhales()
    if options.action == "discover":
        return DiscoverWhales(options.limit)
    if options.action == "show":
        return ShowWhale(options.whale)
    return _change_of(options)


def _change_of(options: argparse.Namespace) -> AddWhale | SetWhale | ChangeWhale:
    if options.action in _CHANGES:
        change, _ = _CHANGES[options.action]
        return ChangeWhale(options.whale, change, options.who, options.why)
    given = {name: value for name, value in vars(options).items() if name in _SETTINGS}
    overrides = Overrides(**given)
    if options.action == "add":
        return AddWhale(options.whale, overrides, options.who, options.why)
    return SetWhale(options.whale, overrides, frozenset(given), options.who, options.why)


def _add_whale(parser: argparse.ArgumentParser) -> None:
    text = "its name, or (the beginning of) its address"
    parser.add_argument("whale", metavar="WHALE", type=read_words, help=text)


def _add_reasons(parser: argparse.ArgumentParser) -> None:
    add_who(parser)
    parser.add_argument("--why", required=True, type=read_words)
    _add_json(parser)


def _add_json(parser: argparse.ArgumentParser) -> None:
    """Offer the answer for programs, keeping a --json that was said before the action."""
    text = "print one JSON value"
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=text)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    for name, (read, text) in _SETTINGS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=read, default=argparse.SUPPRESS, help=f"{text}; or {OFF}")


def _figure(text: str) -> Decimal | None:
    if text.lower() == OFF:
        return None
    try:
        figure = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"expected a number, received {text!r}") from error
    if not figure.is_finite() or figure <= 0:
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text!r}")
    return figure


def _share(text: str) -> Decimal | None:
    figure = _figure(text)
    if figure is not None and figure > 1:
        raise argparse.ArgumentTypeError(f"expected a share of 1 at most, received {text!r}")
    return figure


def _price(text: str) -> Decimal | None:
    figure = _figure(text)
    if figure is not None and figure >= 1:
        raise argparse.ArgumentTypeError(f"expected a price below 1, received {text!r}")
    return figure


def _mode(text: str) -> SizingMode | None:
    if text.lower() == OFF:
        return None
    if text.upper() not in list(SizingMode):
        names = ", ".join(mode.lower() for mode in SizingMode)
        raise argparse.ArgumentTypeError(f"expected one of {names}, received {text!r}")
    return SizingMode(text.upper())


def _categories(text: str) -> tuple[str, ...]:
    if text.lower() == OFF:
        return ()
    words = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    if not 0 < len(words) <= CATEGORIES_MAX:
        raise argparse.ArgumentTypeError(f"expected 1 to {CATEGORIES_MAX} words: {text!r}")
    return words


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= LEADERS_MAX):
        raise argparse.ArgumentTypeError(f"expected 1 to {LEADERS_MAX}, received {text!r}")
    return int(text)


_SETTINGS: Mapping[str, tuple[Callable[[str], Setting], str]] = {
    "sizing_mode": (_mode, "fixed, percent, proportional or kelly"),
    "fixed_notional": (_figure, "USD of each copy, in mode fixed"),
    "percent": (_share, "share of the bankroll, in mode percent: 0.02 is 2 %%"),
    "proportional_share": (_figure, "share of the whale's notional, in mode proportional"),
    "position_max": (_figure, "USD, below the rules' own cap"),
    "market_max": (_figure, "USD, below the rules' own cap"),
    "whale_max": (_figure, "USD, below the rules' own cap"),
    "price_min": (_price, "lowest whale price that is copied"),
    "price_max": (_price, "highest whale price that is copied"),
    "whale_notional_min": (_figure, "USD of the smallest whale order that is copied"),
    "categories": (_categories, "words of markets that are copied, with commas"),
}
