"""The home, its disk, its lock and its files are looked at as they are."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from doctor_findings import Finding, Level
from doctor_home import check_secret_file, look_at_home

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def find(home: Path, subject: str) -> Finding:
    (found,) = [each for each in look_at_home(home) if each.subject == subject]
    return found


def test_a_home_of_ones_own_is_green(home: Path) -> None:
    assert {each.level for each in look_at_home(home)} <= {Level.GREEN, Level.AMBER}
    assert find(home, "home").level is Level.GREEN


def test_a_home_that_others_may_enter_is_amber(home: Path) -> None:
    home.chmod(0o750)
    assert find(home, "home").advice == f"chmod 0700 {home}"


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (2_000_000_000, Level.GREEN),
        (1_999_999_999, Level.AMBER),
        (200_000_000, Level.AMBER),
        (199_999_999, Level.RED),
    ],
)
def test_a_disk_is_judged_by_what_is_free(
    home: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free))
    assert find(home, "disk").level is level


def test_files_with_secrets_are_their_owners_alone(home: Path) -> None:
    for name in ("api-user.json", "paper-wallet-3.json"):
        (home / name).write_text("{}")
        (home / name).chmod(0o600)
    assert find(home, "files").level is Level.GREEN
    (home / "api-user.json").chmod(0o644)
    found = find(home, "files")
    assert (found.level, found.found) == (Level.RED, "api-user.json with mode 0644")


@pytest.mark.parametrize("name", ["codec-keys", "codec-token", "codec-url", "addresses.json"])
def test_every_file_with_a_secret_is_looked_at(home: Path, name: str) -> None:
    (home / name).touch(mode=0o640)
    assert find(home, "files").level is Level.RED


def test_a_key_file_that_is_not_there_is_red(tmp_path: Path) -> None:
    found = check_secret_file("key file", tmp_path / "key")
    assert found.level is Level.RED
    assert "No such file" in found.found


def test_addresses_that_nobody_holds_are_left_by_a_killed_stack(home: Path) -> None:
    (home / "addresses.json").write_text("{}")
    (home / "addresses.json").chmod(0o600)
    assert find(home, "lock").level is Level.AMBER


def test_a_halt_file_is_told_of(home: Path) -> None:
    (home / "HALT").touch()
    assert find(home, "halt file").level is Level.AMBER
