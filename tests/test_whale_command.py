"""What people say about whales is read as they mean it."""

import argparse
from decimal import Decimal

import pytest

from storage.whale_port import WhaleChange
from trading.overrides import NO_OVERRIDES, Overrides
from trading.types import SizingMode
from whale_command import (
    AddWhale,
    ChangeWhale,
    DiscoverWhales,
    ListWhales,
    ScoreNow,
    SetWhale,
    ShowWhale,
    WhaleAsk,
    add_whale_commands,
    whale_ask_of,
)

WHO = ("--who", "ann", "--why", "because")


def read(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_whale_commands(parser.add_subparsers(dest="command", required=True).add_parser)
    return parser.parse_args(words)


def ask(*words: str) -> WhaleAsk:
    return whale_ask_of(read(*words))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("whales",), ListWhales()),
        (("whales", "list"), ListWhales()),
        (("whales", "show", "0xab"), ShowWhale("0xab")),
        (("whales", "discover"), DiscoverWhales(10)),
        (("whales", "discover", "--limit", "3"), DiscoverWhales(3)),
        (("whales", "add", "0xab", *WHO), AddWhale("0xab", NO_OVERRIDES, "ann", "because")),
        (
            ("whales", "pause", "Deep Blue", *WHO),
            ChangeWhale("Deep Blue", WhaleChange.PAUSED, "ann", "because"),
        ),
        (("whales", "resume", "x", *WHO), ChangeWhale("x", WhaleChange.RESUMED, "ann", "because")),
        (("whales", "remove", "x", *WHO), ChangeWhale("x", WhaleChange.REMOVED, "ann", "because")),
        (("score",), ScoreNow("")),
        (("score", "0xab"), ScoreNow("0xab")),
    ],
)
def test_words_are_read(words: tuple[str, ...], expected: WhaleAsk) -> None:
    assert ask(*words) == expected


def test_every_setting_is_read_and_off_drops_it() -> None:
    told = ask(
        *("whales", "set", "x", "--sizing-mode", "percent", "--fixed-notional", "off"),
        *("--percent", "0.01", "--position-max", "200", "--price-max", "0.8"),
        *("--categories", "NBA, politics,nba", *WHO),
    )
    overrides = Overrides(
        sizing_mode=SizingMode.PERCENT,
        percent=Decimal("0.01"),
        position_max=Decimal(200),  # type: ignore[arg-type]
        price_max=Decimal("0.8"),  # type: ignore[arg-type]
        categories=("nba", "politics"),
    )
    named = {
        "sizing_mode",
        "fixed_notional",
        "percent",
        "position_max",
        "price_max",
        "categories",
    }
    assert told == SetWhale("x", overrides, frozenset(named), "ann", "because")
    off = ask("whales", "set", "x", "--sizing-mode", "off", "--categories", "off", *WHO)
    assert off == SetWhale(
        "x", NO_OVERRIDES, frozenset({"sizing_mode", "categories"}), "ann", "because"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("whales", "pause", "x", "--who", "ann"),
        ("whales", "show", " "),
        ("whales", "set", "x", "--percent", "1.01", *WHO),
        ("whales", "set", "x", "--percent", "nan", *WHO),
        ("whales", "set", "x", "--position-max", "-1", *WHO),
        ("whales", "set", "x", "--position-max", "much", *WHO),
        ("whales", "set", "x", "--price-min", "1", *WHO),
        ("whales", "set", "x", "--sizing-mode", "wild", *WHO),
        ("whales", "set", "x", "--categories", " , ", *WHO),
        ("whales", "discover", "--limit", "51"),
        ("whales", "discover", "--limit", "0"),
        ("whales", "discover", "--limit", "-3"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        read(*words)
    assert stopped.value.code == 2


def test_json_may_be_asked_for_before_and_after_the_action() -> None:
    assert read("whales", "--json").json
    assert read("whales", "--json", "list").json
    assert read("whales", "list", "--json").json
    assert not read("whales", "list").json
