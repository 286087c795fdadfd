"""Programs that only root can reach are lent to the user who must run them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.errors import ServiceFailedError
from embedded.postgres import PostgresSettings, prepare_postgres
from embedded.reachable import reachable_bin

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can keep things from others")


def installation(place: Path) -> Path:
    binaries = place / "wheel" / "pginstall" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "postgres").write_text("program")
    (place / "wheel" / "pginstall" / "share").mkdir()
    (place / "wheel.libs").mkdir()
    (place / "wheel.libs" / "lib.so").write_text("library")
    return binaries


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Return a directory that everybody can enter, whatever pytest's own modes are."""
    place = Path("/var/tmp") / f"whalecopy-test-{os.getpid()}"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@needs_root
def test_private_programs_are_copied_once(tmp_path: Path, open_place: Path) -> None:
    tmp_path.chmod(0o700)
    binaries = installation(tmp_path)
    lent = reachable_bin(binaries, open_place)
    assert lent != binaries
    assert (lent / "postgres").read_text() == "program"
    assert (lent.parent / "share").is_dir()
    assert (lent.parents[2] / "wheel.libs" / "lib.so").read_text() == "library"
    assert all(p.stat().st_mode & 0o001 for p in (lent, *lent.parents))
    assert reachable_bin(binaries, open_place) == lent
    assert [p.name for p in open_place.iterdir()].count(lent.parents[2].name) == 1


@needs_root
def test_open_programs_stay_where_they_are(open_place: Path) -> None:
    binaries = installation(open_place / "here")
    assert reachable_bin(binaries, open_place / "copies") == binaries
    assert not (open_place / "copies").exists()


@needs_root
def test_a_copy_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceFailedError, match="ordinary user"):
        reachable_bin(installation(tmp_path), tmp_path / "file" / "copies")


def test_an_ordinary_user_uses_his_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert reachable_bin(tmp_path) == tmp_path


async def test_a_database_is_made_from_where_this_environment_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    server = await prepare_postgres(PostgresSettings(home, durable=False))
    assert (home / "postgres" / "PG_VERSION").exists()
    assert server.service.command
