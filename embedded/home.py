"""Holds the state directory: made, checked, locked by one stack at a time."""

import asyncio
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from embedded.errors import HomeError, HomeLockedError

FREE_BYTES_MIN = 200_000_000  # a new database takes 40 MB and one log segment 16 MB
SOCKET_PATH_BYTES_MAX = 100  # sockaddr_un holds 103 bytes on macOS, 107 on Linux
PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)  # lists and addresses need no quotes for it
LOCK_POLL_S = 0.05
LOCK_WAIT_S = 12.0  # the guard of a stack that was killed is done after 8 s


def prepare_home(home: Path, free_bytes_min: int = FREE_BYTES_MIN) -> None:
    """Make the state directory, readable by its owner only, and see that it can be used.

    Raises:
        HomeError: not writable, or less than `free_bytes_min` bytes of free space.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / "logs").mkdir(exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"x")
        free_bytes = shutil.disk_usage(home).free
    except OSError as error:
        raise HomeError(f"cannot keep state in {home} (WHALECOPY_HOME): {error}") from error
    if free_bytes < free_bytes_min:
        raise HomeError(
            f"no space for state in {home} (WHALECOPY_HOME): {free_bytes // 1_000_000} MB free, "
            f"{free_bytes_min // 1_000_000} MB needed"
        )


class HomeLock:
    """The right to use a state directory; the guard inherits it, so it outlives a killed stack."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        self._home = home
        self._fd = -1

    @property
    def fd(self) -> int:
        """The descriptor that holds the lock."""
        return self._fd

    async def take(self, wait_s: float = LOCK_WAIT_S) -> None:
        """Take the lock, waiting only for the last children of a stack that was killed.

        Raises:
            HomeLockedError: a living stack holds it; the message names its process id.
        """
        deadline_s = asyncio.get_running_loop().time() + wait_s
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while not self._try_lock():
            holder = self._holder()
            if _is_alive(holder) or asyncio.get_running_loop().time() > deadline_s:
                self.release()
                raise HomeLockedError(
                    f"another whalecopy already runs on {self._home} (process {holder})"
                )
            await asyncio.sleep(LOCK_POLL_S)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> int:
        text = os.pread(self._fd, 32, 0).strip()
        return int(text) if text.isdigit() else 0


def make_socket_dir(home: Path, name: str, owner: tuple[int, int]) -> Path:
    """Make the private directory of a server's Unix socket.

    Args:
        home: the state directory.
        name: the server; the directory is `<home>/run/<name>`, or where that path is too long for
            a socket, or hard to write in an address, a new short one, remembered for the next
            start so that addresses stay.
        owner: user id and group id the directory is given to.
    """
    path = home / "run" / name
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_short = len(os.fsencode(path / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_BYTES_MAX
    if not is_short or not PLAIN_PATH.fullmatch(str(path)):
        path = _short_dir(path / "elsewhere", owner[0])
    path.chmod(0o700)
    os.chown(path, *owner)
    return path


def _short_dir(note: Path, owner_id: int) -> Path:
    if note.is_file():
        remembered = Path(note.read_text())
        if _is_private(remembered, owner_id):
            return remembered
    path = Path(tempfile.mkdtemp(prefix="whalecopy-", dir="/tmp"))
    note.write_text(str(path))
    return path


def _is_private(path: Path, owner_id: int) -> bool:
    try:
        info = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == owner_id and not info.st_mode & 0o077


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
