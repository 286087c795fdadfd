"""Files that children write their output to, kept small without the children's help."""

import os
import shutil
from pathlib import Path

LOG_BYTES_MAX = 10_000_000
TAIL_BYTES = 4096


def open_log(path: Path) -> int:
    """Open a log for a child.

    Returns:
        A file descriptor that appends, so that the file can be cut short under the writer.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def rotate_log(path: Path, bytes_max: int = LOG_BYTES_MAX) -> bool:
    """Move a log that has grown too long into `<name>.1`, which is overwritten.

    Copies and truncates, because the child keeps its descriptor; lines written in between are
    lost, which only a flood of output can notice. At most twice `bytes_max` stays on disk, plus
    what is written between two calls.
    """
    try:
        if path.stat().st_size <= bytes_max:
            return False
    except FileNotFoundError:
        return False
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True


def log_size(path: Path) -> int:
    """Tell how long a log is now, so that later only what was added is read."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def tail_log(path: Path, start: int = 0, lines_max: int = 8) -> str:
    """Read the last lines of a log, to say why a service failed.

    Args:
        path: the log; one that does not exist is empty.
        start: length of what earlier processes wrote, which is not read.
        lines_max: at most so many lines.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            size = file.tell()
            file.seek(max(size - TAIL_BYTES, start if start <= size else 0))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines_max:])
