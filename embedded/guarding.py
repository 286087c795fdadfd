"""The supervisor's end of the guard: starts it, tells it of children, replaces it when it dies."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
STOP_TIMEOUT_S = 2.0
RESTART_DELAY_S = 0.1


class Guard:
    """A process that outlives the supervisor and ends what it leaves behind.

    Args:
        inherited_fds: descriptors the guard keeps open for as long as it lives (the state lock).
    """

    def __init__(self, inherited_fds: tuple[int, ...] = ()) -> None:
        self._inherited_fds = inherited_fds
        self._groups: dict[int, int] = {}
        self._pipe = -1
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The guard's process id while it runs."""
        return None if self._process is None else self._process.pid

    async def open(self) -> None:
        """Start the guard; call before any child is started."""
        self._process = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(self._process), name="guard")

    async def close(self) -> None:
        """Let the guard go, once every child is stopped and taken back."""
        if self._keeper is None or self._process is None:
            return
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        self._drop_pipe()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        self._keeper = self._process = None

    def add(self, group: int, stop_signal: int) -> None:
        """Name a process group to end when the supervisor dies, and how to ask it to stop."""
        self._groups[group] = stop_signal
        self._tell(f"+{group} {stop_signal}\n")

    def take_back(self, group: int) -> None:
        """Forget a group whose leader has been reaped, before its number is used again."""
        del self._groups[group]
        self._tell(f"-{group}\n")

    async def _spawn(self) -> asyncio.subprocess.Process:
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(GUARD)),
                stdin=reading,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                pass_fds=self._inherited_fds,
                start_new_session=True,
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        self._pipe = writing
        return process

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        while True:
            await process.wait()
            self._drop_pipe()
            await asyncio.sleep(RESTART_DELAY_S)
            self._process = process = await self._spawn()
            for group, stop_signal in self._groups.items():
                self._tell(f"+{group} {stop_signal}\n")

    def _tell(self, line: str) -> None:
        # A write to a dead guard is no loss: its successor is told of every group again.
        with contextlib.suppress(BrokenPipeError):
            if self._pipe >= 0:
                os.write(self._pipe, line.encode())

    def _drop_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = -1
