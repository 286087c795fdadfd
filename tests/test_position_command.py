import argparse
from decimal import Decimal

import pytest

from position_command import (
    ClosePosition,
    PositionAsk,
    SetLevels,
    add_position_commands,
    position_ask_of,
)


def add_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", default="ann")
    parser.add_argument("--why", default="news")


def read(*words: str) -> PositionAsk:
    parser = argparse.ArgumentParser(prog="whalecopy")
    commands = parser.add_subparsers(dest="command", required=True)
    add_position_commands(commands.add_parser, add_words)
    return position_ask_of(parser.parse_args(words))


def test_a_position_is_closed_wholly_or_in_part() -> None:
    assert read("close", "ab") == ClosePosition("ab", "ann", "news", Decimal(1))
    low = read("close", "ab", "--lowest", "0.004")
    assert low == ClosePosition("ab", "ann", "news", Decimal(1), Decimal("0.004"))
    half = read("close", "ab", "--share", "0.5")
    assert half == ClosePosition("ab", "ann", "news", Decimal("0.5"))


def test_levels_are_prices_or_off_and_those_not_named_stay() -> None:
    asked = read("levels", "ab", "--stop", "0.41", "--target", "OFF")
    assert asked == SetLevels("ab", "ann", "news", stop=Decimal("0.41"), target=Decimal(0))
    assert read("levels", "ab", "--trailing", "0.6") == SetLevels(
        "ab", "ann", "news", trailing=Decimal("0.6")
    )


@pytest.mark.parametrize(
    "words",
    [
        ("close", "ab", "--lowest", "0"),
        ("close", "ab", "--lowest", "off"),
        ("close", "ab", "--share", "0"),
        ("close", "ab", "--share", "1.1"),
        ("close", "ab", "--share", "half"),
        ("close", "ab", "--share", "nan"),
        ("levels", "ab", "--stop", "1"),
        ("levels", "ab", "--stop", "0"),
        ("levels", "ab", "--target", "high"),
        ("close",),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        read(*words)
