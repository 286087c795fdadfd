"""Tests of the supervisor's end of the guard."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from embedded.guarding import Guard
from tests.embedded.programs import SLEEP, is_alive, until


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    guard = Guard()
    await guard.open()
    yield guard
    await guard.close()


@pytest.fixture
def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", SLEEP], start_new_session=True)


async def test_closing_lets_go_of_what_was_taken_back(
    guard: Guard, sleeper: "subprocess.Popen[bytes]"
) -> None:
    pid = guard.pid
    assert pid is not None
    guard.add(sleeper.pid, signal.SIGTERM)
    guard.take_back(sleeper.pid)
    await guard.close()
    assert guard.pid is None
    assert not is_alive(pid)
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


async def test_a_guard_that_was_killed_is_replaced_and_knows_the_groups(
    guard: Guard, sleeper: "subprocess.Popen[bytes]"
) -> None:
    first = guard.pid
    assert first is not None
    guard.add(sleeper.pid, signal.SIGTERM)
    os.kill(first, signal.SIGKILL)
    await until(lambda: guard.pid != first, "another guard has started")
    guard._drop_pipe()  # as the kernel does when the supervisor is killed
    assert sleeper.wait(timeout=20) == -signal.SIGTERM


async def test_telling_a_dead_guard_is_no_error(guard: Guard) -> None:
    first = guard.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: not is_alive(first), "the guard is dead")
    guard.add(123_456_789, signal.SIGTERM)
    await until(lambda: guard.pid != first, "another guard has started")
    guard.take_back(123_456_789)


async def test_the_guard_holds_inherited_descriptors() -> None:
    reading, writing = os.pipe()
    guard = Guard((writing,))
    await guard.open()
    os.close(writing)
    os.set_blocking(reading, False)
    with pytest.raises(BlockingIOError):  # not at its end: the guard still holds the other side
        os.read(reading, 1)
    await guard.close()
    assert os.read(reading, 1) == b""
    os.close(reading)


async def test_a_guard_that_cannot_start_leaves_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        await Guard().open()
    assert len(os.listdir("/proc/self/fd")) == before
    await Guard().close()
