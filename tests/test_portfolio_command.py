import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portfolio_command import BEGINNING, BY, END, WHAT, add_portfolio_commands, export_of
from storage.view_export import Books
from storage.view_pnl import PnlBy


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_portfolio_commands(parser.add_subparsers(dest="command").add_parser)
    return parser.parse_args(words)


def test_the_words_are_those_that_the_records_know() -> None:
    assert set(WHAT) == {books.value for books in Books}
    assert set(BY) == {by.value for by in PnlBy}


def test_all_of_time_goes_to_the_standard_output_unless_said_otherwise() -> None:
    ask = export_of(parsed("export", "--what", "ledger"))
    assert (ask.what, ask.since, ask.until, ask.output) == ("ledger", BEGINNING, END, None)
    assert parsed("pnl").by == "whale"


def test_times_are_utc_unless_they_say_otherwise() -> None:
    words = ("--since", "2026-11-22", "--until", "2026-11-23T02:00+02:00", "-o", "x.csv")
    ask = export_of(parsed("export", "--what", "pnl", "--format", "csv", *words))
    assert ask.since == datetime(2026, 11, 22, tzinfo=UTC)
    assert ask.until == datetime(2026, 11, 23, tzinfo=UTC)
    assert ask.output == Path("x.csv")


@pytest.mark.parametrize("words", [("--since", "noon"), ("--format", "xlsx"), ("--what", "all")])
def test_other_words_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed("export", "--what", "pnl", *words)
    assert words[1] in capsys.readouterr().err
