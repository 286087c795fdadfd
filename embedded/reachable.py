"""Lends PostgreSQL's programs to the user who runs them, where root keeps them to himself.

PostgreSQL asks the kernel whether it may read its own program, and that question ignores the
capability by which root's helper user enters private directories. A virtual environment under
/root or in a private temporary directory is therefore out of its reach: its programs are copied
once to a place that only root can write and everybody can read.
"""

import os
import shutil
import tempfile
from pathlib import Path

from embedded.errors import ServiceFailedError

PUBLIC_HOME = Path("/var/lib/whalecopy")
_ENTER = 0o001


def reachable_bin(binaries: Path, public_home: Path = PUBLIC_HOME) -> Path:
    """Return a `bin` directory with the same programs that every user can enter.

    Args:
        binaries: `site-packages/PACKAGE/INSTALLATION/bin` of a wheel; the installation is copied
            if need be, and the shared libraries that the wheel keeps in `PACKAGE.libs`.
        public_home: where copies are kept; made if it is not there.

    Raises:
        ServiceFailedError: a copy is needed and cannot be made.
    """
    if os.geteuid() != 0 or _is_open(binaries):
        return binaries
    stamp = (binaries / "postgres").stat()
    copy = public_home / f"postgres-{stamp.st_size}-{stamp.st_mtime_ns}"
    if not copy.exists():
        try:
            _publish(binaries.parent, copy)
        except OSError as error:
            raise ServiceFailedError(
                f"PostgreSQL's programs under {binaries} are private to root and cannot be copied "
                f"to {copy}: {error}; start as an ordinary user, or install elsewhere"
            ) from error
    return copy / binaries.relative_to(binaries.parents[2])


def _is_open(path: Path) -> bool:
    return all(place.stat().st_mode & _ENTER for place in (path, *path.parents))


def _publish(installation: Path, copy: Path) -> None:
    """Copy an installation whole or not at all; another process may be doing the same."""
    copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    making = Path(tempfile.mkdtemp(dir=copy.parent))
    package = installation.parent
    tree = making / "tree"
    try:
        shutil.copytree(installation, tree / package.name / installation.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, tree / libraries.name, symlinks=True)
        for place in (tree, tree / package.name):
            place.chmod(0o755)
        try:
            tree.rename(copy)
        except OSError:
            if not copy.exists():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
