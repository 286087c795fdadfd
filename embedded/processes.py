"""Keeps children alive, stops them in order, and leaves none behind."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from embedded.errors import EmbeddedError, ServiceFailedError
from embedded.guarding import Guard
from embedded.keeping import Keeper, Surroundings
from embedded.logs import rotate_log
from embedded.restarts import RestartBudget, RestartPolicy
from embedded.services import OnEvent, Service, Stage, log_event

ROTATE_EVERY_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """What a supervisor needs to know.

    Attributes:
        log_dir: existing directory; each service writes `<name>.log` there.
        policy: how often a service may be restarted.
        inherited_fds: descriptors that stay open until the last child is gone.
    """

    log_dir: Path
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    inherited_fds: tuple[int, ...] = ()


@dataclass(slots=True)
class _Kept:
    keeper: Keeper
    task: "asyncio.Task[None]"
    is_stopping: bool = False


class Supervisor:
    """Starts services, restarts what dies, stops all in stages.

    Use it from one event loop in the main thread. When a service dies too often everything is
    stopped and `wait_failed` tells why. If this process is killed, the kernel (Linux) and the
    guard end the children.
    """

    def __init__(self, settings: SupervisorSettings, on_event: OnEvent = log_event) -> None:
        self._settings = settings
        self._guard = Guard(settings.inherited_fds)
        self._around = Surroundings(self._guard, on_event, settings.log_dir)
        self._rng = random.Random()  # noqa: S311 - it spreads restarts and guards no secret
        self._kept: dict[str, _Kept] = {}
        self._failure: asyncio.Future[EmbeddedError] | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._stop_lock = asyncio.Lock()
        self._is_open = False

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every running service by name, and of the guard."""
        children = {name: kept.keeper.child for name, kept in self._kept.items()}
        pids = {name: child.pid for name, child in children.items() if child is not None}
        return pids if self._guard.pid is None else pids | {"guard": self._guard.pid}

    async def open(self) -> None:
        """Start the guard; call once, before the first service."""
        self._failure = asyncio.get_running_loop().create_future()
        await self._guard.open()
        self._is_open = True
        self._chores = [
            asyncio.create_task(self._rotate_logs(), name="rotate logs"),
            asyncio.create_task(self._stop_when_failed(self._failure), name="stop when failed"),
        ]

    async def start(self, service: Service) -> None:
        """Start a service, return when it is ready, and keep it alive from then on.

        Raises:
            ServiceFailedError: it ended by itself, or was not ready in time; with its last words.
        """
        if not self._is_open:
            raise ServiceFailedError(f"{service.name} cannot start: the stack is stopping")
        if service.name in self._kept:
            raise ServiceFailedError(f"{service.name} runs already")
        budget = RestartBudget(self._settings.policy, self._rng)
        keeper = Keeper(service, budget, self._around)
        task = asyncio.create_task(keeper.run(), name=f"keep {service.name}")
        task.add_done_callback(lambda done: self._notice_end(keeper, done))
        self._kept[service.name] = _Kept(keeper, task)
        try:
            await keeper.first_ready
        except BaseException:
            await self.remove(service.name)
            raise

    async def remove(self, name: str) -> None:
        """Stop one service for good; nothing happens if there is none of that name."""
        kept = self._kept.get(name)
        if kept is None:
            return
        if not kept.is_stopping:
            kept.is_stopping = True
            kept.task.cancel()
        await asyncio.wait([kept.task])
        self._kept.pop(name, None)

    async def stop(self) -> None:
        """Stop everything: stage by stage, the services of one stage together; then the guard."""
        self._is_open = False
        async with self._stop_lock:
            for stage in Stage:
                names = [name for name, kept in self._kept.items() if _stage(kept) is stage]
                await asyncio.gather(*(self.remove(name) for name in names))
            await self._end_chores()
            await self._guard.close()

    async def wait_failed(self) -> EmbeddedError:
        """Wait until a service has died too often; everything is being stopped by then."""
        if self._failure is None:
            raise ServiceFailedError("the supervisor has not been opened")
        return await asyncio.shield(self._failure)

    def _notice_end(self, keeper: Keeper, task: "asyncio.Task[None]") -> None:
        error = _reason(keeper.service.name, task)
        if not keeper.first_ready.done():
            keeper.first_ready.set_exception(error)
            keeper.first_ready.exception()  # it is told to `start`, if that still waits
        elif not task.cancelled() and self._failure is not None and not self._failure.done():
            self._failure.set_result(error)

    async def _stop_when_failed(self, failure: "asyncio.Future[EmbeddedError]") -> None:
        error = await asyncio.shield(failure)
        log.error("stack_failed", reason=str(error))
        await self.stop()

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_EVERY_S)
            for kept in list(self._kept.values()):
                await asyncio.to_thread(_rotate, kept.keeper.log_path)

    async def _end_chores(self) -> None:
        chores = [task for task in self._chores if task is not asyncio.current_task()]
        for task in chores:
            task.cancel()
        if chores:
            await asyncio.wait(chores)
        self._chores = []


def _stage(kept: _Kept) -> Stage:
    return kept.keeper.service.stage


def _reason(name: str, task: "asyncio.Task[None]") -> EmbeddedError:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, EmbeddedError):
        return error
    if error is None:
        return ServiceFailedError(f"{name} was stopped")
    reason = ServiceFailedError(
        f"{name} could not be kept running: {type(error).__name__}: {error}"
    )
    reason.__cause__ = error
    return reason


def _rotate(path: Path) -> None:
    try:
        rotate_log(path)
    except OSError as error:
        log.warning("log_not_rotated", path=str(path), error=str(error))
