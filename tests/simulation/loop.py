"""Event loops without a clock of their own: time is virtual, order is fixed, nothing is random."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
MICROS = 1_000_000


class Call:
    """A callback that was scheduled and may be cancelled; what asyncio calls a handle."""

    __slots__ = ("args", "callback", "cancelled_", "context")

    def __init__(
        self, callback: Callable[..., object], args: tuple[object, ...], context: Context | None
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.cancelled_ = False

    def cancel(self) -> None:
        self.cancelled_ = True

    def cancelled(self) -> bool:
        return self.cancelled_

    def run(self) -> None:
        if self.cancelled_:
            return
        if self.context is None:
            self.callback(*self.args)
        else:
            self.context.run(self.callback, *self.args)


class TurnLoop(asyncio.AbstractEventLoop):
    """Runs what is ready, first come first served, until nothing is; timers are the subclass's."""

    def __init__(self) -> None:
        self._ready: deque[Call] = deque()
        self.failures: list[str] = []

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Call:
        call = Call(callback, args, context)
        self._ready.append(call)
        return call

    def create_future(self) -> "asyncio.Future[object]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[object, object, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        return asyncio.Task(coro, loop=self, name=name or "task", context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, object]) -> None:
        """Keep what nobody caught; tasks that are dropped with their process are no failure."""
        if "exception" in context:
            self.failures.append(f"{context.get('message')}: {context['exception']!r}")


class VirtualLoop(TurnLoop):
    """The world's loop: when nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0  # microseconds
        self.is_stopped = False
        self._timers: list[tuple[int, int, Call]] = []
        self._number = 0

    def time(self) -> float:
        return self.now / MICROS

    def at(self, when: int, callback: Callable[..., object], *args: object) -> Call:
        """Call back at a time in microseconds; equal times in the order they were asked for."""
        call = Call(callback, args, None)
        self._number += 1
        heapq.heappush(self._timers, (max(when, self.now), self._number, call))
        return call

    def after(self, micros: int, callback: Callable[..., object], *args: object) -> Call:
        return self.at(self.now + micros, callback, *args)

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Call:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Call:
        call = self.at(round(when * MICROS), callback, *args)
        call.context = context
        return call

    def run_until(self, when: int) -> None:
        """Run everything due up to a time, unless somebody stops the loop."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            self._run_until(when)
        finally:
            asyncio._set_running_loop(outer)
        if not self.is_stopped:
            self.now = max(self.now, when)

    def _run_until(self, when: int) -> None:
        ready, timers = self._ready, self._timers
        while True:
            while ready:
                ready.popleft().run()
            if not timers or timers[0][0] > when or self.is_stopped:
                return
            self.now, _, call = heapq.heappop(timers)
            call.run()
