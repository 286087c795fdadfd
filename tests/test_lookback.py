"""The command: what it reads, says, writes and refuses."""

import json
import sys
from pathlib import Path

import pytest

import lookback
from cli import main as whalecopy
from lookback import DONE, REFUSED, main
from paper.tape import SHIPPED, open_tape
from tests.backtest.crowd import write_crowd

USAGE = 2


@pytest.fixture
def fills(tmp_path: Path) -> Path:
    path = tmp_path / "fills.csv"
    write_crowd(path, seed=1, wallets=3, markets=6)
    return path


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_shipped_tape_is_looked_back_on_by_default(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert whalecopy(["backtest", "--out", str(page)]) == DONE
    text = capsys.readouterr().out
    assert open_tape(SHIPPED).header.name in text
    assert "No evidence" in text
    assert "365 (" in text
    assert f"curves in {page}" in text
    assert "<svg" in page.read_text()


def test_the_same_seed_gives_the_same_bytes(
    capsys: pytest.CaptureFixture[str], fills: Path, tmp_path: Path
) -> None:
    pages, texts = [], []
    for name in ("one.html", "two.html"):
        out = tmp_path / name
        assert main(["--csv", str(fills), "--json", "--seed", "4", "--out", str(out)]) == DONE
        texts.append(capsys.readouterr().out)
        pages.append(out.read_bytes())
    assert texts[0] == texts[1]
    assert pages[0] == pages[1]


def test_a_file_of_fills_is_read_with_its_options(
    capsys: pytest.CaptureFixture[str], fills: Path
) -> None:
    options = ["--whale", "w1", "--since", "2026-03-03", "--until", "2026-03-04T12:30:00+00:00"]
    more = ["--train-days", "30", "--window-hours", "6", "--looked-at", "50", "--quiet"]
    assert main(["--csv", str(fills), "--json", *options, *more]) == DONE
    found = told(capsys)
    assert found["begins_at"] == "2026-03-03T00:00:00+00:00"
    assert found["signals"] == 4
    assert found["whales_looked_at"] == 50
    assert isinstance(found["whales"], list)
    assert [whale["name"] for whale in found["whales"]] == ["w1"]


def test_bad_rows_are_listed_and_refused_when_strict(
    capsys: pytest.CaptureFixture[str], fills: Path
) -> None:
    with fills.open("a") as file:
        file.write("never\n" * 25)
    assert main(["--csv", str(fills), "--json"]) == DONE
    said = capsys.readouterr()
    assert f"{fills}, line 20: expected 13 cells, received 1" in said.err
    assert "and 5 more\n25 bad rows, 18 good ones" in said.err
    assert json.loads(said.out)["signals"] == 18
    assert main(["--csv", str(fills), "--json", "--strict"]) == REFUSED
    said = capsys.readouterr()
    assert said.out == ""
    assert "line 20: expected 13 cells" in said.err


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--whale", "nobody"], "'nobody' fits 0"),
        (["--whale", "0x"], "'0x' fits 3"),
        (["--p50-ms", "300"], "expected --p90-ms of 300 or more, received 250"),
        (["--out", "/nowhere/page.html"], "No such file"),
    ],
)
def test_what_does_not_fit_is_refused(
    capsys: pytest.CaptureFixture[str], fills: Path, more: list[str], expected: str
) -> None:
    assert main(["--csv", str(fills), *more]) == REFUSED
    assert expected in capsys.readouterr().err


def test_what_is_no_tape_and_no_file_is_refused(
    capsys: pytest.CaptureFixture[str], fills: Path
) -> None:
    assert main(["--tape", str(fills)]) == REFUSED
    assert "whalecopy-tape" in capsys.readouterr().err
    assert main(["--csv", str(fills.parent)]) == REFUSED
    assert "expected a file of fills" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--seed", "x"],
        ["--since", "yesterday"],
        ["--bankroll", "-1"],
        ["--bankroll", "much"],
        ["--looked-at", "0"],
        ["--heard-ms", "1.5"],
        ["--profile", "wild"],
        ["--csv", "a", "--tape", "b"],
    ],
)
def test_wrong_usage_ends_with_two(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(wrong)
    assert end.value.code == USAGE


def test_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        whalecopy(["backtest", "--help"])
    assert end.value.code == DONE
    assert "--csv FILE" in capsys.readouterr().out


class Terminal:
    """An error stream that is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_a_terminal_sees_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fills: Path
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(lookback, "PROGRESS_EVERY_S", 0)
    assert main(["--csv", str(fills), "--json"]) == DONE
    assert "%  2026-03-0" in terminal.text
    assert terminal.text.endswith("\r\033[K")
    assert told(capsys)["signals"] == 18
    quiet = Terminal()
    monkeypatch.setattr(sys, "stderr", quiet)
    assert main(["--csv", str(fills), "--json", "--quiet"]) == DONE
    assert quiet.text == ""
