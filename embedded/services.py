"""What the supervisor is told about a service, and what it tells about its processes."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

import structlog

log = structlog.get_logger()


class Stage(IntEnum):
    """When a service stops: lower stages first, one stage after the other."""

    APP = 0
    SERVER = 1
    DATABASE = 2


@dataclass(frozen=True, slots=True)
class Service:
    """One long-running process and how to know that it works.

    Attributes:
        name: short and unique; also the name of its log file.
        command: absolute path of the program, then its arguments.
        env: the whole environment of the process; nothing is inherited.
        ready: answers True once the service works; called again and again, and after every
            restart. An `OSError` or `TimeoutError` counts as not ready.
        stage: its place in the order of stopping.
        stop_signal: asks it to stop, and is sent when the supervisor dies.
        stop_timeout_s: seconds from that signal to SIGKILL.
        ready_timeout_s: seconds from its start until it must be ready.
        user: name of the user to become; only root can ask for this.
        cwd: directory to run in.
        before_start: runs before each start of the process.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]
    stage: Stage = Stage.APP
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    ready_timeout_s: float = 30.0
    user: str | None = None
    cwd: Path | None = None
    before_start: Callable[[], None] | None = None


class ProcessEventKind(StrEnum):
    """What happened to a process."""

    STARTED = "started"
    READY = "ready"
    DIED = "died"
    RESTARTED = "restarted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """One thing that happened to one process.

    Attributes:
        exit_code: of a process that ended; negative is the number of the signal that ended it.
        detail: a sentence for a person; empty when the kind says all.
    """

    kind: ProcessEventKind
    name: str
    pid: int
    exit_code: int | None = None
    detail: str = ""


OnEvent = Callable[[ProcessEvent], None]


def log_event(event: ProcessEvent) -> None:
    """Log what happened; a death is a warning."""
    write = log.warning if event.kind is ProcessEventKind.DIED else log.info
    write(
        f"process_{event.kind}",
        service=event.name,
        pid=event.pid,
        exit_code=event.exit_code,
        detail=event.detail,
    )
