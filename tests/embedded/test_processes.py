"""Tests of the supervisor with real processes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from embedded import processes
from embedded.errors import ServiceFailedError
from embedded.processes import Supervisor, SupervisorSettings
from embedded.restarts import RestartPolicy
from embedded.services import ProcessEvent, Stage
from embedded.services import ProcessEventKind as Kind
from tests.embedded.programs import (
    STUBBORN,
    Events,
    is_alive,
    no,
    python_service,
    until,
)

ROOT = Path(__file__).parents[2]
FAST = RestartPolicy(restarts_max=3, delay_first_s=0.01, delay_max_s=0.02)
SUPERVISE = """
import asyncio, json, pathlib, signal, sys
from embedded.processes import Supervisor, SupervisorSettings
from tests.embedded.programs import FORGETS_PARENT, STUBBORN, TOUCH_AND_SLEEP, python_service

async def main(home):
    supervisor = Supervisor(SupervisorSettings(home), lambda event: None)
    await supervisor.open()
    for code in (TOUCH_AND_SLEEP, FORGETS_PARENT):
        name = str(len(supervisor.pids))
        await supervisor.start(python_service(name, code, home / f"{name}.mark"))
    print(json.dumps(supervisor.pids), flush=True)
    await asyncio.sleep(600)

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
async def supervisor(tmp_path: Path, events: Events) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(SupervisorSettings(tmp_path, FAST), events)
    await supervisor.open()
    yield supervisor
    await supervisor.stop()


async def test_a_service_that_dies_is_started_again(supervisor: Supervisor, events: Events) -> None:
    await supervisor.start(python_service("one"))
    first = supervisor.pids["one"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.pids.get("one", first) != first, "it runs again")
    await until(lambda: events.kinds("one")[-1] is Kind.READY, "it is ready again")
    assert events.kinds("one") == [Kind.STARTED, Kind.READY, Kind.DIED, Kind.RESTARTED, Kind.READY]
    assert [event.exit_code for event in events.told if event.kind is Kind.DIED] == [-9]


async def test_stages_stop_one_after_the_other(
    supervisor: Supervisor, events: Events, tmp_path: Path
) -> None:
    slow = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), sys.exit(0)))\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "while True: signal.pause()\n"
    )
    await supervisor.start(python_service("database", stage=Stage.DATABASE))
    await supervisor.start(python_service("worker", slow, tmp_path / "worker.mark"))
    await supervisor.start(python_service("server", slow, tmp_path / "server.mark", Stage.SERVER))
    pids = supervisor.pids
    await supervisor.stop()
    assert events.names(Kind.STOPPED) == ["worker", "server", "database"]
    assert not any(is_alive(pid) for pid in pids.values())
    assert supervisor.pids == {}


async def test_a_service_that_dies_too_often_stops_everything(
    supervisor: Supervisor, events: Events
) -> None:
    await supervisor.start(python_service("steady"))
    with capture_logs() as entries:
        await supervisor.start(python_service("weak", "import time; time.sleep(0.1)"))
        error = await asyncio.wait_for(supervisor.wait_failed(), 20)
        await until(lambda: supervisor.pids == {}, "everything has stopped")
    assert "weak died more than 3 times" in str(error)
    assert events.kinds("steady")[-1] is Kind.STOPPED
    assert [entry["event"] for entry in entries if entry["log_level"] == "error"] == [
        "stack_failed"
    ]


async def test_a_service_that_does_not_start_is_an_error_and_is_gone(
    supervisor: Supervisor,
) -> None:
    with pytest.raises(ServiceFailedError, match="weak did not start: ended with exit code 4"):
        await supervisor.start(replace(python_service("weak", "raise SystemExit(4)"), ready=no))
    assert set(supervisor.pids) == {"guard"}
    await supervisor.start(python_service("weak"))


async def test_a_service_that_cannot_even_be_spawned_is_an_error(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    service = replace(python_service("lost"), cwd=tmp_path / "nowhere")
    with pytest.raises(ServiceFailedError, match=r"lost could not be kept running.*nowhere"):
        await supervisor.start(service)


async def test_a_start_that_is_cancelled_leaves_nothing(supervisor: Supervisor) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(supervisor.start(replace(python_service("slow"), ready=no)), 0.2)
    assert set(supervisor.pids) == {"guard"}


async def test_stopping_ends_a_start_that_is_under_way(supervisor: Supervisor) -> None:
    starting = asyncio.ensure_future(supervisor.start(replace(python_service("slow"), ready=no)))
    await until(lambda: "slow" in supervisor.pids, "it has started")
    await supervisor.stop()
    with pytest.raises(ServiceFailedError, match="slow was stopped"):
        await starting


async def test_nothing_starts_once_it_stops(supervisor: Supervisor) -> None:
    await supervisor.stop()
    with pytest.raises(ServiceFailedError, match="late cannot start: the stack is stopping"):
        await supervisor.start(python_service("late"))


async def test_two_services_cannot_have_one_name(supervisor: Supervisor) -> None:
    await supervisor.start(python_service("one"))
    with pytest.raises(ServiceFailedError, match="one runs already"):
        await supervisor.start(python_service("one"))


async def test_removing_twice_stops_once_and_patiently(
    supervisor: Supervisor, events: Events, tmp_path: Path
) -> None:
    stubborn = replace(python_service("one", STUBBORN, tmp_path / "mark"), stop_timeout_s=0.3)
    await supervisor.start(stubborn)
    await asyncio.gather(supervisor.remove("one"), supervisor.remove("one"))
    await supervisor.remove("one")
    assert events.kinds("one")[-1] is Kind.STOPPED
    assert [event.exit_code for event in events.told if event.kind is Kind.STOPPED] == [-9]


async def test_a_listener_that_fails_stops_everything(tmp_path: Path) -> None:
    def fail_late(event: ProcessEvent) -> None:
        if event.kind is Kind.DIED:
            raise KeyError("a bug")

    supervisor = Supervisor(SupervisorSettings(tmp_path, FAST), fail_late)
    await supervisor.open()
    await supervisor.start(python_service("one"))
    with capture_logs():
        os.kill(supervisor.pids["one"], signal.SIGKILL)
        error = await asyncio.wait_for(supervisor.wait_failed(), 20)
        await supervisor.stop()
    assert isinstance(error.__cause__, KeyError)


async def test_nothing_can_fail_before_it_is_opened(tmp_path: Path) -> None:
    supervisor = Supervisor(SupervisorSettings(tmp_path))
    with pytest.raises(ServiceFailedError, match="not been opened"):
        await supervisor.wait_failed()
    await supervisor.stop()


async def test_long_logs_are_moved_away_while_services_run(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await supervisor.stop()
    rotated: list[Path] = []

    def rotate(path: Path) -> None:
        rotated.append(path)
        raise OSError("no space")

    monkeypatch.setattr(processes, "ROTATE_EVERY_S", 0.01)
    monkeypatch.setattr(processes, "rotate_log", rotate)
    with capture_logs() as entries:
        await supervisor.open()
        await supervisor.start(python_service("one"))
        await until(lambda: len(rotated) > 1, "logs are looked at")
        await supervisor.stop()
    assert rotated[0] == tmp_path / "one.log"
    assert entries[0]["event"] == "log_not_rotated"


async def test_a_killed_supervisor_leaves_nothing_even_where_the_kernel_does_not_help(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISE, str(tmp_path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    pids = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids.values())
    process.kill()
    await process.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids.values()), "nothing is left")
