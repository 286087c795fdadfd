"""Looks for secrets wherever a stack leaves something: files, rows, pages, command lines."""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import aiohttp
import asyncpg

from scrubbing import spellings_of
from storage.database import plain_url
from tests.end_to_end.a_run import TIMEOUT, command_of, environment_of

CHUNK_BYTES = 4 * 1024 * 1024
KEPT_FOR_US = frozenset(
    {"api-user.json", "addresses.json", "codec-keys", "codec-token", "codec-url"}
)
"""Files of a home whose only purpose is to hold a secret; their mode is checked instead."""
_MADE_FOR_SECRETS = ("paper-wallet-", "venue.db")  # the local venue knows the keys it gave out
_PAGES = (
    *("/", "/api/status", "/api/positions", "/api/trades", "/api/orders", "/api/risk"),
    *("/api/feeds", "/api/equity", "/api/pnl", "/api/reviews", "/api/events", "/api/kills"),
    *("/metrics", "/healthz", "/readyz", "/nothing-here", "/api/trades?whale=x"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret that was found, by its name, and where."""

    secret: str
    place: str


@dataclass(slots=True)
class Search:
    """Secrets by name; finds each in any spelling, and remembers how much it has seen.

    A name may stand for several words, each of which is a hit.
    """

    secrets: Mapping[str, str | Sequence[str]]
    seen_bytes: int = 0
    hits: list[Hit] = field(default_factory=list)

    def look(self, place: str, found: bytes) -> None:
        """Look through one thing."""
        self.seen_bytes += len(found)
        lower = found.lower()
        for name, needles in self._needles.items():
            if any(needle in lower for needle in needles):
                self.hits.append(Hit(name, place))

    def look_at_file(self, path: Path) -> None:
        """Look through a file, in pieces that overlap; one that has gone is passed over."""
        overlap = max(len(needle) for needles in self._needles.values() for needle in needles)
        try:
            with path.open("rb") as file:
                tail = b""
                while piece := file.read(CHUNK_BYTES):
                    self.look(str(path), tail + piece)
                    tail = piece[-overlap:]
        except (FileNotFoundError, PermissionError):
            return

    def look_at_files(self, folder: Path) -> None:
        """Look through everything below a folder but the files that are made for secrets."""
        for path in sorted(folder.rglob("*")):
            is_made_for_it = path.name in KEPT_FOR_US or path.name.startswith(_MADE_FOR_SECRETS)
            if path.is_file() and not is_made_for_it:
                self.look_at_file(path)

    def look_at_processes(
        self, pids: Iterable[int], may_hold: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Look at command lines, and at environments for all but what a process may hold."""
        for pid in pids:
            command = command_of(pid)
            self.look(f"command line of {pid}", command.encode())
            allowed = [names for word, names in (may_hold or {}).items() if word in command]
            kept = {name for names in allowed for name in names}
            others = {name: word for name, word in self.secrets.items() if name not in kept}
            environment = Search(others)
            environment.look(
                f"environment of {command}", "\0".join(environment_of(pid).values()).encode()
            )
            self.hits += environment.hits

    @property
    def _needles(self) -> Mapping[str, Sequence[bytes]]:
        return {name: _spelled(_words(secret)) for name, secret in self.secrets.items()}


def _words(secret: str | Sequence[str]) -> tuple[str, ...]:
    return (secret,) if isinstance(secret, str) else tuple(secret)


@cache
def _spelled(words: tuple[str, ...]) -> Sequence[bytes]:
    spellings = {spelling.lower() for word in words for spelling in spellings_of(word)}
    return [spelling.encode() for spelling in sorted(spellings)]


async def look_at_rows(search: Search, database_url: str) -> int:
    """Look through every row of every table; return how many there are."""
    connection = await asyncpg.connect(plain_url(database_url))
    rows = 0
    try:
        names = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for found in names:
            for row in await connection.fetch(f"SELECT t::text AS words FROM {found['name']} t"):
                rows += 1
                search.look(f"table {found['name']}", row["words"].encode())
    finally:
        await connection.close()
    return rows


async def look_at_pages(search: Search, url: str) -> int:
    """Look through the dashboard's answers; return how many it gave."""
    answered = 0
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for path in _PAGES:
            with contextlib.suppress(aiohttp.ClientError):  # it may just be starting again
                async with session.get(url + path) as answer:
                    head = repr(dict(answer.headers)).encode()
                    search.look(f"page {path}", head + await answer.read())
                    answered += 1
    return answered


async def look_at_metrics(search: Search, pids: Iterable[int]) -> int:
    """Look through what the processes count; return how many answered."""
    answered = 0
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for pid in pids:
            port = environment_of(pid).get("WHALECOPY_METRICS_PORT", "0")
            if port == "0":
                continue
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    search.look(f"metrics of {command_of(pid)}", await answer.read())
                    answered += 1
    return answered


def descendants_of(pid: int) -> Iterator[int]:
    """Yield a process and all that it started, found as everybody can find them."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += parents.get(found, [])


def modes_of_secret_files(home: Path) -> Mapping[str, int]:
    """Return the mode of every file of a home that is made to hold a secret."""
    names = re.compile(r"api-user\.json|addresses\.json|codec-.*|paper-wallet-.*")
    return {
        path.name: path.stat().st_mode & 0o777
        for path in home.iterdir()
        if names.fullmatch(path.name)
    }


async def count_rows(database_url: str, table: str) -> int:
    """Return how many rows a table has."""
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


async def cut_sessions(database_url: str) -> int:
    """End every session of a database, so that everybody's next statement fails."""
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        ended = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    finally:
        await connection.close()
    return len(ended)


def without_ours() -> dict[str, str]:
    """Return this process's environment without settings of ours."""
    ours = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)}
