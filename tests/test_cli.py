import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from cli import main
from settings import load_settings

ROOT = Path(__file__).parent.parent
OURS = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")


def run(*words: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, without our settings but these."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words],
        env={**clean, "WHALECOPY_HOME": str(home), **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Here:
    """Runs the command in this process, without our settings but these."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith(OURS)]:
            monkeypatch.delenv(name)

    def refused(self, *words: str, home: Path, **env: str) -> str:
        """Return the one line with which a command refused."""
        for name, setting in {"WHALECOPY_HOME": str(home), **env}.items():
            self._monkeypatch.setenv(name, setting)
        load_settings.cache_clear()
        assert main(words) == 1
        told = self._capsys.readouterr().err
        assert told.startswith("whalecopy: ")
        assert told.count("\n") == 1
        return told


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """The command in this process."""
    yield Here(monkeypatch, capsys)
    load_settings.cache_clear()


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line with which a command refused."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("whalecopy: "), lines
    return lines[-1]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["up", "--speed", "NaN"],
        ["up", "--speed", "-1"],
        ["up", "--speed", "Infinity"],
        ["up", "--speed", "fast"],
        ["up", "--workers", "0"],
        ["up", "--workers", "two"],
        ["up", "--mode", "dream"],
        ["up", "--bankroll", "0"],
        ["up", "extra"],
        ["why"],
        ["db", "drop"],
        ["status", "--yaml"],
        ["review"],
        ["review", "resolve", "1"],
        ["review", "show", "one"],
        ["cancel", "abc"],
        ["hold", "--why", "odd"],
    ],
    ids=" ".join,
)
def test_a_wrong_usage_ends_with_status_two(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: whalecopy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "wrong", "told"),
    [
        ("TRADING_MODE", "live", "LIVE_TRADING=yes"),
        ("TRADING_MODE", "dream", "TRADING_MODE: "),
        ("WHALECOPY_REPLAY_SPEED", "NaN", "WHALECOPY_REPLAY_SPEED: "),
        ("WHALECOPY_REPLAY_SPEED", "0", "WHALECOPY_REPLAY_SPEED: "),
        ("WHALECOPY_DASHBOARD_PORT", "70000", "WHALECOPY_DASHBOARD_PORT: "),
        ("WHALECOPY_WHALES", '["0xabc"]', "WHALECOPY_WHALES: "),
        ("WHALECOPY_WHALES", "0xabc", "whales"),
        ("WHALECOPY_SIGNATURE_TYPE", "9", "WHALECOPY_SIGNATURE_TYPE: "),
    ],
)
def test_a_wrong_setting_is_named(
    variable: str, wrong: str, told: str, tmp_path: Path, here: Here
) -> None:
    for command in ("up", "status", "db"):
        words = (command, "migrate") if command == "db" else (command,)
        assert told in here.refused(*words, home=tmp_path, **{variable: wrong})


def test_live_trading_wants_both_switches(tmp_path: Path, here: Here) -> None:
    told = here.refused("up", "--mode", "live", home=tmp_path)
    assert "LIVE_TRADING=yes" in told


def test_an_unreachable_database_is_told_by_its_variable_within_ten_seconds(
    tmp_path: Path,
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # it takes connections and never answers
        url = f"postgresql://u:hidden@127.0.0.1:{listener.getsockname()[1]}/db"
        asked = (["up", "--mode", "replay"], ["db", "migrate"])
        began = time.monotonic()
        with ThreadPoolExecutor() as pool:
            ask = partial(run, home=tmp_path, DATABASE_URL=url)
            answers = list(pool.map(lambda words: ask(*words), asked))
        assert time.monotonic() - began < 30  # of which the machine may need most to import
        for done in answers:
            assert "DATABASE_URL" in refused(done)
            assert "hidden" not in done.stderr + done.stdout


def test_an_address_of_no_database_is_refused(tmp_path: Path) -> None:
    told = refused(run("db", "migrate", home=tmp_path, DATABASE_URL="mysql://nowhere"))
    assert "DATABASE_URL" in told


def test_migrating_needs_an_address(tmp_path: Path, here: Here) -> None:
    assert "expected DATABASE_URL" in here.refused("db", "migrate", home=tmp_path)


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = refused(run("up", "--mode", "replay", home=tmp_path / "file" / "home"))
    assert "WHALECOPY_HOME" in told


def test_a_tape_that_is_not_there_is_told_before_anything_starts(
    tmp_path: Path, here: Here
) -> None:
    tape = str(tmp_path / "none.tape")
    told = here.refused("up", "--mode", "replay", "--tape", tape, home=tmp_path / "home")
    assert "none.tape" in told
    assert not (tmp_path / "home").exists()


def test_without_a_stack_every_question_says_how_to_start_one(tmp_path: Path) -> None:
    assert "whalecopy up" in refused(run("why", "abc", "--json", home=tmp_path))


async def test_a_database_is_migrated_and_asked(empty_database_url: str, tmp_path: Path) -> None:
    assert run("db", "migrate", home=tmp_path, DATABASE_URL=empty_database_url).returncode == 0
    told = run("positions", "--json", home=tmp_path, DATABASE_URL=empty_database_url)
    assert json.loads(told.stdout) == []
    text = run("whales", home=tmp_path, DATABASE_URL=empty_database_url)
    assert text.stdout == "no whale is followed\n"
    queue = run("review", "list", home=tmp_path, DATABASE_URL=empty_database_url)
    assert (queue.returncode, queue.stdout) == (0, "nothing to review\n")


def test_what_a_person_asks_for_is_refused_without_a_stack(tmp_path: Path, here: Here) -> None:
    for words in (
        ("review", "list", "--json"),
        ("review", "resolve", "1", "--note", "seen"),
        ("cancel", "abc", "--why", "odd"),
    ):
        assert "whalecopy up" in here.refused(*words, home=tmp_path)


def test_the_command_ends_before_threads_of_the_sdk_can_meet_a_finalising_interpreter(
    tmp_path: Path,
) -> None:
    program = (
        "import atexit, sys, cli; atexit.register(print, 'finalised');"
        "sys.argv[1:] = ['codec', 'url']; cli.main()"
    )
    words = [sys.executable, "-c", program]
    env = {**os.environ, "WHALECOPY_HOME": str(tmp_path)}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "finalised" not in done.stdout
    assert done.stderr.startswith("whalecopy:")
