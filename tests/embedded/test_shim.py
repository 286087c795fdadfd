"""Tests of the program that becomes a child: detached, tied to its parent, the right user."""

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import shim

WHO = "import os; print(os.getpid() == os.getpgid(0) == os.getsid(0), os.getuid())"


def _run(parent_pid: int, user: str, *command: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-I", "-S", shim.__file__, str(parent_pid), "15", user, *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)


def test_the_command_leads_its_own_session_and_group() -> None:
    done = _run(os.getpid(), "", sys.executable, "-I", "-S", "-c", WHO)
    assert done.stdout.split() == ["True", str(os.getuid())]


def test_nothing_runs_when_the_parent_is_dead_already() -> None:
    done = _run(1, "", sys.executable, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_command_that_cannot_run_is_named() -> None:
    done = _run(os.getpid(), "", "/nowhere/program")
    assert done.returncode == shim.CANNOT_EXECUTE
    assert "/nowhere/program: No such file" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_another_user_for_good() -> None:
    done = _run(os.getpid(), "nobody", "/usr/bin/id", "-u")
    assert done.stdout.strip() == str(pwd.getpwnam("nobody").pw_uid)


def test_it_detaches_follows_its_parent_and_only_then_execs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []

    def refuse(program: str, _arguments: list[str]) -> None:
        steps.append(f"exec {program}")
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "setsid", lambda: steps.append("detach"))
    monkeypatch.setattr(shim, "switch_user", lambda name: steps.append(f"become {name}"))
    monkeypatch.setattr(shim, "follow_parent", lambda pid, number: steps.append(f"{pid} {number}"))
    monkeypatch.setattr(os, "execv", refuse)
    with pytest.raises(SystemExit) as left:
        shim.main(["7", "15", "nobody", "/program"])
    assert steps == ["detach", "become nobody", "7 15", "exec /program"]
    assert left.value.code == shim.CANNOT_EXECUTE
    assert "cannot run /program: Permission denied" in capsys.readouterr().err


def test_groups_are_dropped_before_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(os, "setgroups", lambda groups: steps.append(f"groups {groups}"))
    monkeypatch.setattr(os, "setgid", lambda _: steps.append("gid"))
    monkeypatch.setattr(os, "setuid", lambda _: steps.append("uid"))
    shim.switch_user("nobody")
    assert steps == ["groups []", "gid", "uid"]


def test_following_a_living_parent_goes_on_and_a_dead_one_ends() -> None:
    shim.follow_parent(os.getppid(), 0)  # signal 0 takes the wish back
    with pytest.raises(SystemExit):
        shim.follow_parent(1 if os.getppid() != 1 else 2, 0)


def test_a_child_gets_the_signal_when_its_parent_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    child = (
        "import os, pathlib, signal, sys, time\n"
        "def end(*_):\n"
        f"    pathlib.Path({str(told)!r}).touch()\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGUSR1, end)\n"
        "print(os.getpid(), flush=True)\ntime.sleep(20)\n"
    )
    parent = (
        "import os, subprocess, sys\n"
        f"command = [sys.executable, '-I', '-S', {shim.__file__!r}, str(os.getpid()), "
        f"'{int(signal.SIGUSR1)}', '', sys.executable, '-I', '-S', '-c', {child!r}]\n"
        "subprocess.run(command)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
        process.kill()
        process.wait()
        output.read()  # ends when the child has gone, too
    assert told.exists() or sys.platform != "linux"
