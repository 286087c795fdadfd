"""Becomes one child of the supervisor: leads its own group, dies with its parent, then execs.

Run as `python -I -S shim.py PARENT_PID SIGNAL USER COMMAND...` (USER empty: stay who you are), so
that no code has to run between fork and exec inside the supervisor. It imports nothing of ours.
"""

import ctypes  # here, because the user we become may not be able to read Python's library
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
CANNOT_EXECUTE = 127  # what a shell answers for a command that it cannot run


def main(arguments: list[str]) -> None:
    """Detach, follow the parent, change the user and run the command in this very process.

    Args:
        arguments: parent's pid, number of the signal wanted at its death, user, command.
    """
    parent_pid, signal_number, user, *command = arguments
    os.setsid()
    if user:
        switch_user(user)
    follow_parent(int(parent_pid), int(signal_number))
    try:
        os.execv(command[0], command)  # noqa: S606 - what it is for
    except OSError as error:
        sys.exit(_complain(command[0], error))


def switch_user(name: str) -> None:
    """Give up root for good; a later change of user would clear the death signal."""
    entry = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def follow_parent(parent_pid: int, signal_number: int) -> None:
    """Ask Linux to signal us when the parent dies, and leave if it is already dead.

    Elsewhere only the guard process ends the children of a parent that was killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(1)


def _complain(program: str, error: OSError) -> int:
    sys.stderr.write(f"cannot run {program}: {error.strerror}\n")
    return CANNOT_EXECUTE


if __name__ == "__main__":
    main(sys.argv[1:])
