"""Planted secrets turn up nowhere: not in what a stack keeps, tells, serves or dies of."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from redis.asyncio import Redis

from codec_keys import add_key
from embedded.processes import Supervisor, SupervisorSettings
from embedded.valkey import valkey_service
from storage.database import plain_url
from tests.end_to_end.a_run import ROOT, Ended, Run
from tests.end_to_end.canaries import (
    Search,
    count_rows,
    cut_sessions,
    descendants_of,
    look_at_metrics,
    look_at_pages,
    look_at_rows,
    modes_of_secret_files,
    without_ours,
)
from tests.end_to_end.test_replay import assert_balanced
from tests.servers import DatabaseServer

PRIVATE, RELAYER = "private key", "relayer key"
POSTGRES, REDIS = "PostgreSQL's password", "Redis's password"
NODES = ("chain node's key, by HTTP", "chain node's key, by WebSocket")
MAY_HOLD = {
    "cli.py": (PRIVATE, RELAYER, POSTGRES, REDIS, *NODES),
    "worker.py": (RELAYER, POSTGRES, REDIS, *NODES),
    "-m signer": (PRIVATE, POSTGRES),
    "-m ingest": (POSTGRES, REDIS, *NODES),
    "-m dashboard": (POSTGRES,),
}
"""Which secrets may be in whose environment, by a word of the command line."""
LOOK_S = 300.0
CUTS = 5
PAGES_SEEN = 40
ONLY_IN_PAYLOADS = {"a step of every trade": "worth copying?"}
WHOLE_TAPE_S = 3_600.0
CRASH = """
import asyncio, importlib, runpy, sys
from settings import load_settings
module = importlib.import_module(sys.argv[1])
settings = load_settings()
def crash(*words, **more):
    everything = [str(settings.database_url), str(settings.redis_url), *settings.secrets]
    raise RuntimeError(f"a bug tells {settings!r} {everything} {words} {more}")
setattr(module, sys.argv[2], crash)
sys.argv[1:] = sys.argv[3:]
sys.exit(module.main())
"""
PROCESSES = {
    "worker": ("worker", "run_worker"),
    "ingest": ("ingest.__main__", "run_ingest"),
    "dashboard": ("dashboard.__main__", "_run"),
    "codec": ("codec_server", "run_codec_server"),
    "up": ("cli", "_until_signal", "up", "--mode", "replay"),
}


class Canaries:
    """One of each secret that the settings can hold, all made up."""

    def __init__(self, folder: Path) -> None:
        self.key_file = folder / "canary-codec-keys"
        add_key(self.key_file, datetime(2026, 11, 22, tzinfo=UTC))
        self.words = {
            PRIVATE: "0x" + secrets.token_hex(32),
            RELAYER: f"relayer-{secrets.token_hex(16)}",
            POSTGRES: f"pg+{secrets.token_hex(12)}",
            REDIS: f"redis-{secrets.token_hex(12)}",
            NODES[0]: secrets.token_hex(16),
            NODES[1]: secrets.token_hex(12),
            "codec key": self.key_file.read_text().split()[-1],
        }

    def environment(self, **more: str) -> dict[str, str]:
        """Return settings that hold them."""
        http, ws = NODES
        return {
            "WHALECOPY_PRIVATE_KEY": self.words[PRIVATE],
            "WHALECOPY_RELAYER_API_KEY": self.words[RELAYER],
            "WHALECOPY_RPC_HTTP_URLS": json.dumps([f"https://rpc.example/v2/{self.words[http]}"]),
            "WHALECOPY_RPC_WS_URLS": json.dumps([f"wss://rpc.example/?key={self.words[ws]}"]),
            **more,
        }


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    return Canaries(tmp_path)


@pytest.mark.parametrize(
    ("process", "as_json"), [("worker", "true"), *((name, "false") for name in PROCESSES)]
)
def test_a_process_that_dies_of_a_bug_tells_no_secret(
    process: str, as_json: str, canaries: Canaries, tmp_path: Path
) -> None:
    """The planted bug spells out every secret; only what names none is left of it."""
    words = canaries.words
    env = canaries.environment(
        DATABASE_URL=f"postgresql://ann:{quote(words[POSTGRES], safe='')}@h/d",
        REDIS_URL=f"redis://:{words[REDIS]}@h",
        TEMPORAL_ADDRESS="127.0.0.1:9",
        WHALECOPY_CODEC_KEYS=str(canaries.key_file),
        WHALECOPY_HOME=str(tmp_path),
        WHALECOPY_LOG_JSON=as_json,
        TRADING_MODE="replay",
    )
    done = subprocess.run(
        [sys.executable, "-c", CRASH, *PROCESSES[process]],
        cwd=ROOT,
        env={**without_ours(), **env},
        capture_output=True,
        check=False,
    )
    told = done.stdout + done.stderr
    assert b"RuntimeError: a bug tells Settings(" in told, told.decode()
    assert b"[redacted]" in told
    search = Search(words)
    search.look("its last words", told)
    assert search.hits == []


SIGNER_CRASH = """
import sys
import signer.__main__ as program
async def crash(settings, key, place):
    known = (settings.database_url.get_secret_value(), key.private_key.get_secret_value())
    program.log.error("a bug tells %r %s", key, known)
    raise RuntimeError(f"a bug tells {settings!r} {key!r} {known}")
program.serve = crash
sys.exit(program.main([]))
"""


def test_a_signer_that_dies_of_a_bug_tells_no_secret(canaries: Canaries, tmp_path: Path) -> None:
    words = canaries.words
    key = tmp_path / "key"
    key.write_text(words[PRIVATE])
    key.chmod(0o400)
    env = {
        "DATABASE_URL": f"postgresql://ann:{quote(words[POSTGRES], safe='')}@h/d",
        "WHALECOPY_SIGNER_KEY_FILE": str(key),
        "WHALECOPY_SIGNER_SOCKET": str(tmp_path / "s"),
        "WHALECOPY_HOME": str(tmp_path),
        "TRADING_MODE": "replay",
    }
    command = [sys.executable, "-c", SIGNER_CRASH]
    given = {**without_ours(), **env}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, check=False)
    assert done.stderr.count(b"a bug tells") == 2, done.stderr.decode()
    assert done.stderr.count(b"[redacted]") >= 4
    search = Search(words)
    search.look("its last words", done.stdout + done.stderr)
    assert search.hits == []


def secrets_of_home(home: Path) -> Mapping[str, str]:
    """Return the secrets that a home really has."""
    user = json.loads((home / "api-user.json").read_text())
    found = {f"API {name}": user[name] for name in ("key", "secret", "passphrase")}
    for path in home.glob("paper-wallet-*.json"):
        found[path.name] = json.loads(path.read_text())["private_key"]
    return found


def test_a_play_leaves_its_wallet_s_secrets_nowhere(first_play: Ended, folder: Path) -> None:
    home = folder / "three"
    search = Search(secrets_of_home(home))
    control = Search(ONLY_IN_PAYLOADS)
    for each in (search, control):
        for place in ("temporal", "postgres", "logs"):
            each.look_at_files(home / place)
        for screen in home.parent.glob(f"{home.name}.*"):
            each.look_at_file(screen)
    assert search.hits == [], first_play.told
    assert search.seen_bytes > 1_000_000
    assert any("temporal" in hit.place for hit in control.hits), "expected to look into payloads"
    assert len(search.secrets) == 4
    assert set(modes_of_secret_files(home).values()) == {0o600}


@pytest.mark.parametrize("place", ["file", "row", "command line", "environment"])
async def test_a_planted_leak_is_found(
    place: str, canaries: Canaries, tmp_path: Path, database_url: str
) -> None:
    search = Search(canaries.words)
    leaked = canaries.words["private key"][2:].upper()
    await plant(search, place, leaked, tmp_path, database_url)
    assert {hit.secret for hit in search.hits} == {"private key"}


async def plant(search: Search, place: str, leaked: str, folder: Path, database_url: str) -> None:
    """Let one secret out at one place, and look there."""
    match place:
        case "file":
            logs = folder / "logs"
            logs.mkdir()
            (logs / "worker.log").write_text(f"{'x' * 5_000_000}{leaked}")
            search.look_at_files(logs)
        case "row":
            await leak_into(database_url, leaked)
            assert await look_at_rows(search, database_url) > 0
        case _:
            leak_into_a_process(search, leaked, is_argument=place == "command line")


def leak_into_a_process(search: Search, leaked: str, *, is_argument: bool) -> None:
    """Run a program with a secret in its command line or its environment."""
    command = [sys.executable, "-c", "input()", *([leaked] if is_argument else [])]
    env = {} if is_argument else {"KEY": leaked}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=env) as process:
        wait_until_started(process.pid)
        search.look_at_processes(descendants_of(process.pid))
        process.communicate(b"\n")


def wait_until_started(pid: int) -> None:
    """Wait until the program has replaced the one that forked."""
    for _ in range(100_000):
        if b"input()" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return
    raise AssertionError("expected a process")


async def leak_into(database_url: str, leaked: str) -> None:
    """Write a secret where an event's words are."""
    connection = await asyncpg.connect(plain_url(database_url))
    await connection.execute("CREATE TABLE leak (words bytea)")
    await connection.execute("INSERT INTO leak VALUES ($1)", leaked.lower().encode())
    await connection.close()


@asynccontextmanager
async def guarded_valkey(folder: Path, password: str) -> AsyncIterator[str]:
    """A Valkey that wants a password."""
    (folder / "logs").mkdir(parents=True)
    supervisor = Supervisor(SupervisorSettings(folder / "logs"), lambda _event: None)
    await supervisor.open()
    try:
        service, url = valkey_service(folder)
        await supervisor.start(service)
        client = Redis.from_url(url)
        await client.config_set("requirepass", password)
        await client.aclose()
        yield f"{url}{'&' if '?' in url else '?'}password={password}"
    finally:
        await supervisor.stop()


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("tape", "is_encrypted"),
    [("still", True), ("still", False), ("shipped", True)],
    ids=["codec", "plain", "whole"],
)
async def test_a_whole_run_with_faults_leaves_planted_secrets_nowhere(
    tape: str,
    is_encrypted: bool,
    canaries: Canaries,
    folder: Path,
    still_words: Sequence[str],
    database_server: DatabaseServer,
    empty_database_url: str,
) -> None:
    words = canaries.words
    home = folder / f"{tape}-{'sealed' if is_encrypted else 'open'}"
    played = still_words if tape == "still" else ("--speed", "20")
    password = quote(words[POSTGRES], safe="")
    database_url = empty_database_url.replace("postgres@", f"postgres:{password}@")
    codec = {"WHALECOPY_CODEC_KEYS": str(canaries.key_file)} if is_encrypted else {}
    async with guarded_valkey(folder / f"v-{home.name}", words[REDIS]) as redis_url:
        env = canaries.environment(DATABASE_URL=database_url, REDIS_URL=redis_url, **codec)
        run = Run(home, *played, env=env)
        try:
            search = Search(words)
            await run.until(lambda: run.is_over or "Temporal UI" in run.told(), 300, "a stack")
            assert not run.is_over, run.explain()
            search = Search({**words, **secrets_of_home(home), **token_of(home)})
            await look_while_it_runs(search, run, empty_database_url)
            ended = await run.ended(WHOLE_TAPE_S)
        finally:
            run.stop()
    rows = await look_at_rows(search, empty_database_url)
    search.look_at_files(home)
    search.look("its screen", ended.told.encode())
    control = Search(ONLY_IN_PAYLOADS)
    control.look_at_files(home / "temporal")
    assert search.hits == []
    assert_balanced(ended)
    assert ended.number("signals_terminal") >= 1, ended.told
    assert rows > 20
    assert len(search.secrets) == (11 if is_encrypted else 10)
    assert bool(control.hits) is not is_encrypted


def token_of(home: Path) -> Mapping[str, str]:
    """Return the codec server's token, if there is one."""
    path = home / "codec-token"
    return {"codec token": path.read_text()} if path.exists() else {}


async def look_while_it_runs(search: Search, run: Run, database_url: str) -> None:
    """Look at what lives, while everybody's database connection is cut again and again."""
    page = run.address("dashboard")
    cut = counted = shown = 0
    give_up_at = time.monotonic() + LOOK_S
    while not run.is_over and not await count_rows(database_url, "orders"):
        assert time.monotonic() < give_up_at, run.explain()
    while not run.is_over and (cut < CUTS or counted < CUTS or shown < PAGES_SEEN):
        assert time.monotonic() < give_up_at, (cut, counted, shown, run.explain())
        cut += await cut_sessions(database_url) > 0
        pids = list(descendants_of(run.pid))
        counted += await look_at_metrics(search, pids)
        shown += await look_at_pages(search, page)
        search.look_at_processes(pids, MAY_HOLD)
    assert min(cut, counted) >= 1
    assert shown >= 1
