import argparse
import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import main
from embedded.addresses import Addresses, save_addresses
from portfolio_command import BEGINNING, BY, END, WHAT, add_portfolio_commands, export_of
from settings import load_settings
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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test alone; settings are read anew for it, and once more after it."""
    monkeypatch.setenv("WHALECOPY_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    load_settings.cache_clear()
    yield tmp_path
    load_settings.cache_clear()


@pytest.mark.usefixtures("home")
def test_without_a_stack_both_commands_say_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["pnl"], ["export", "--what", "ledger"]):
        assert main(words) == 1
        assert "no stack runs" in capsys.readouterr().err


async def test_a_running_stack_is_told_of_and_written_out(
    database_url: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_addresses(home, Addresses(database_url, "", "", None))
    assert await asyncio.to_thread(main, ["pnl", "--by", "day", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gap"] == "0"
    path = home / "pnl.csv"
    assert await asyncio.to_thread(main, ["export", "--what", "pnl", "-o", str(path)]) == 0
    assert f"0 rows in {path}" in capsys.readouterr().out
    assert path.read_text().startswith("change_id,at_utc,")
