"""A process that has imported everything and forks workers and listeners: `python -m` this file.

It reads one JSON object a line, `{"program", "words", "env", "log", "orders"}`, and answers each
with `{"pid"}`; of every end it tells `{"ended", "code"}`. When its input ends, all end.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import ingest.__main__ as listener
import worker
from process import leave
from tests.chaos.crash_traps import prepare, read_orders

PR_SET_PDEATHSIG = 1
PROGRAMS: Mapping[str, Callable[[], int]] = {"worker": worker.main, "ingest": listener.main}
_LINE_BYTES = 65_536


def main() -> None:
    """Serve until the input ends; no child outlives this."""
    assert threading.active_count() == 1, "a fork copies one thread only"
    gc.freeze()
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _tell({"ready": os.getpid()})
    children: set[int] = set()
    waiting = b""
    while True:
        readable, _, _ = select.select([0, woken], [], [])
        if woken in readable:
            os.read(woken, _LINE_BYTES)
        for pid, code in _ended(children):
            _tell({"ended": pid, "code": code})
        if 0 not in readable:
            continue
        read = os.read(0, _LINE_BYTES)
        if not read:
            break
        *lines, waiting = (waiting + read).split(b"\n")
        for line in lines:
            children.add(_fork(json.loads(line)))
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _ended(children: set[int]) -> list[tuple[int, int]]:
    found = []
    for pid in list(children):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            children.discard(pid)
            found.append((pid, os.waitstatus_to_exitcode(status)))
    return found


def _fork(asked: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _be(asked)
    _tell({"pid": pid})
    return pid


def _be(asked: Mapping[str, Any]) -> NoReturn:
    """Become the program that was asked for."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    log = os.open(Path(asked["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = [asked["program"], *asked["words"]]
    if asked["orders"] is not None:
        prepare(read_orders(asked["orders"]))
    leave(PROGRAMS[asked["program"]]())


def _tell(answer: Mapping[str, object]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
