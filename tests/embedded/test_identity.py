"""Tests of who runs PostgreSQL."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import identity
from embedded.binaries import find_postgres_bin
from embedded.children import shim_command
from embedded.errors import ServiceFailedError
from embedded.identity import choose_identity

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="root has to step down")
POSTGRES = find_postgres_bin() / "postgres"


def test_an_ordinary_user_runs_it_as_himself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    chosen = choose_identity(POSTGRES, tmp_path, signal.SIGINT)
    assert chosen == identity.Identity((), None, (1000, os.getegid()))


@ROOT_ONLY
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_root_becomes_nobody_who_may_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    chosen = choose_identity(POSTGRES, tmp_path, signal.SIGINT)
    command = (
        *chosen.prefix,
        "/bin/sh",
        "-c",
        f"id -u; ls -d {tmp_path}/.; grep CapEff /proc/self/status",
    )
    done = subprocess.run(
        shim_command(command, signal.SIGINT, chosen.user),
        capture_output=True,
        text=True,
        check=True,
    )
    user, place, capabilities = done.stdout.splitlines()
    assert int(user) == chosen.owner[0] == pwd.getpwnam("nobody").pw_uid
    assert place == f"{tmp_path}/."
    assert int(capabilities.split()[1], 16) == 1 << 2  # CAP_DAC_READ_SEARCH alone


@ROOT_ONLY
def test_root_without_setpriv_becomes_plain_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(identity, "_works", lambda chosen, *_: chosen.user is not None)
    chosen = choose_identity(POSTGRES, tmp_path, signal.SIGINT)
    assert (chosen.prefix, chosen.user) == ((), "nobody")


@ROOT_ONLY
def test_root_is_told_what_to_do_when_nobody_can_reach_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ServiceFailedError, match="start as an ordinary user, or set DATABASE_URL"):
        choose_identity(POSTGRES, tmp_path, signal.SIGINT)


@ROOT_ONLY
def test_a_probe_that_hangs_is_a_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(identity, "PROBE_TIMEOUT_S", 0.2)
    with pytest.raises(ServiceFailedError):
        choose_identity(program, Path("/"), signal.SIGINT)


def test_the_signal_at_the_parents_death_is_passed_on() -> None:
    if sys.platform == "linux" and shutil.which("setpriv"):
        prefix = identity._setpriv((1, 2), signal.SIGINT)
        assert prefix[prefix.index("--pdeathsig") + 1] == "INT"
