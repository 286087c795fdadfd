"""What is looked at on this machine: the home, its disk, its lock and its files."""

import fcntl
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from doctor_findings import Finding, Level
from embedded.addresses import FILE_NAME
from embedded.home import FREE_BYTES_MIN
from storage.halt_file import NAME

FREE_BYTES_WANTED = 2_000_000_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO
SECRET_FILES = ("api-user.json", "paper-wallet-*.json", "codec-*", FILE_NAME)
_MB = 1_000_000


def look_at_home(home: Path) -> Sequence[Finding]:
    """Return what is found in the state directory and on its disk."""
    if not home.is_dir():
        expected = "a state directory"
        return [
            Finding("home", Level.AMBER, expected, f"no {home}", "`whalecopy up` makes one"),
        ]
    return [_permissions(home), _space(home), _lock(home), *_files(home), *_halt(home)]


def check_secret_file(subject: str, path: Path, *, may_write: bool = True) -> Finding:
    """Return whether a file with a secret is its owner's alone."""
    modes = "mode 0400 or 0600" if may_write else "mode 0400"
    expected = f"a file that its owner alone may read ({modes})"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        advice = f"put it there, or name another file than {path}"
        return Finding(subject, Level.RED, expected, f"{path}: {error.strerror}", advice)
    found = f"{path.name} with mode {stat.S_IMODE(mode):04o}"
    if mode & (OTHERS if may_write else OTHERS | stat.S_IWUSR):
        return Finding(subject, Level.RED, expected, found, f"chmod 0400 {path}")
    return Finding(subject, Level.GREEN, expected, found)


def _permissions(home: Path) -> Finding:
    mode = stat.S_IMODE(home.stat().st_mode)
    expected, found = "a directory that others cannot enter (mode 0700)", f"mode {mode:04o}"
    if mode & OTHERS:
        return Finding("home", Level.AMBER, expected, found, f"chmod 0700 {home}")
    if not os.access(home, os.W_OK | os.X_OK):
        advice = f"give {home} to the user that runs whalecopy"
        return Finding("home", Level.RED, "a directory we may write", found, advice)
    return Finding("home", Level.GREEN, expected, found)


def _space(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    level = Level.AMBER if free < FREE_BYTES_WANTED else Level.GREEN
    level = Level.RED if free < FREE_BYTES_MIN else level
    expected, found = f"{FREE_BYTES_WANTED // _MB} MB free", f"{free // _MB} MB free"
    advice = "" if level is Level.GREEN else f"make space on the disk of {home}"
    return Finding("disk", level, expected, found, advice)


def _lock(home: Path) -> Finding:
    expected = "one stack, or none, that holds the lock"
    holder = lock_holder(home)
    if holder:
        return Finding("lock", Level.GREEN, expected, f"held by process {holder}")
    if (home / FILE_NAME).exists():
        found = f"nobody holds it, yet {FILE_NAME} is there"
        advice = "a stack was killed here; `whalecopy up` puts it right"
        return Finding("lock", Level.AMBER, expected, found, advice)
    return Finding("lock", Level.GREEN, expected, "nobody holds it: no stack runs")


def lock_holder(home: Path) -> str:
    """Return the process that holds the lock of a home, as it wrote itself down; "" for none."""
    try:
        descriptor = os.open(home / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return ""


def _files(home: Path) -> Sequence[Finding]:
    found = [path for pattern in SECRET_FILES for path in sorted(home.glob(pattern))]
    checked = [check_secret_file("files", path) for path in found]
    bad = [each for each in checked if each.level is not Level.GREEN]
    if bad or not checked:
        return bad
    names = ", ".join(path.name for path in found)
    return [Finding("files", Level.GREEN, checked[0].expected, f"{names}: mode 0600 or less")]


def _halt(home: Path) -> Sequence[Finding]:
    if not (home / NAME).exists():
        return []
    advice = f"take {home / NAME} away when entries may leave again"
    return [Finding("halt file", Level.AMBER, f"no file {NAME}", "entries are halted", advice)]
