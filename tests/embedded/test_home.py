"""Tests of the state directory: usable, locked, with short paths for sockets."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.errors import HomeError, HomeLockedError
from embedded.home import SOCKET_PATH_BYTES_MAX, HomeLock, make_socket_dir, prepare_home

ME = (os.geteuid(), os.getegid())
HOLD = (
    "import asyncio, pathlib, sys, time\n"
    "from embedded.home import HomeLock\n"
    "lock = HomeLock(pathlib.Path(sys.argv[1]))\n"
    "asyncio.run(lock.take())\n"
    "print(flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
    yield process
    process.kill()
    process.wait()


def test_a_home_is_made_for_its_owner_only(tmp_path: Path) -> None:
    prepare_home(tmp_path / "deep" / "home", free_bytes_min=0)
    prepare_home(tmp_path / "deep" / "home", free_bytes_min=0)
    assert stat.S_IMODE((tmp_path / "deep" / "home").stat().st_mode) == 0o700
    assert (tmp_path / "deep" / "home" / "logs").is_dir()


def test_a_home_that_cannot_be_made_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match=r"file/home \(WHALECOPY_HOME\): .*Not a directory"):
        prepare_home(tmp_path / "file" / "home")


def test_a_home_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("embedded.home.tempfile.TemporaryFile", refuse)
    with pytest.raises(HomeError, match="Permission denied"):
        prepare_home(tmp_path)


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"no space for state .* \d+ MB free, 1000000000000 MB"):
        prepare_home(tmp_path, free_bytes_min=10**18)


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="needs root")
def test_a_disk_that_really_is_full_is_said(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this root may not mount")
    try:
        (tmp_path / "ballast").write_bytes(b"x" * 40_000)
        with pytest.raises(HomeError, match="0 MB free, 200 MB needed"):
            prepare_home(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_lock_is_taken_once_and_names_its_holder(
    tmp_path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(HomeLockedError, match=rf"already runs on .* \(process {holder.pid}\)"):
        await HomeLock(tmp_path).take()


async def test_a_lock_is_free_again_when_its_holder_is_killed(
    tmp_path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    holder.kill()
    holder.wait()
    lock = HomeLock(tmp_path)
    await lock.take()
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()
    lock.release()


async def test_a_lock_is_waited_for_while_a_dead_stacks_guard_still_works(tmp_path: Path) -> None:
    first = HomeLock(tmp_path)
    await first.take()
    (tmp_path / "lock").write_text("123456789\n")  # no Linux gives out so high a number
    with pytest.raises(HomeLockedError):
        await HomeLock(tmp_path).take(wait_s=0.1)
    waiting = HomeLock(tmp_path)
    taking = asyncio.ensure_future(waiting.take())
    await asyncio.wait([taking], timeout=0.1)
    assert not taking.done()
    first.release()
    await taking
    waiting.release()


async def test_a_lock_without_a_name_is_waited_for(tmp_path: Path) -> None:
    first = HomeLock(tmp_path)
    await first.take()
    (tmp_path / "lock").write_text("")
    with pytest.raises(HomeLockedError, match="process 0"):
        await HomeLock(tmp_path).take(wait_s=0)
    first.release()


async def test_a_holder_of_another_user_counts_as_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = HomeLock(tmp_path)
    await first.take()

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(HomeLockedError):
        await HomeLock(tmp_path).take()
    first.release()


def test_a_short_home_keeps_its_sockets(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Path(tmp_path_factory.mktemp("h"))
    path = make_socket_dir(home, "valkey", ME)
    assert path == home / "run" / "valkey"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_home_with_unusual_characters_gets_a_plain_directory(tmp_path: Path) -> None:
    path = make_socket_dir(tmp_path / "a home, mine", "postgres", ME)
    assert path.parent == Path("/tmp")
    path.rmdir()


def test_a_long_home_gets_a_short_directory_that_stays(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    path = make_socket_dir(home, "postgres", ME)
    assert len(os.fsencode(path)) < SOCKET_PATH_BYTES_MAX / 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert make_socket_dir(home, "postgres", ME) == path
    shutil.rmtree(path)
    other = make_socket_dir(home, "postgres", ME)
    assert other != path
    other.chmod(0o777)  # as if someone else had made it
    last = make_socket_dir(home, "postgres", ME)
    assert last != other
    other.rmdir()
    last.rmdir()
