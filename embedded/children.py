"""One process of a service, from its start through the shim until it is reaped."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from embedded.logs import open_log
from embedded.services import Service

SHIM = Path(__file__).with_name("shim.py")
POLL_FIRST_S = 0.01
POLL_MAX_S = 0.2
READY_CALL_TIMEOUT_S = 5.0


def shim_command(command: tuple[str, ...], stop_signal: int, user: str | None) -> tuple[str, ...]:
    """Wrap a command so that it leads its own group and gets `stop_signal` when we die."""
    parent = (str(os.getpid()), str(int(stop_signal)), user or "")
    return (sys.executable, "-I", "-S", str(SHIM), *parent, *command)


class Child:
    """A running process of a service; its pid is also the id of its process group."""

    def __init__(self, service: Service, process: asyncio.subprocess.Process) -> None:
        self._service = service
        self._process = process

    @property
    def pid(self) -> int:
        """Process id, which execs keep: shim, setpriv and the program are one process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not been reaped yet."""
        return self._process.returncode is None

    async def become_ready(self) -> bool:
        """Poll the service until it is ready; False when it died or took too long."""
        exited = asyncio.ensure_future(self._process.wait())
        try:
            async with asyncio.timeout(self._service.ready_timeout_s):
                return await self._poll(exited)
        except TimeoutError:
            return False
        finally:
            exited.cancel()

    async def wait(self) -> int:
        """Wait for the end; whatever else lives in its group is killed then.

        Returns:
            The exit code, negative for a signal.
        """
        code = await self._process.wait()
        self._send(signal.SIGKILL)
        return code

    async def stop(self) -> int:
        """Ask the group to stop, kill it after the service's time is over, and reap it."""
        self._send(self._service.stop_signal)
        # No asyncio.timeout: before Python 3.11.4 it fails in a task that is being cancelled.
        exited = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait([exited], timeout=self._service.stop_timeout_s)
            if not exited.done():
                self._send(signal.SIGKILL)
            return await exited
        finally:
            exited.cancel()

    async def kill(self) -> int:
        """Kill the group and reap it."""
        self._send(signal.SIGKILL)
        return await self.wait()

    async def _poll(self, exited: "asyncio.Future[int]") -> bool:
        delay_s = POLL_FIRST_S
        while not exited.done():
            asking = asyncio.ensure_future(_ask(self._service))
            either: list[asyncio.Future[int] | asyncio.Future[bool]] = [exited, asking]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if asking.done() and asking.result() and not exited.done():
                    return True
            finally:
                asking.cancel()
            await asyncio.wait([exited], timeout=delay_s)
            delay_s = min(delay_s * 1.5, POLL_MAX_S)
        return False

    def _send(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            # Until the shim leads its own group there is only the process to signal.
            if self.is_running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
        except PermissionError:  # macOS answers so for a group of zombies
            return


async def spawn_child(service: Service, log_path: Path) -> Child:
    """Start the service's process.

    Must be called from a thread that lives as long as the process: Linux sends the death signal
    when that thread ends.

    Raises:
        OSError: no process, no log file, no space.
    """
    if service.before_start is not None:
        service.before_start()
    log = open_log(log_path)
    try:
        process = await asyncio.create_subprocess_exec(
            *shim_command(service.command, service.stop_signal, service.user),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(service.env),
            cwd=service.cwd,
        )
    finally:
        os.close(log)
    return Child(service, process)


async def _ask(service: Service) -> bool:
    try:
        async with asyncio.timeout(READY_CALL_TIMEOUT_S):
            return await service.ready()
    except (OSError, TimeoutError):
        return False
