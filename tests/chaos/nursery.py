"""Keeps workers and listeners alive through the zygote, and knows their process ids."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0
POLL_S = 0.05
LAST_WORDS = 2_000


class NurseryError(Exception):
    """A child or the zygote is not as expected; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a child; negative codes are signals."""

    name: str
    pid: int
    code: int


@dataclass(slots=True)
class Nursery:
    """The children by name, and every end that was seen."""

    process: asyncio.subprocess.Process
    log_dir: Path
    pids: dict[str, int] = field(default_factory=dict)
    deaths: list[Death] = field(default_factory=list)

    def start(self, name: str, program: str, env: Mapping[str, str], before: str = "") -> None:
        """Start a child and keep it running; `before` is `module:function`, called in it first."""
        self._say(
            {
                "start": name,
                "program": program,
                "env": dict(env),
                "log": str(self.log(name)),
                "before": before,
            }
        )

    def stop(self, name: str) -> None:
        """Kill a child for good."""
        self._say({"stop": name})
        self.pids.pop(name, None)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a child a signal and return its pid, None while it is between two lives."""
        pid = self.pids.get(name)
        if pid is None:
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    def log(self, name: str) -> Path:
        """Return a child's log file."""
        return self.log_dir / f"{name}.log"

    async def until_said(self, name: str, words: str) -> None:
        """Wait until a child's log has some words."""
        await self._until(lambda: words in self._told(name), f"{words!r} in the log of {name}")

    async def listen(self) -> None:
        """Take in what the zygote says, until it ends."""
        assert self.process.stdout is not None
        names: dict[int, str] = {}
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            if "started" in said:
                self.pids[said["started"]] = said["pid"]
                names[said["pid"]] = said["started"]
            elif "ended" in said:
                name = names.pop(said["ended"], "?")
                if self.pids.get(name) == said["ended"]:
                    del self.pids[name]
                self.deaths.append(Death(name, said["ended"], said["code"]))

    def _say(self, words: Mapping[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")

    def _told(self, name: str) -> str:
        path = self.log(name)
        return path.read_text(errors="replace") if path.exists() else ""

    async def _until(self, is_so: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(READY_S):
                while not is_so():  # noqa: ASYNC110 - a log file sets no event
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            told = "\n".join(f"{p.name}: {p.read_text()[-LAST_WORDS:]}" for p in self._logs())
            raise NurseryError(f"expected {what} within {READY_S:g} s; {told}") from error

    def _logs(self) -> list[Path]:
        return sorted(self.log_dir.glob("*.log"))


@asynccontextmanager
async def open_nursery(log_dir: Path) -> AsyncIterator[Nursery]:
    """Start a zygote; at the end, or if we are killed, it and all its children are gone."""
    errors = (log_dir / "zygote.log").open("ab")
    with errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.zygote", str(log_dir)),  # names whose it is
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            start_new_session=True,
        )
    nursery = Nursery(process, log_dir)
    listening = asyncio.create_task(nursery.listen())
    try:
        yield nursery
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await listening
