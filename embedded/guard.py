"""Ends every process group of a supervisor that has died; run as `python -I -S guard.py`.

Standard input is a pipe that only the supervisor writes: `+GROUP SIGNAL` when a child starts,
`-GROUP` when it has been reaped. The end of the pipe means that the supervisor is gone, however it
went. The guard inherits the lock of the state directory, so a new stack waits until it is done.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_S = 8.0
POLL_S = 0.05


def main() -> None:
    """Wait for the supervisor's end, then for the end of all that it left behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_groups(read_groups(sys.stdin.buffer), GRACE_S)


def read_groups(lines: Iterable[bytes]) -> dict[int, int]:
    """Follow registrations until the pipe ends.

    Returns:
        Process group id to the number of the signal that asks it to stop; what was registered and
        not taken back. A line cut off in the middle is ignored.
    """
    groups: dict[int, int] = {}
    for line in lines:
        words = line.split()
        if line.startswith(b"+") and line.endswith(b"\n") and len(words) == 2:
            groups[int(words[0])] = int(words[1])
        elif line.startswith(b"-") and line.endswith(b"\n"):
            groups.pop(-int(words[0]), None)
    return groups


def end_groups(groups: dict[int, int], grace_s: float) -> None:
    """Ask every group to stop, wait at most `grace_s` seconds, kill what is still there."""
    living = {group for group, number in groups.items() if send(group, number)}
    deadline = time.monotonic() + grace_s
    while living and time.monotonic() < deadline:
        time.sleep(POLL_S)
        living = {group for group in living if send(group, 0)}
    for group in living:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Signal a group (0 only looks); False when nothing of it is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
