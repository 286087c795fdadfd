"""Tests of one child process."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.children import spawn_child
from tests.embedded.programs import (
    STUBBORN,
    TOUCH_AND_SLEEP,
    is_alive,
    no,
    python_service,
    until,
    yes,
)


async def test_a_child_is_ready_when_its_service_says_so(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    child = await spawn_child(python_service("one", TOUCH_AND_SLEEP, mark), tmp_path / "log")
    assert await child.become_ready()
    assert mark.exists()
    assert child.is_running
    assert os.getpgid(child.pid) == child.pid
    assert await child.stop() == -signal.SIGTERM
    assert not child.is_running


async def test_a_child_that_ends_is_not_ready(tmp_path: Path) -> None:
    service = replace(python_service("one", "raise SystemExit(3)"), ready=no)
    child = await spawn_child(service, tmp_path / "log")
    assert not await child.become_ready()
    assert await child.wait() == 3


async def test_a_child_that_takes_too_long_is_not_ready(tmp_path: Path) -> None:
    service = replace(python_service("one"), ready=no, ready_timeout_s=0.1)
    child = await spawn_child(service, tmp_path / "log")
    assert not await child.become_ready()
    assert child.is_running
    assert await child.kill() == -signal.SIGKILL


async def test_a_question_that_fails_means_not_ready_yet(tmp_path: Path) -> None:
    answers = iter([ConnectionRefusedError(), TimeoutError(), None])

    async def ready() -> bool:
        error = next(answers)
        if error is not None:
            raise error
        return True

    child = await spawn_child(replace(python_service("one"), ready=ready), tmp_path / "log")
    assert await child.become_ready()
    await child.stop()


async def test_a_child_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    service = replace(python_service("one", STUBBORN, mark), stop_timeout_s=0.1)
    child = await spawn_child(service, tmp_path / "log")
    await until(mark.exists, "the child ignores SIGTERM")
    assert await child.stop() == -signal.SIGKILL


async def test_what_a_dead_child_started_is_killed(tmp_path: Path) -> None:
    pid_path = tmp_path / "pid"
    code = (
        "import pathlib, subprocess, sys\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{inner.pid}\\n')\n"
    )
    child = await spawn_child(python_service("one", code, pid_path), tmp_path / "log")
    assert await child.wait() == 0
    await until(lambda: not is_alive(int(pid_path.read_text())), "the grandchild is gone")


async def test_output_and_environment_are_the_services_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    code = "import os, sys; print(os.environ.get('SECRET'), os.environ['GIVEN'], os.getcwd())"
    service = replace(python_service("one", code), env={"GIVEN": "yes"}, cwd=tmp_path)
    child = await spawn_child(service, tmp_path / "log")
    await child.wait()
    assert (tmp_path / "log").read_text().split() == ["None", "yes", str(tmp_path)]


async def test_what_comes_before_the_start_runs_first(tmp_path: Path) -> None:
    mark = tmp_path / "before"
    code = f"import os, sys; sys.exit(not os.path.exists({str(mark)!r}))"
    service = replace(python_service("one", code), before_start=mark.touch)
    assert await (await spawn_child(service, tmp_path / "log")).wait() == 0


async def test_a_group_that_may_not_be_signalled_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = replace(python_service("one", "pass"), command=(sys.executable, "-c", "pass"))
    child = await spawn_child(service, tmp_path / "log")

    def refuse(_group: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    assert await child.wait() == 0


async def test_a_child_without_a_group_yet_is_stopped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await spawn_child(replace(python_service("one"), ready=yes), tmp_path / "log")

    def nobody_there(_group: int, _number: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", nobody_there)
    assert await child.kill() == -signal.SIGKILL
