"""Keeps one service alive: starts its process, waits, reports, starts it again."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from embedded.children import Child, spawn_child
from embedded.errors import ServiceFailedError
from embedded.guarding import Guard
from embedded.logs import log_size, tail_log
from embedded.restarts import RestartBudget
from embedded.services import OnEvent, ProcessEvent, ProcessEventKind, Service


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the keepers of one supervisor share."""

    guard: Guard
    on_event: OnEvent
    log_dir: Path


class Keeper:
    """The one owner of a service's process; cancel `run` to stop the service in good order."""

    def __init__(self, service: Service, budget: RestartBudget, around: Surroundings) -> None:
        self.service = service
        self.log_path = around.log_dir / f"{service.name}.log"
        self.child: Child | None = None
        self.first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._budget = budget
        self._around = around
        self._log_start = 0

    async def run(self) -> None:
        """Run the service until cancelled.

        Raises:
            ServiceFailedError: it did not become ready at first, or died too often later.
            OSError: its process could not be started.
        """
        kind = ProcessEventKind.STARTED
        while True:
            code = await self._run_once(kind)
            delay_s = self._budget.next_delay_s(asyncio.get_running_loop().time())
            if delay_s is None:
                raise self._too_many_deaths(code)
            await asyncio.sleep(delay_s)
            kind = ProcessEventKind.RESTARTED

    async def _run_once(self, kind: ProcessEventKind) -> int:
        self._log_start = log_size(self.log_path)
        self.child = child = await spawn_child(self.service, self.log_path)
        self._around.guard.add(child.pid, self.service.stop_signal)
        try:
            self._tell(kind, child)
            is_late = not await self._get_ready(child)
            code = await (child.kill() if is_late else child.wait())
            self._tell(ProcessEventKind.DIED, child, code, self._lateness(is_late))
        except BaseException:
            self._tell(ProcessEventKind.STOPPED, child, await child.stop())
            raise
        finally:
            self.child = None
            self._around.guard.take_back(child.pid)
        self._refuse_failed_start(code, is_late)
        return code

    async def _get_ready(self, child: Child) -> bool:
        if await child.become_ready():
            self._tell(ProcessEventKind.READY, child)
            if not self.first_ready.done():
                self.first_ready.set_result(None)
            return True
        return not child.is_running

    def _refuse_failed_start(self, code: int, is_late: bool) -> None:  # noqa: FBT001
        # A first start that is killed from outside is tried again; one that gives up is an answer.
        if self.first_ready.done() or (code < 0 and not is_late):
            return
        reason = self._lateness(is_late) or f"ended with exit code {code}"
        raise ServiceFailedError(f"{self.service.name} did not start: {reason}{self._words()}")

    def _too_many_deaths(self, code: int) -> ServiceFailedError:
        policy = self._budget.policy
        return ServiceFailedError(
            f"{self.service.name} died more than {policy.restarts_max} times in "
            f"{policy.window_s:g} s, the last time with exit code {code}{self._words()}"
        )

    def _lateness(self, is_late: bool) -> str:  # noqa: FBT001
        return f"not ready within {self.service.ready_timeout_s:g} s" if is_late else ""

    def _words(self) -> str:
        words = tail_log(self.log_path, self._log_start)
        return f"; the end of {self.log_path}:\n{words}" if words else f"; see {self.log_path}"

    def _tell(
        self, kind: ProcessEventKind, child: Child, code: int | None = None, detail: str = ""
    ) -> None:
        self._around.on_event(ProcessEvent(kind, self.service.name, child.pid, code, detail))
