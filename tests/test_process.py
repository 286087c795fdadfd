"""What holds a key leaves no image of its memory and lets nobody look in."""

import ctypes
import gc
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import process

ROOT = Path(__file__).parents[1]
BECOME_ORDINARY = """
import ctypes, os, pathlib, resource, sys
import process
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(process.PR_SET_DUMPABLE, 1, 0, 0, 0)  # a change of user closes it
"""
HOLDER = f"""{BECOME_ORDINARY}
process.leave_no_core()
if sys.argv[1] == "closed":
    process.close_memory()
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
sys.stdin.read()
"""
LOOK = f"""{BECOME_ORDINARY}
try:
    pathlib.Path(f"/proc/{{sys.argv[1]}}/environ").read_bytes()
except PermissionError:
    sys.exit(13)
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells who may look")


@pytest.fixture
def holder(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process of an ordinary user that holds a key."""
    started = subprocess.Popen(
        [sys.executable, "-c", HOLDER, request.param],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield started
    started.communicate(timeout=20)


def looks_in(pid: int) -> bool:
    """Tell whether another process of the same ordinary user reads its environment."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(pid)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode in (0, 13), done.stderr
    return done.returncode == 0


@linux_only
@pytest.mark.parametrize(
    ("holder", "is_open"), [("closed", False), ("open", True)], indirect=["holder"]
)
def test_nobody_else_of_the_same_user_looks_into_closed_memory(
    holder: subprocess.Popen[str], is_open: bool
) -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "(0, 0)\n"  # no core is left in either case
    assert looks_in(holder.pid) is is_open


def test_no_core_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *words: asked.append(words))
    process.leave_no_core()
    assert asked == [(resource.RLIMIT_CORE, (0, 0))]


class Libc:
    """A kernel that refuses."""

    def prctl(self, *words: int) -> int:
        return -1


@pytest.mark.parametrize("holds_a_key", [True, False])
def test_what_holds_a_key_is_closed_too(holds_a_key: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(process, "leave_no_core", lambda: done.append("no core"))
    monkeypatch.setattr(process, "close_memory", lambda: done.append("closed"))
    process.protect(holds_a_key=holds_a_key)
    assert done == (["no core", "closed"] if holds_a_key else ["no core"])


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Libc())
    with pytest.raises(OSError, match="expected the kernel to close our memory"):
        process.close_memory()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: pytest.fail("not here"))
    process.close_memory()


def test_the_collector_passes_over_what_was_loaded_at_the_start() -> None:
    began = gc.get_freeze_count()
    try:
        process.settle_memory()
        assert gc.get_freeze_count() > began + 10_000
    finally:
        gc.unfreeze()
