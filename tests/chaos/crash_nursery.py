"""Talks to the process that forks workers, and knows which of them still live."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.crash_traps import Orders

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0


@dataclass(slots=True)
class Child:
    """A forked process; `code` is its exit status, negative for a signal, once it ended."""

    pid: int
    log: Path
    code: "asyncio.Future[int]" = field(repr=False)

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.code.done()

    async def wait(self) -> int:
        """Wait for its end and return its exit status."""
        return await asyncio.shield(self.code)

    async def kill(self) -> int:
        """Kill it as a power cut does and wait for its end."""
        if not self.is_over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return await self.wait()

    def told(self, characters: int = 4_000) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""


class Nursery:
    """Forks workers and listeners within milliseconds; all end with it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._asked: asyncio.Queue[int] = asyncio.Queue()
        self._children: dict[int, Child] = {}
        self._early: dict[int, int] = {}
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Start it and wait until everything is imported."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.crash_zygote"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(READY_S):
            await self._asked.get()

    async def fork(
        self,
        program: str,
        env: Mapping[str, str],
        log: Path,
        words: Sequence[str] = (),
        orders: Orders | None = None,
    ) -> Child:
        """Start a program with an environment of its own; its words go to `log`."""
        assert self._process is not None, "open it first"
        assert self._process.stdin is not None, "it listens"
        asked = {
            "program": program,
            "words": list(words),
            "env": dict(env),
            "log": str(log),
            "orders": None if orders is None else asdict(orders),
        }
        async with self._turn, asyncio.timeout(READY_S):
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            pid = await self._asked.get()
            child = Child(pid, log, asyncio.get_running_loop().create_future())
            self._children[pid] = child
            if pid in self._early:
                child.code.set_result(self._early.pop(pid))
        return child

    def find(self, log: Path) -> Child:
        """Return the living process that writes to a log."""
        (child,) = [c for c in self._children.values() if c.log == log and not c.is_over]
        return child

    async def close(self) -> None:
        """End everything it ever started."""
        if self._process is None or self._reading is None:
            return
        for child in self._children.values():
            await child.kill()
        assert self._process.stdin is not None, "it listens"
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process is not None, "open it first"
        assert self._process.stdout is not None, "it speaks"
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            if "ended" not in told:
                self._asked.put_nowait(told.get("pid", 0))
            elif told["ended"] in self._children:
                self._children[told["ended"]].code.set_result(told["code"])
            else:
                self._early[told["ended"]] = told["code"]
