"""Tests of the embedded PostgreSQL."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from embedded import postgres
from embedded.addresses import driver_dsn
from embedded.children import shim_command
from embedded.errors import ServiceFailedError
from embedded.home import prepare_home
from embedded.identity import Identity
from embedded.pgwire import PostgresAnswerError
from embedded.postgres import PostgresSettings, prepare_postgres, remove_stale_pid_file
from embedded.processes import Supervisor, SupervisorSettings
from embedded.services import ProcessEventKind as Kind
from tests.embedded.programs import SLEEP, Events, until


@pytest.fixture
def home() -> Iterator[Path]:
    shared = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="wc-", dir=shared if shared.is_dir() else None))
    prepare_home(home)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
async def supervisor(home: Path, events: Events) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(SupervisorSettings(home / "logs"), events)
    await supervisor.open()
    yield supervisor
    await supervisor.stop()


async def _fetch(url: str, statement: str) -> object:
    connection = await asyncpg.connect(driver_dsn(url))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_outlive_a_stop_and_a_kill(
    home: Path, supervisor: Supervisor, events: Events
) -> None:
    settings = PostgresSettings(home)
    server = await prepare_postgres(settings)
    await supervisor.start(server.service)
    await server.create_database("whalecopy")
    await server.create_database("whalecopy")
    url = server.url("whalecopy")
    await _fetch(url, "CREATE TABLE kept AS SELECT 7 AS number")
    assert [await _fetch(url, f"SHOW {name}") for name in ("fsync", "data_checksums")] == ["on"] * 2
    assert await _fetch(url, "SHOW listen_addresses") == ""

    await supervisor.remove("postgres")
    server = await prepare_postgres(settings)
    await supervisor.start(server.service)
    assert await _fetch(url, "SELECT number FROM kept") == 7

    os.kill(supervisor.pids["postgres"], signal.SIGKILL)
    await until(lambda: events.kinds("postgres").count(Kind.READY) == 3, "it is ready again")
    assert await _fetch(url, "SELECT number FROM kept") == 7


async def test_a_database_that_may_not_be_made_is_an_error(
    home: Path, supervisor: Supervisor
) -> None:
    server = await prepare_postgres(PostgresSettings(home, durable=False))
    await supervisor.start(server.service)
    assert await _fetch(server.url("postgres"), "SHOW fsync") == "off"
    with pytest.raises(PostgresAnswerError, match="zero-length"):
        await server.create_database("")


async def test_an_initdb_that_fails_tells_why_and_leaves_nothing(home: Path) -> None:
    (home / "postgres.new").mkdir()
    program = home / "initdb"
    program.write_text("#!/bin/sh\necho No space left on device\nexit 1\n")
    program.chmod(0o755)
    identity = Identity((), None, (os.geteuid(), os.getegid()))
    with pytest.raises(ServiceFailedError, match=r"exit code 1(.|\n)*No space left on device"):
        await postgres._init_database(home, home / "postgres", identity, PostgresSettings(home))
    assert not (home / "postgres.new").exists()


@pytest.mark.parametrize("after_s", [0.01, 0.03, 0.2])
async def test_an_initdb_that_is_cancelled_is_killed(home: Path, after_s: float) -> None:
    command = (sys.executable, "-I", "-S", "-c", SLEEP)
    running = asyncio.ensure_future(
        postgres._run(shim_command(command, signal.SIGTERM, None), home / "log")
    )
    await asyncio.wait([running], timeout=after_s)
    running.cancel()
    await asyncio.wait([running], timeout=20)
    assert running.cancelled()


def test_written_through_or_not() -> None:
    assert postgres._sync_option(durable=False) == "--no-sync"
    assert postgres._sync_option(durable=True).startswith("--sync-method=")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
class TestStalePidFile:
    def test_a_number_that_now_is_another_program_is_cleared(self, tmp_path: Path) -> None:
        (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
        remove_stale_pid_file(tmp_path)
        assert not (tmp_path / "postmaster.pid").exists()

    def test_a_directory_in_use_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
        backend = subprocess.Popen([sys.executable, "-c", SLEEP], cwd=tmp_path)
        remove_stale_pid_file(tmp_path)
        assert (tmp_path / "postmaster.pid").exists()
        backend.kill()
        backend.wait()

    def test_a_living_server_is_left_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres, "_is_postgres", lambda _: True)
        (tmp_path / "postmaster.pid").write_text("1\n")
        remove_stale_pid_file(tmp_path)
        assert (tmp_path / "postmaster.pid").exists()

    @pytest.mark.parametrize("text", ["", "no number\n"])
    def test_a_file_that_says_nothing_is_left_to_postgresql(
        self, tmp_path: Path, text: str
    ) -> None:
        (tmp_path / "postmaster.pid").write_text(text)
        remove_stale_pid_file(tmp_path)
        assert (tmp_path / "postmaster.pid").exists()

    def test_no_file_is_nothing_to_do(self, tmp_path: Path) -> None:
        remove_stale_pid_file(tmp_path)

    def test_a_process_that_is_gone_is_no_postgresql(self) -> None:
        assert not postgres._is_postgres(Path("/proc/123456789"))


async def test_a_server_that_is_still_starting_is_not_ready(tmp_path: Path) -> None:
    assert not await postgres._is_ready(tmp_path, tmp_path)
    (tmp_path / "postmaster.pid").write_text("1\n" * 7 + "starting\n")
    assert not await postgres._is_ready(tmp_path, tmp_path)
