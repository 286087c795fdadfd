"""The words of the kill switch and the breakers."""

import argparse
from datetime import UTC, datetime

import pytest

from halt_command import (
    GUARD_COMMANDS,
    NAMES,
    GuardAsk,
    LiftBreaker,
    PullSwitch,
    ReleaseSwitch,
    ShowBreakers,
    add_guard_commands,
    guard_ask_of,
)
from trading.breakers import Breaker

REASONS = ("--who", "ann", "--why", "odd fills")


def asked(*words: str) -> GuardAsk:
    parser = argparse.ArgumentParser()
    add_guard_commands(parser.add_subparsers(dest="command").add_parser)
    return guard_ask_of(parser.parse_args(words))


def test_every_command_is_read() -> None:
    assert asked("halt", *REASONS) == PullSwitch("ann", "odd fills", closes_all=False)
    assert asked("halt", "--close-all", *REASONS) == PullSwitch("ann", "odd fills", closes_all=True)
    assert asked("resume", *REASONS) == ReleaseSwitch("ann", "odd fills", everywhere=False)
    assert asked("resume", "--all", *REASONS) == ReleaseSwitch("ann", "odd fills", everywhere=True)
    assert asked("breakers", "--json") == ShowBreakers()
    assert set(GUARD_COMMANDS) == {"halt", "resume", "breakers", "override"}


@pytest.mark.parametrize("name", ["daily_loss", "Daily-Loss", "DAILY_LOSS"])
def test_a_breaker_is_named_as_one_likes(name: str) -> None:
    assert asked("override", name, *REASONS) == LiftBreaker(
        "DAILY_LOSS", "", "ann", "odd fills", None
    )


@pytest.mark.parametrize("text", ["2026-11-23T10:00", "2026-11-23T11:00+01:00"])
def test_a_time_without_a_zone_is_utc(text: str) -> None:
    ask = asked("override", "drawdown", "--until", text, "--key", "0xc3", *REASONS)
    assert isinstance(ask, LiftBreaker)
    assert (ask.until, ask.key) == (datetime(2026, 11, 23, 10, tzinfo=UTC), "0xc3")


@pytest.mark.parametrize(
    "words",
    [
        ("halt", "--who", "ann"),
        ("halt", "--who", "ann", "--why", " "),
        ("override", "gravity", *REASONS),
        ("override", "drawdown", "--until", "soon", *REASONS),
    ],
)
def test_what_says_too_little_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        asked(*words)


def test_every_breaker_can_be_named() -> None:
    assert {name.upper() for name in NAMES} == {breaker.value for breaker in Breaker}
