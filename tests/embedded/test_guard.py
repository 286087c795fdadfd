"""Tests of the process that ends what a dead supervisor left."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest

from embedded import guard

SLEEP = "import time; print(flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def _group(code: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-I", "-S", "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
    return process


def test_what_was_added_and_not_taken_back_is_left() -> None:
    lines = [b"+10 15\n", b"+11 2\n", b"-10\n", b"+12 15\n", b"-99\n"]
    assert guard.read_groups(lines) == {11: 2, 12: 15}


def test_a_line_cut_off_by_the_supervisors_death_is_ignored() -> None:
    assert guard.read_groups([b"+10 15\n", b"+11 1"]) == {10: 15}
    assert guard.read_groups([b"+10 15\n", b"-10"]) == {10: 15}
    assert guard.read_groups([b"+10\n", b"\n"]) == {}


def test_groups_are_asked_with_their_own_signal() -> None:
    asked = _group(SLEEP)
    guard.end_groups({asked.pid: signal.SIGINT}, grace_s=0)
    assert asked.wait(timeout=20) in (-signal.SIGINT, -signal.SIGKILL)


def test_groups_that_do_not_stop_are_killed() -> None:
    stubborn = _group(STUBBORN)
    started_s = time.monotonic()
    guard.end_groups({stubborn.pid: signal.SIGTERM}, grace_s=0.2)
    assert stubborn.wait(timeout=20) == -signal.SIGKILL
    assert time.monotonic() - started_s >= 0.2


def test_a_group_that_is_gone_is_no_matter() -> None:
    gone = _group("pass")
    gone.wait()
    assert guard.send(gone.pid, 0) is False
    guard.end_groups({gone.pid: signal.SIGTERM}, grace_s=5)


def test_a_group_of_someone_else_counts_as_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_group: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    assert guard.send(1, 0) is True


def test_the_end_of_its_input_sets_it_going(monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(b"+123456789 15\n")

    ignored: list[int] = []
    monkeypatch.setattr(signal, "signal", lambda number, _: ignored.append(number))
    monkeypatch.setattr(sys, "stdin", Input())
    monkeypatch.setattr(os, "killpg", lambda *_: (_ for _ in ()).throw(ProcessLookupError()))
    guard.main()
    assert ignored == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def test_the_guard_process_ends_a_group_when_its_pipe_closes() -> None:
    process = _group(SLEEP)
    command = [sys.executable, "-I", "-S", guard.__file__]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert watcher.stdin is not None
    with watcher.stdin as pipe:
        pipe.write(f"+{process.pid} {int(signal.SIGTERM)}\n".encode())
    assert process.wait(timeout=20) == -signal.SIGTERM
    assert watcher.wait(timeout=20) == 0
