"""Small services for the tests of the supervisor, and ways to look at processes from outside."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from embedded.services import ProcessEvent, ProcessEventKind, Service, Stage

SLEEP = "import time; time.sleep(600)"
TOUCH_AND_SLEEP = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
STUBBORN = (
    "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
)
# Loses the kernel's death signal, as any program on macOS: only the guard can end it.
FORGETS_PARENT = (
    "import ctypes, pathlib, sys, time; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0);"
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
)
DEADLINE_S = 20.0


class Events:
    """Remembers what a supervisor tells."""

    def __init__(self) -> None:
        self.told: list[ProcessEvent] = []

    def __call__(self, event: ProcessEvent) -> None:
        self.told.append(event)

    def kinds(self, name: str) -> list[ProcessEventKind]:
        return [event.kind for event in self.told if event.name == name]

    def names(self, kind: ProcessEventKind) -> list[str]:
        return [event.name for event in self.told if event.kind is kind]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return path.exists()  # noqa: ASYNC240

    return ready


def python_service(
    name: str, code: str = SLEEP, mark: Path | None = None, stage: Stage = Stage.APP
) -> Service:
    """A Python program; with `mark`, a path it gets as argument and is ready when it exists."""
    command = (sys.executable, "-I", "-S", "-c", code, str(mark or ""))
    ready = yes if mark is None else exists(mark)
    return Service(name, command, {}, ready, stage=stage, stop_timeout_s=5.0, ready_timeout_s=10.0)


async def until(holds: Callable[[], bool], what: str) -> None:
    """Poll until something holds, and fail after a deadline."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, f"waited in vain until {what}"
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_at(home: Path) -> dict[int, str]:
    """Every living process whose command line or working directory names a state directory."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            words = _read(process / "cmdline").replace("\0", " ")
            if (str(home) in words or _works_in(process, home)) and is_alive(int(process.name)):
                found[int(process.name)] = words
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _works_in(process: Path, home: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(home)
    except OSError:
        return False
