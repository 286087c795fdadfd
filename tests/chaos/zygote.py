"""A process that has imported everything and forks workers and listeners from itself.

`python -m tests.chaos.zygote` reads one JSON object a line from its input, and answers with one
a line on its output; more words of its command line only tell whose it is. Starting Python and
importing us costs 2.5 s of a core; a fork costs nothing, and its child is a process like any
other, to be killed with -9.

    {"start": "worker-1", "program": "worker", "env": {...}, "log": "/…/worker-1.log"}
    {"stop": "worker-1"}

`before` may name a function of no arguments, `module:function`, that the child calls first. What
is started is kept: whatever ends is started again at once, until its stop. When the input ends,
all children are killed.
"""

import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import ingest.__main__ as ingest_main
import worker

PROGRAMS: Mapping[str, Callable[[], int]] = {"worker": worker.main, "ingest": ingest_main.main}
SHORT_LIFE_S = 1.0
PAUSE_S = 0.5  # before the next start of what ended at once by itself
PR_SET_PDEATHSIG = 1
READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be kept running."""

    name: str
    program: str
    env: Mapping[str, str]
    log: str
    before: str


@dataclass(slots=True)
class Kept:
    """One running child."""

    order: Order
    pid: int
    since_s: float


class Zygote:
    """Forks children, notices their ends, and starts them again."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._due: list[tuple[float, Order]] = []
        self._wakeup, wake = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)

    def run(self) -> None:
        """Serve until the input ends."""
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(self._wakeup, selectors.EVENT_READ)
        rest = b""
        while True:
            for key, _ in selector.select(self._pause_s()):
                if key.fd == self._wakeup:
                    os.read(self._wakeup, READ_BYTES)
                    continue
                read = os.read(0, READ_BYTES)
                if not read:
                    return self._kill_all()
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._reap()
            self._start_due()

    def _pause_s(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(at_s for at_s, _ in self._due) - time.monotonic())

    def _obey(self, said: Mapping[str, object]) -> None:
        if "start" in said:
            env = said["env"]
            assert isinstance(env, dict)
            self._start(
                Order(
                    name=str(said["start"]),
                    program=str(said["program"]),
                    env=env,
                    log=str(said["log"]),
                    before=str(said.get("before", "")),
                )
            )
        else:
            name = str(said["stop"])
            self._due = [(at_s, order) for at_s, order in self._due if order.name != name]
            kept = self._kept.pop(name, None)
            if kept is not None:
                os.kill(kept.pid, signal.SIGKILL)
                os.kill(kept.pid, signal.SIGCONT)

    def _start(self, order: Order) -> None:
        pid = os.fork()
        if not pid:
            become(order)
        self._kept[order.name] = Kept(order, pid, time.monotonic())
        say({"started": order.name, "pid": pid})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            say({"ended": pid, "code": code})
            self._replace(pid, code)

    def _replace(self, pid: int, code: int) -> None:
        now_s = time.monotonic()
        for kept in [kept for kept in self._kept.values() if kept.pid == pid]:
            del self._kept[kept.order.name]
            was_short = code != -signal.SIGKILL and now_s - kept.since_s < SHORT_LIFE_S
            self._due.append((now_s + (PAUSE_S if was_short else 0.0), kept.order))

    def _start_due(self) -> None:
        now_s = time.monotonic()
        due = [order for at_s, order in self._due if at_s <= now_s]
        self._due = [(at_s, order) for at_s, order in self._due if at_s > now_s]
        for order in due:
            self._start(order)

    def _kill_all(self) -> None:
        for kept in self._kept.values():
            os.kill(kept.pid, signal.SIGKILL)
        for kept in self._kept.values():
            os.waitpid(kept.pid, 0)


def become(order: Order) -> NoReturn:
    """Be the program in this forked child; returns only into the end of the process."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_the_zygote()
        log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(order.env)
        sys.argv = [order.program]
        if order.before:
            module, _, function = order.before.partition(":")
            getattr(importlib.import_module(module), function)()
        code = PROGRAMS[order.program]()
    except BaseException:  # noqa: BLE001 - the outermost place of the process
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def die_with_the_zygote() -> None:
    """Have the kernel kill this process when the zygote ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def say(event: Mapping[str, object]) -> None:
    """Write one line that the other side reads."""
    os.write(1, json.dumps(event).encode() + b"\n")


def main() -> None:
    """Fork what is asked for until the input ends; a second thread would not survive a fork."""
    assert threading.active_count() == 1, f"expected one thread, found {threading.enumerate()}"
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say({"ready": os.getpid()})
    Zygote().run()


if __name__ == "__main__":
    main()
