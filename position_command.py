"""The words in which a person overrules a position, read from the command line."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

CLOSE, LEVELS = "close", "levels"
OFF = Decimal(0)


@dataclass(frozen=True, slots=True)
class ClosePosition:
    """Sell a position, or a share of it; it is named by the beginning of its id.

    `lowest`: sell down to this price, even below the floor; None ends at the floor.
    """

    position: str
    who: str
    why: str
    share: Decimal = Decimal(1)
    lowest: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SetLevels:
    """Move a position's exit levels; None leaves one alone, zero drops it."""

    position: str
    who: str
    why: str
    stop: Decimal | None = None
    target: Decimal | None = None
    trailing: Decimal | None = None


PositionAsk = ClosePosition | SetLevels
Adder = Callable[[argparse.ArgumentParser], None]


def add_position_commands(
    add_parser: Callable[..., argparse.ArgumentParser], add_words: Adder
) -> None:
    """Add these commands to a parser's subcommands; `add_words` asks who and why."""
    close = add_parser(CLOSE, help="sell a position now, all of it or a share, even a held one")
    _add_position(close)
    close.add_argument("--share", type=_share, default=Decimal(1), help="0.5 is half of it (1)")
    close.add_argument(
        "--lowest", type=_price, metavar="PRICE", help="sell down to this price, below the floor"
    )
    add_words(close)
    levels = add_parser(LEVELS, help="move or drop a position's exit levels")
    _add_position(levels)
    for name, words in (
        ("stop", "sell at or below this bid"),
        ("target", "sell at or above this bid"),
        ("trailing", "sell at or below this bid, which follows the highest one"),
    ):
        levels.add_argument(f"--{name}", type=_level, metavar="PRICE", help=f"{words}; or off")
    add_words(levels)


def position_ask_of(options: argparse.Namespace) -> PositionAsk:
    """Return what was asked for."""
    if options.command == CLOSE:
        return ClosePosition(
            options.position, options.who, options.why, options.share, options.lowest
        )
    return SetLevels(
        options.position,
        options.who,
        options.why,
        stop=options.stop,
        target=options.target,
        trailing=options.trailing,
    )


def _add_position(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("position", metavar="POSITION", help="the beginning of its id")


def _share(text: str) -> Decimal:
    share = _number(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"expected a share above 0 and up to 1, received {text!r}")
    return share


def _level(text: str) -> Decimal:
    if text.strip().lower() == "off":
        return OFF
    return _price(text, or_else=", or off")


def _price(text: str, or_else: str = "") -> Decimal:
    price = _number(text)
    if not 0 < price < 1:
        words = f"expected a price between 0 and 1{or_else}, received {text!r}"
        raise argparse.ArgumentTypeError(words)
    return price


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"expected a number, received {text!r}") from error
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"expected a number, received {text!r}")
    return number
