"""Decides as whom PostgreSQL runs: it refuses root."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from embedded.children import shim_command
from embedded.errors import ServiceFailedError

UNPRIVILEGED = "nobody"
PROBE_TIMEOUT_S = 10.0
# Enters the state directory and runs the program, which is all that the other user must be able to.
PROBE_SCRIPT = 'cd "$1" && exec "$2" --version'


@dataclass(frozen=True, slots=True)
class Identity:
    """How to run a program as an ordinary user.

    Attributes:
        prefix: goes before the command.
        user: name for the shim to switch to; None when the prefix does it or no switch is needed.
        owner: user id and group id that must own the program's files.
    """

    prefix: tuple[str, ...]
    user: str | None
    owner: tuple[int, int]


def choose_identity(program: Path, home: Path, stop_signal: signal.Signals) -> Identity:
    """Find a user that can run `program` on files under `home`.

    An ordinary user runs it as himself. Root uses `setpriv` to become `nobody` who may still read
    and enter every directory (so that neither the home nor the virtual environment need be opened
    to others); where that capability is missing, as in a container, plain `nobody`.

    Raises:
        ServiceFailedError: root, and `nobody` cannot reach the program or the home.
    """
    if os.geteuid() != 0:
        return Identity((), None, (os.geteuid(), os.getegid()))
    entry = pwd.getpwnam(UNPRIVILEGED)
    owner = (entry.pw_uid, entry.pw_gid)
    choices = (
        Identity(_setpriv(owner, stop_signal), None, owner),
        Identity((), entry.pw_name, owner),
    )
    for identity in choices:
        if _works(identity, program, home):
            return identity
    raise ServiceFailedError(
        f"PostgreSQL does not run as root, and the user {UNPRIVILEGED} cannot reach {program} or "
        f"{home}: start as an ordinary user, or set DATABASE_URL to a server of your own"
    )


def _setpriv(owner: tuple[int, int], stop_signal: signal.Signals) -> tuple[str, ...]:
    found = shutil.which("setpriv")
    if found is None or sys.platform != "linux":
        return ()
    return (
        found,
        f"--reuid={owner[0]}",
        f"--regid={owner[1]}",
        "--clear-groups",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
        "--pdeathsig",
        stop_signal.name.removeprefix("SIG"),
        "--",
    )


def _works(identity: Identity, program: Path, home: Path) -> bool:
    if not identity.prefix and identity.user is None:
        return False
    script = ("/bin/sh", "-c", PROBE_SCRIPT, "sh", str(home), str(program))
    command = shim_command((*identity.prefix, *script), signal.SIGKILL, identity.user)
    try:
        done = subprocess.run(  # noqa: S603 - our own shim and the wheel's program
            command, env={}, capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
