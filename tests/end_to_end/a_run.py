"""Runs `whalecopy up` as a person does, in a process of its own, and looks at it from outside."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import aiohttp
from temporalio.service import RPCError

ROOT = Path(__file__).resolve().parents[2]
OURS = ("WHALECOPY_", "DATABASE_URL", "REDIS_URL", "TEMPORAL_", "TRADING_MODE", "LIVE_TRADING")
POLL_S = 0.1
READY_S = 90.0  # a busy machine starts slowly
RUN_S = 240.0
LOG_TAIL = 3_000  # characters of each log that a failure shows

TIMEOUT = aiohttp.ClientTimeout(total=10)

Orders = Sequence[Mapping[str, str]]
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: its exit status, the report it printed, and all it told."""

    status: int
    report: Mapping[str, object]
    told: str

    def number(self, name: str) -> int:
        """Return a count of the report."""
        found = self.report.get(name)
        assert isinstance(found, int), f"expected {name} in the report\n{self.told}"
        return found

    def text(self, name: str) -> str:
        """Return a text of the report."""
        found = self.report.get(name)
        assert isinstance(found, str), f"expected {name} in the report\n{self.told}"
        return found


class Run:
    """One `whalecopy up --mode replay --until-done --json` on a home of its own."""

    def __init__(self, home: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.started_at = datetime.now(UTC)
        self.venue_url = ""  # both are known once it plays
        self.temporal_address = ""
        home.parent.mkdir(parents=True, exist_ok=True)
        self._out = home.with_name(f"{home.name}.{time.monotonic_ns()}.out")
        self._err = self._out.with_suffix(".err")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        clean.pop("PYTHONDONTWRITEBYTECODE", None)
        for_tests = {
            "WHALECOPY_DASHBOARD_PORT": "0",  # another stack may be after the usual one
        }
        command = [sys.executable, str(ROOT / "cli.py"), "up", "--mode", "replay"]
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                [*command, "--until-done", "--json", *words],
                env={**clean, **for_tests, "WHALECOPY_HOME": str(home), **(env or {})},
                cwd=home.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def pid(self) -> int:
        """Return the process id of `whalecopy up` itself."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Tell whether the process has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill `whalecopy up` itself as a power cut does to one process."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it the polite way, for a test that is over early."""
        if not self.is_over:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(READY_S)

    async def ended(self, deadline_s: float = RUN_S) -> Ended:
        """Wait for the end and return the report."""
        await self.until(lambda: self.is_over, deadline_s, "the run's end")
        lines = self._out.read_text().splitlines()
        report = json.loads(lines[-1]) if lines else {}
        return Ended(self._process.returncode, report, self.explain())

    async def until(
        self, look: Callable[[], _Found | None], deadline_s: float, what: str
    ) -> _Found:
        """Look until something true is found; fail with all the run told."""
        give_up_at = time.monotonic() + deadline_s
        while not (found := look()):
            is_late = time.monotonic() > give_up_at
            assert not is_late, f"expected {what} within {deadline_s} s\n{self.explain()}"
            await asyncio.sleep(POLL_S)
        return found

    async def until_playing(self) -> None:
        """Wait until everything answers and the addresses have been printed."""
        await self.until(lambda: self.is_over or "Temporal UI" in self.told(), READY_S, "a stack")
        assert not self.is_over, self.explain()
        (worker,) = self.pids("worker.py")
        given = environment_of(worker)
        self.venue_url = given["WHALECOPY_CLOB_URL"]
        self.temporal_address = given["TEMPORAL_ADDRESS"]

    def told(self) -> str:
        """Return what was told on the screen so far."""
        return self._err.read_text(errors="replace")

    def address(self, label: str) -> str:
        """Return an address that was printed after `label`."""
        found = re.search(rf"{label}\s+(http://\S+)", self.told())
        assert found is not None, f"expected {label}\n{self.explain()}"
        return found[1]

    def pids(self, word: str = "") -> Sequence[int]:
        """Return the processes of this home, those with a word in their command line."""
        return [pid for pid in processes_of(self.home) if word in command_of(pid)]

    async def orders(self) -> Orders:
        """Return every order the venue knows, of all plays on this home, oldest first."""
        url = f"{self.venue_url}/_paper/orders"
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            found: Orders = await answer.json()
        return found

    async def until_ordered(self, known: int = 0) -> Orders:
        """Wait until the venue knows more than `known` orders, and return them."""
        give_up_at = time.monotonic() + READY_S
        while len(orders := await self.orders()) <= known:
            is_late = self.is_over or time.monotonic() > give_up_at
            assert not is_late, f"expected an order\n{self.explain()}"
            await asyncio.sleep(POLL_S)
        return orders

    async def last(self, look: Callable[[], Awaitable[_Found]]) -> _Found:
        """Look again and again until the run stops, and return what was seen last."""
        seen = await look()
        while not self.is_over and "stopping" not in self.told():
            await asyncio.sleep(POLL_S)
            with contextlib.suppress(aiohttp.ClientError, RPCError, TimeoutError):
                seen = await look()
        return seen

    def explain(self) -> str:
        """Return the screen and the ends of all logs, for a failure."""
        logs = sorted((self.home / "logs").glob("*")) if self.home.exists() else []
        parts = [f"status {self._process.poll()}", self.told(), self._out.read_text()]
        parts += [f"—— {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL:]}" for log in logs]
        return "\n".join(parts)


def processes_of(home: Path) -> Iterator[int]:
    """Yield living processes that name a home in their command line or environment."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        names = (command_of(pid), environment_of(pid).get("WHALECOPY_HOME", ""))
        if any(str(home) in name for name in names):
            yield pid


def command_of(pid: int) -> str:
    """Return a process's command line, "" for one that is gone."""
    return _read(pid, "cmdline").replace("\0", " ")


def environment_of(pid: int) -> Mapping[str, str]:
    """Return a process's environment, empty for one that is gone."""
    pairs = (line.partition("=") for line in _read(pid, "environ").split("\0"))
    return {name: setting for name, _, setting in pairs}


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except OSError:
        return ""
