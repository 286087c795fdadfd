"""The signer as the process that it is: what it may import, open and let others read."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import distribution
from pathlib import Path

import pytest

from exchange.port import UnavailableError
from exchange.sign_port import SignRefusal
from process import BUILD
from signer.client import RemoteSigner, SignerLink, fetch_identity
from storage.postgres import PostgresStore
from tests.signer.orders import ACCOUNT, KEY
from tests.signer.test_records import books, committed

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements-signer.lock"
READY_S = 60.0
NEVER = {"aiohttp", "temporalio", "sqlalchemy", "redis", "structlog", "websockets", "requests"}
LOOK_INSIDE = """
import ctypes, resource
import signer.__main__ as program
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
def look(settings, now):
    print(dumpable(), str(resource.getrlimit(resource.RLIMIT_CORE)).replace(" ", ""))
    raise program.KeyUnfitError("enough")
print(dumpable())
program.hold_key = look
program.main([])
"""
__all__ = ["books"]


def locked() -> Sequence[str]:
    """Return the distributions of the signer's lock that belong on this platform."""
    lines = re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==\S+(.*?)\\?$", LOCK.read_text(), re.MULTILINE)
    return [name for name, marker in lines if "win32" not in marker]


def linked(home: Path) -> Path:
    """Make a directory with what the lock holds and nothing else."""
    site = home / "site"
    site.mkdir()
    for name in locked():
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files if file.parts[0] != ".."}:
            path = Path(str(distribution(name).locate_file(top)))
            if path.exists() and top != "__pycache__":
                (site / top).unlink(missing_ok=True)
                (site / top).symlink_to(path)
    return site


def test_its_own_lock_is_all_that_it_needs(tmp_path: Path) -> None:
    words = (
        "import sys; sys.path[:0] = sys.argv[1:3]; import signer.__main__; "
        "print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    asked = [sys.executable, "-I", "-S", "-c", words, str(ROOT), str(linked(tmp_path))]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert not NEVER & set(told.stdout.split())


def test_a_lock_that_lacks_something_is_noticed(tmp_path: Path) -> None:
    site = linked(tmp_path)
    (site / "asyncpg").unlink()
    words = "import sys; sys.path[:0] = sys.argv[1:3]; import signer.__main__"
    asked = [sys.executable, "-I", "-S", "-c", words, str(ROOT), str(site)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert "asyncpg" in told.stderr


@asynccontextmanager
async def running(
    home: Path, database_url: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """Run the signer with the tests' key."""
    path, key = home / "run" / "s", home / "key"
    if not key.exists():
        key.write_text(KEY.get_secret_value())
        key.chmod(0o400)
    env = {
        "PATH": os.defpath,
        "DATABASE_URL": database_url,
        "WHALECOPY_HOME": str(home),
        "WHALECOPY_SIGNER_SOCKET": str(path),
        "WHALECOPY_PRIVATE_KEY_FILE": str(key),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "signer", env=env, cwd=ROOT
    )
    try:
        await until_ready(path)
        yield process, path
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(path: Path) -> None:
    link = SignerLink(path)
    async with asyncio.timeout(READY_S):
        while True:
            try:
                await fetch_identity(link)
            except UnavailableError:
                await asyncio.sleep(0.05)
                continue
            break
    link.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def sockets_of(pid: int) -> tuple[set[str], set[str]]:
    """Return all sockets of a process, and every socket of the network that it can see."""
    held = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    of_network = set()
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw"):
        rows = Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
        of_network |= {row.split()[9] for row in rows}
    return {name[8:-1] for name in held if name.startswith("socket:")}, of_network


async def test_it_signs_and_ends_when_asked(
    books: PostgresStore, database_url: str, home: Path
) -> None:
    async with running(home, database_url) as (process, path):
        link = SignerLink(path)
        identity = await fetch_identity(link)
        assert identity.funder == ACCOUNT.funder
        remote = RemoteSigner(link, identity.address, BUILD, lambda: 1)
        refusal = await remote.sign_early(await committed(books))
        assert isinstance(refusal, SignRefusal)  # it was committed in another year
        assert refusal.code.value == "expiry"
        link.close()
        process.terminate()
        assert await process.wait() == 0
    assert not path.exists()


async def test_it_opens_its_socket_and_the_records_and_nothing_else(
    books: PostgresStore, database_url: str, home: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can look into it")
    async with running(home, database_url) as (process, path):
        link = SignerLink(path)
        await RemoteSigner(link, ACCOUNT.address, BUILD).sign_early(await committed(books))
        inodes, of_network = sockets_of(process.pid)
        assert inodes
        assert not inodes & of_network
        link.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux closes memory by prctl")
def test_its_memory_is_closed_and_leaves_no_core_before_the_key_is_read(home: Path) -> None:
    env = {"PATH": os.defpath, "DATABASE_URL": "postgresql://h/d", "WHALECOPY_HOME": str(home)}
    asked = [sys.executable, "-c", LOOK_INSIDE]
    told = subprocess.run(asked, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert told.stdout.split() == ["1", "0", "(0,0)"], told.stderr


async def test_a_wrong_key_stops_it_with_one_line(database_url: str, home: Path) -> None:
    (home / "key").write_text("words")
    (home / "key").chmod(0o644)
    env = {
        "PATH": os.defpath,
        "DATABASE_URL": database_url,
        "WHALECOPY_HOME": str(home),
        "WHALECOPY_PRIVATE_KEY_FILE": str(home / "key"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "signer", env=env, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert told.decode().startswith("signer: expected mode 0400")
    assert len(told.decode().splitlines()) == 1


async def test_one_that_is_killed_again_and_again_is_asked_again_and_loses_nothing(
    books: PostgresStore, database_url: str, home: Path
) -> None:
    link = SignerLink(home / "run" / "s")
    remote = RemoteSigner(link, ACCOUNT.address, BUILD, lambda: 1)
    intent = await committed(books)
    for _ in range(2):
        async with running(home, database_url) as (process, _path):
            assert isinstance(await remote.sign_early(intent), SignRefusal)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            with pytest.raises(UnavailableError):
                await remote.sign_early(intent)
    link.close()
