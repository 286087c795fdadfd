"""Small runs of the whole: real parts, kills and faults, as `make chaos` does it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from tests.end_to_end.a_run import ROOT, processes_of

RUN_S = 240.0
STARTED_S = 90.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over."""

    status: int
    report: Mapping[str, object]
    told: str


@pytest.fixture
def home() -> Path:
    """A folder with a short name, whose homes can hold sockets."""
    return Path(mkdtemp(prefix="wc-chaos-")) / "home"


def begin(home: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", "--home", str(home), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(home: Path, *words: str) -> Ended:
    process = begin(home, *words)
    try:
        told, _ = process.communicate(timeout=RUN_S)
    finally:
        process.kill()
    lines = told.splitlines() or ["no line"]
    assert lines[-1].startswith("{"), told
    assert list(processes_of(home)) == [], "a run leaves no process"
    return Ended(process.returncode, json.loads(lines[-1]), told)


def test_twenty_trades_survive_four_kills(home: Path) -> None:
    # Short and the same everywhere: FAK orders never rest for half a minute, and whale orders are
    # in one piece, since fills that a busy machine tells far apart are two signals.
    words = ("--trades", "20", "--kills", "4", "--seed", "7", "--fills", "1")
    ended = run(home, *words, "--order-type", "FAK")
    assert ended.report["violations"] == {}, ended.told
    assert ended.report["signals"] == 20
    assert sum(ended.report["kills"].values()) > 0  # type: ignore[attr-defined]
    assert json.loads((home / "report.json").read_text()) == ended.report
    # How many come in time is a matter of the machine, which this small run does not judge.
    assert (ended.status == 0) == (not ended.report["shortfalls"])
    rmtree(home.parent)


@pytest.mark.acceptance
def test_a_day_lost_in_the_middle_stops_entries_while_exits_go_on(home: Path) -> None:
    words = ("--trades", "40", "--kills", "4", "--seed", "7", "--fills", "1", "--lose-day")
    ended = run(home, *words, "--order-type", "FAK")
    assert ended.report["violations"] == {}, ended.told
    assert "ENTRIES_HALTED" in ended.report["signals_refused"], ended.told  # type: ignore[operator]
    rmtree(home.parent)


@pytest.mark.acceptance
def test_entries_that_are_sent_after_a_lost_day_are_caught(home: Path) -> None:
    words = ("--trades", "40", "--kills", "0", "--seed", "7", "--fills", "1", "--lose-day")
    ended = run(home, *words, "--order-type", "FAK", "--plant", "no-breakers")
    assert "L1" in ended.report["violations"], ended.told  # type: ignore[operator]
    rmtree(home.parent)


@pytest.mark.acceptance
def test_a_planted_bug_is_caught(home: Path) -> None:
    words = ("--trades", "60", "--kills", "6", "--seed", "7", "--rate", "1", "--plant", "new-salt")
    ended = run(home, *words)
    assert ended.status == 1
    assert "I1" in ended.report["violations"], ended.told  # type: ignore[operator]
    rmtree(home.parent)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Begin processes that heed Ctrl-C, also where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.acceptance
@pytest.mark.usefixtures("interruptible")
def test_a_run_that_is_interrupted_leaves_no_process(home: Path) -> None:
    process = begin(home, "--trades", "50", "--kills", "5")
    give_up_at = time.monotonic() + STARTED_S
    while not (home / "logs" / "ingest.log").exists():
        assert time.monotonic() < give_up_at, "expected the parts to start"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(POLL_S)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=RUN_S)
    assert process.returncode == 130
    assert list(processes_of(home)) == []
    rmtree(home.parent)
