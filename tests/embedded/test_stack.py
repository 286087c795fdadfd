"""Tests of the whole stack, as one program that is stopped and killed in every way."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from temporalio.client import Client

from embedded import stack as stack_module
from embedded.addresses import Addresses, driver_dsn, load_addresses
from embedded.errors import HomeError, HomeLockedError, ServiceFailedError, UnreachableError
from embedded.ports import LOOPBACK, free_port
from embedded.services import ProcessEventKind as Kind
from embedded.stack import Stack, StackSettings
from embedded.temporal import TemporalPorts
from tests.embedded.programs import Events, processes_at, python_service, until

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "tests.embedded.a_stack")
USER = pwd.getpwnam("daemon")
# An ordinary user who, other than real ones, can read the virtual environment of root's tests.
AS_ORDINARY_USER = (
    *("setpriv", f"--reuid={USER.pw_uid}", f"--regid={USER.pw_gid}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),
    *("--bounding-set=-all,+dac_read_search", "--"),
)
WITHOUT_CAPABILITY = ("setpriv", "--bounding-set=-dac_read_search", "--")


@pytest.fixture
def home() -> Iterator[Path]:
    shared = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="wc-", dir=shared if shared.is_dir() else None))
    yield home
    assert processes_at(home) == {}
    shutil.rmtree(home)


class Program:
    """The program under test and what it said."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path) -> None:
        self.process = process
        self.home = home
        self.pids: dict[str, int] = {}
        self.addresses: Addresses | None = None

    async def get_ready(self) -> None:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        assert line, await self.complaint()
        said = json.loads(line)
        self.pids = said["pids"]
        self.addresses = Addresses(**said["addresses"])

    async def complaint(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)


async def _start(home: Path, prefix: tuple[str, ...] = ()) -> Program:
    process = await asyncio.create_subprocess_exec(
        *(*prefix, *PROGRAM, str(home)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    return Program(process, home)


async def _add_row(addresses: Addresses) -> int:
    connection = await asyncpg.connect(driver_dsn(addresses.database_url))
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        return int(await connection.fetchval("SELECT count(*) FROM kept"))
    finally:
        await connection.close()


async def test_it_works_is_locked_ends_on_every_signal_and_keeps_data(home: Path) -> None:
    for round_number, number in enumerate((signal.SIGKILL, signal.SIGINT, signal.SIGTERM), start=1):
        program = await _start(home)
        await program.get_ready()
        assert set(program.pids) == {"postgres", "valkey", "temporal", "worker", "guard"}
        assert program.addresses is not None
        assert load_addresses(home) == program.addresses
        assert await _add_row(program.addresses) == round_number
        if number is signal.SIGINT:
            with pytest.raises(HomeLockedError, match=rf"process {program.process.pid}\)"):
                await Stack(StackSettings(home)).start()
        assert await program.end(number) == (-9 if number is signal.SIGKILL else 0)
        await until(lambda: processes_at(home) == {}, "no process is left")
    assert load_addresses(home) is None


def others_may_enter(place: Path) -> bool:
    """Tell whether an ordinary user can have his environment there."""
    place = place.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (place, *place.parents))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="root changes users")
@pytest.mark.skipif(not others_may_enter(Path(sys.prefix)), reason="private to root")
async def test_an_ordinary_user_can_run_it(home: Path) -> None:
    os.chown(home, USER.pw_uid, USER.pw_gid)
    program = await _start(home, AS_ORDINARY_USER)
    await program.get_ready()
    assert (home / "postgres").stat().st_uid == USER.pw_uid
    assert program.addresses is not None
    assert await _add_row(program.addresses) == 1
    await program.end(signal.SIGKILL)
    await until(lambda: processes_at(home) == {}, "no process is left")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root")
async def test_root_without_the_capability_can_run_it_where_others_may_enter(home: Path) -> None:
    os.chmod(home, 0o755)
    program = await _start(home, WITHOUT_CAPABILITY)
    await program.get_ready()
    assert (home / "postgres").stat().st_uid != 0
    assert await program.end(signal.SIGTERM) == 0


async def test_every_part_comes_back_when_it_is_killed(home: Path) -> None:
    events = Events()
    stack = Stack(StackSettings(home, search_attributes={"Whale": "Keyword"}), events)
    try:
        addresses = await stack.start()
        await stack.add(python_service("worker"))
        first = stack.pids
        for name, pid in first.items():
            os.kill(pid, signal.SIGKILL)
            await until(lambda n=name, p=pid: stack.pids.get(n, p) != p, f"{name} is back")  # type: ignore[misc]
        for name in first.keys() - {"guard"}:
            await until(lambda n=name: events.kinds(n).count(Kind.READY) == 2, "ready")  # type: ignore[misc]
        assert await _add_row(addresses) == 1
        client = Redis.from_url(addresses.redis_url)
        await client.ping()
        await client.aclose()
        await (await Client.connect(addresses.temporal_address)).count_workflows()
        await stack.remove("worker")
        assert "worker" not in stack.pids
    finally:
        await stack.stop()
        await stack.stop()
    assert events.names(Kind.STOPPED)[-1] == "postgres"


async def test_given_addresses_replace_the_parts(
    home: Path, empty_database_url: str, valkey_url: str, temporal_client: Client
) -> None:
    address = temporal_client.service_client.config.target_host
    stack = Stack(StackSettings(home, empty_database_url, valkey_url, address), Events())
    addresses = await stack.start()
    assert addresses == Addresses(empty_database_url, valkey_url, address, None)
    assert set(stack.pids) == {"guard"}
    await stack.stop()


async def test_an_address_that_does_not_answer_stops_the_rest(home: Path) -> None:
    url = f"postgresql://u:secret@127.0.0.1:{free_port()}/db"
    started_s = time.monotonic()
    with pytest.raises(UnreachableError, match="DATABASE_URL"):
        await Stack(StackSettings(home, database_url=url), Events()).start()
    assert time.monotonic() - started_s < 15
    assert load_addresses(home) is None


async def test_a_home_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(HomeError, match="WHALECOPY_HOME"):
        await Stack(StackSettings(tmp_path / "home"), Events()).start()


@pytest.fixture
async def busy() -> AsyncIterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


async def test_a_port_taken_in_the_last_moment_is_replaced(
    home: Path, busy: int, valkey_url: str, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = iter([TemporalPorts(busy, free_port()), TemporalPorts(free_port(), free_port())])
    monkeypatch.setattr(stack_module, "choose_ports", lambda: next(choices))
    stack = Stack(StackSettings(home, empty_database_url, valkey_url), Events())
    addresses = await stack.start()
    assert not addresses.temporal_address.endswith(f":{busy}")
    await stack.stop()


async def test_ports_that_stay_taken_are_given_up(
    home: Path, busy: int, valkey_url: str, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_module, "PORT_ATTEMPTS", 2)
    monkeypatch.setattr(stack_module, "choose_ports", lambda: TemporalPorts(busy, free_port()))
    stack = Stack(StackSettings(home, empty_database_url, valkey_url), Events())
    with pytest.raises(ServiceFailedError, match="address already in use"):
        await stack.start()


async def test_a_stack_that_does_not_run_takes_no_service(home: Path) -> None:
    stack = Stack(StackSettings(home))
    assert stack.pids == {}
    with pytest.raises(ServiceFailedError, match="not running"):
        await stack.add(python_service("one"))
    await stack.stop()


async def test_a_service_that_dies_too_often_is_told_by_the_stack(
    home: Path, valkey_url: str, empty_database_url: str, temporal_client: Client
) -> None:
    address = temporal_client.service_client.config.target_host
    stack = Stack(StackSettings(home, empty_database_url, valkey_url, address), Events())
    await stack.start()
    failing = asyncio.ensure_future(stack.wait_failed())
    await stack.add(python_service("weak", "import time; time.sleep(0.05)"))
    assert not failing.done()
    failing.cancel()
    await stack.stop()


async def test_a_bug_in_a_part_is_not_dressed_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stumble(url: str) -> str:
        raise KeyError(url)

    monkeypatch.setattr(stack_module, "check_redis", stumble)
    with pytest.raises(ExceptionGroup, match="unhandled errors") as caught:
        await Stack(StackSettings(home, redis_url="x"), Events()).start()
    assert caught.group_contains(KeyError)
