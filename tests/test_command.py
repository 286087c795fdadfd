import argparse
from decimal import Decimal

import pytest

from command import (
    COMMANDS,
    Ask,
    ClearHalt,
    ListHalts,
    ListReviews,
    ResolveReview,
    ShowReview,
    TellTrade,
    TradeCommand,
    add_commands,
    ask_of,
)
from position_command import ClosePosition, SetLevels


def read(*words: str) -> Ask:
    parser = argparse.ArgumentParser(prog="whalecopy")
    add_commands(parser.add_subparsers(dest="command", required=True).add_parser)
    return ask_of(parser.parse_args(words))


@pytest.fixture
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the user be called ann."""
    monkeypatch.setattr("getpass.getuser", lambda: "ann")


def test_the_queue_is_listed_without_what_was_resolved() -> None:
    assert read("review", "list") == ListReviews(open_only=True)
    assert read("review", "list", "--all", "--json") == ListReviews(open_only=False)


def test_one_review_is_shown() -> None:
    assert read("review", "show", "12") == ShowReview(12)


def test_a_review_is_resolved_by_somebody_with_a_note(ann: None) -> None:
    plain = read("review", "resolve", "12", "--note", " their bug ")
    assert plain == ResolveReview(12, "ann", "their bug")
    words = ("--who", "bob", "--note", "ok", "--clear-halt", "--replay")
    assert read("review", "resolve", "12", *words) == ResolveReview(
        12, "bob", "ok", clears_halt=True, replays=True
    )


def test_halts_are_listed_and_cleared(ann: None) -> None:
    assert read("halts") == ListHalts()
    assert read("clear", "0xab", "--why", "mended") == ClearHalt("0xab", "ann", "mended")


def test_positions_are_overruled_by_somebody_for_a_reason(ann: None) -> None:
    assert read("close", "ab12", "--why", "news") == ClosePosition("ab12", "ann", "news")
    words = ("--stop", "0.4", "--trailing", "off", "--who", "bob", "--why", "news")
    assert read("levels", "ab12", *words) == SetLevels(
        "ab12", "bob", "news", stop=Decimal("0.4"), trailing=Decimal(0)
    )
    assert {"close", "levels"} <= set(COMMANDS)


@pytest.mark.parametrize("name", list(TradeCommand))
def test_a_trade_is_told_something_by_somebody_for_a_reason(name: TradeCommand, ann: None) -> None:
    asked = read(name.value, "0123ab", "--why", "it looks wrong")
    assert asked == TellTrade(name, "0123ab", "ann", "it looks wrong")
    assert name in COMMANDS


@pytest.mark.parametrize(
    "words",
    [
        ["review"],
        ["review", "show"],
        ["review", "show", "-1"],
        ["review", "show", "1.5"],
        ["review", "show", "²"],
        ["review", "show", "9" * 19],
        ["review", "resolve", "1"],
        ["review", "resolve", "1", "--note", "  "],
        ["review", "resolve", "1", "--note", "x" * 501],
        ["review", "resolve", "1", "--note", "ok", "--who", ""],
        ["cancel"],
        ["cancel", "abc"],
        ["cancel", "", "--why", "because"],
        ["hold", "abc", "--why", ""],
    ],
    ids=" ".join,
)
def test_what_says_too_little_is_a_wrong_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(*words)
    assert ended.value.code == 2
    assert "usage: whalecopy" in capsys.readouterr().err


def test_who_has_no_name_must_give_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(SystemExit):
        read("review", "resolve", "1", "--note", "ok")
    assert "--who" in capsys.readouterr().err
    assert read("review", "resolve", "1", "--note", "ok", "--who", "ann")
