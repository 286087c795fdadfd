"""A process of ours: killed, its tasks stop for ever; frozen, they stand still for a while."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from tests.simulation.loop import VirtualLoop

T = TypeVar("T")


class Process:
    """Everything of it that waits goes through `pause`, so that a kill needs no cooperation."""

    def __init__(self, loop: VirtualLoop, name: str, epoch: int) -> None:
        self.loop = loop
        self.name = name
        self.epoch = epoch
        self.is_dead = False
        self.is_frozen = False
        self.stood_still = 0  # microseconds in all
        self._stalled: list[tuple[asyncio.Future[object], object]] = []
        self._tasks: list[asyncio.Task[object]] = []

    def spawn(self, coro: Coroutine[object, object, object]) -> "asyncio.Task[object]":
        task = self.loop.create_task(coro)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks.append(task)  # the loop keeps no task alive
        return task

    async def pause(self, micros: int) -> None:
        """Let time pass here."""
        future = self.loop.create_future()
        self.loop.after(micros, self.wake, future)
        await future

    def wake(self, future: "asyncio.Future[object]", answer: object = None) -> None:
        """Let a task of this process go on, if it still can."""
        if self.is_dead or future.done():
            return
        if self.is_frozen:
            self._stalled.append((future, answer))
        else:
            future.set_result(answer)

    def kill(self) -> None:
        self.is_dead = True
        self._stalled.clear()

    def freeze(self, micros: int) -> None:
        """Stand still for a while, as under SIGSTOP."""
        if not self.is_dead and not self.is_frozen:
            self.is_frozen = True
            self.stood_still += micros
            self.loop.after(micros, self._thaw)

    def _thaw(self) -> None:
        self.is_frozen = False
        stalled, self._stalled = self._stalled, []
        for future, answer in stalled:
            self.wake(future, answer)

    async def never(self) -> None:
        """Wait for ever: what a killed task does."""
        await self.loop.create_future()
