"""Planted secrets turn up nowhere: not in what a stack keeps, tells, serves or dies of."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from storage.database import plain_url
from storage.migrate import migrate
from storage.roles import give_roles
from tests.certificates import Certificates, make_certificates
from tests.end_to_end.a_run import POLL_S, ROOT, Ended, Run
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
from tests.end_to_end.canary_words import (
    ALWAYS,
    CODEC,
    MAY_HOLD,
    PRIVATE,
    REDIS,
    SIGNATURES,
    Canaries,
    Words,
    plant_api_user,
    secrets_of_home,
    signatures_of,
)
from tests.end_to_end.guarded_servers import guarded_servers
from tests.end_to_end.test_replay import assert_balanced
from tests.servers import DatabaseServer

LOOK_S = 300.0
CUTS = 5
PAGES_SEEN = 40
ONLY_IN_PAYLOADS = {"a step of every trade": "worth copying?"}
WHOLE_TAPE_S = 3_600.0
CRASH = """
import asyncio, importlib, runpy, sys
from account import load_account
from codec_server import make_token
from exchange.secret import secrets_of_url
from settings import load_settings
from temporal_access import read_keys
module = importlib.import_module(sys.argv[1])
settings = load_settings()
keys, user = read_keys(settings.temporal_keys), load_account(settings).user.credentials
token = make_token(settings.home).get_secret_value()
kept = (user.key, user.secret.get_secret_value(), user.passphrase.get_secret_value())
def crash(*words, **more):
    everything = [str(settings.database_url), str(settings.redis_url), *settings.secrets]
    urls = (settings.rpc_http_urls[0] + "", settings.signer_database_url + "")
    everything += [*urls, *(word for url in urls for word in secrets_of_url(url))]
    everything += [keys, keys.tls, keys.api_key, *kept, token]
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


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def canaries(tmp_path: Path, certificates: Certificates) -> Canaries:
    return Canaries(tmp_path, certificates)


@pytest.mark.parametrize(
    ("process", "as_json"), [("worker", "true"), *((name, "false") for name in PROCESSES)]
)
def test_a_process_that_dies_of_a_bug_tells_no_secret(
    process: str, as_json: str, canaries: Canaries, tmp_path: Path
) -> None:
    """The planted bug spells out every secret; only what names none is left of it."""
    plant_api_user(tmp_path)
    env = canaries.environment(
        **canaries.logins("postgresql://postgres@h/d"),
        REDIS_URL=f"redis://:{canaries.words[REDIS]}@h",
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
    search = Search({**canaries.all_words, **secrets_of_home(tmp_path)})
    assert search.secrets.keys() == {*ALWAYS, *CODEC} - {SIGNATURES}
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
        **canaries.logins("postgresql://postgres@h/d"),
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
    search = Search(canaries.all_words)
    search.look("its last words", done.stdout + done.stderr)
    assert search.hits == []


def test_a_play_leaves_its_wallet_s_secrets_nowhere(first_play: Ended, folder: Path) -> None:
    home = folder / "three"
    search = Search({**secrets_of_home(home), SIGNATURES: signatures_of(home)})
    control = Search(ONLY_IN_PAYLOADS)
    for each in (search, control):
        for place in ("temporal", "postgres", "logs"):
            each.look_at_files(home / place)
        for screen in home.parent.glob(f"{home.name}.*"):
            each.look_at_file(screen)
    assert search.hits == [], first_play.told
    assert search.seen_bytes > 1_000_000
    assert any("temporal" in hit.place for hit in control.hits), "expected to look into payloads"
    assert len(search.secrets) == 5
    assert search.secrets[SIGNATURES]
    assert set(modes_of_secret_files(home).values()) == {0o600}


@pytest.mark.parametrize("place", ["file", "row", "command line", "environment"])
async def test_a_planted_leak_is_found(
    place: str, canaries: Canaries, tmp_path: Path, database_url: str
) -> None:
    search = Search(canaries.all_words)
    leaked = canaries.words[PRIVATE][2:].upper()
    await plant(search, place, leaked, tmp_path, database_url)
    assert {hit.secret for hit in search.hits} == {PRIVATE}


def test_a_leak_of_each_secret_is_found_whichever_of_its_words_it_is(
    canaries: Canaries, tmp_path: Path
) -> None:
    plant_api_user(tmp_path)
    planted = {**canaries.all_words, **secrets_of_home(tmp_path), SIGNATURES: ("0" * 62, "a1" * 31)}
    for name, words in planted.items():
        for word in (words,) if isinstance(words, str) else words:
            search = Search(planted)
            search.look("a log", f"an innocent line, and then {word}".encode())
            assert {hit.secret for hit in search.hits} == {name}


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
    home = folder / f"{tape}-{'sealed' if is_encrypted else 'open'}"
    played = still_words if tape == "still" else ("--speed", "20")
    await migrate(empty_database_url)
    await give_roles(empty_database_url)
    codec = {"WHALECOPY_CODEC_KEYS": str(canaries.key_file)} if is_encrypted else {}
    beside = folder / f"v-{home.name}"
    passwords = (canaries.words[REDIS], canaries.certificates)
    async with guarded_servers(beside, *passwords) as guarded:
        env = canaries.environment(
            **canaries.logins(empty_database_url),
            REDIS_URL=guarded.redis_url,
            TEMPORAL_ADDRESS=guarded.temporal_address,
            **codec,
        )
        run = Run(home, *played, env=env)
        try:
            await run.until(lambda: run.is_over or "Temporal UI" in run.told(), 300, "a stack")
            assert not run.is_over, run.explain()
            search = Search(known_words(canaries, home, is_encrypted=is_encrypted))
            await look_while_it_runs(search, run, empty_database_url)
            ended = await run.ended(WHOLE_TAPE_S)
        finally:
            run.stop()
    search.secrets = known_words(canaries, home, is_encrypted=is_encrypted)
    rows = await look_at_rows(search, empty_database_url)
    control = Search(ONLY_IN_PAYLOADS)
    control.look_at_files(beside / "temporal")
    for place in (home, beside / "temporal", beside / "logs"):
        search.look_at_files(place)
    search.look("its screen", ended.told.encode())
    assert search.hits == []
    assert_balanced(ended)
    assert ended.number("signals_terminal") >= 1, ended.told
    assert rows > 20
    assert search.secrets.keys() == {*ALWAYS, *(CODEC if is_encrypted else ())}
    assert len(ALWAYS) == 14
    assert len(search.secrets[SIGNATURES]) == ended.number("orders_venue")
    assert bool(control.hits) is not is_encrypted


def known_words(canaries: Canaries, home: Path, *, is_encrypted: bool) -> Words:
    """Return all that was planted, and what the home and the local venue have made themselves."""
    found = {**canaries.all_words, **secrets_of_home(home), SIGNATURES: signatures_of(home)}
    return found if is_encrypted else {n: word for n, word in found.items() if n not in CODEC}


async def look_while_it_runs(search: Search, run: Run, database_url: str) -> None:
    """Look at what lives, while everybody's database connection is cut again and again."""
    page = run.address("dashboard")
    cut = counted = shown = 0
    give_up_at = time.monotonic() + LOOK_S
    while not run.is_over and not await count_rows(database_url, "orders"):
        assert time.monotonic() < give_up_at, run.explain()
        await asyncio.sleep(POLL_S)  # Temporal is reached through this loop
    while not run.is_over and (cut < CUTS or counted < CUTS or shown < PAGES_SEEN):
        assert time.monotonic() < give_up_at, (cut, counted, shown, run.explain())
        cut += await cut_sessions(database_url) > 0
        pids = list(descendants_of(run.pid))
        counted += await look_at_metrics(search, pids)
        shown += await look_at_pages(search, page)
        search.look_at_processes(pids, MAY_HOLD)
        search.secrets = {**search.secrets, SIGNATURES: signatures_of(run.home)}
    assert min(cut, counted, shown) >= 1, run.explain()
