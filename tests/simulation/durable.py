"""A workflow as durable execution runs it: events in, commands out, the same on every replay.

Stands in for the SDK's own workflow instance, so that the real workflow classes run on it as they
are: what they ask of `temporalio.workflow` is answered by the loop they run on.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.exceptions import CancelledError, FailureError, is_cancelled_exception

from tests.simulation.history import (
    Batch,
    CancelRequested,
    Command,
    Event,
    Resolved,
    Signalled,
    Step,
    Updated,
    failed_step,
)
from tests.simulation.loop import MICROS, Call, TurnLoop


class NondeterminismError(Exception):
    """A replay took another way than the history says."""


class ContinuedAsNew(BaseException):
    """Carries the arguments of the next run out of this one."""

    def __init__(self, args: tuple[object, ...]) -> None:
        super().__init__()
        self.next_args = args


class _Timer(Call):
    """A durable timer; cancelling it tells the server."""

    __slots__ = ("owner", "seq")

    def __init__(self, owner: "Instance", callback: Callable[..., object], *args: object) -> None:
        super().__init__(callback, args, None)
        self.owner = owner
        self.seq = 0

    def cancel(self) -> None:
        if not self.cancelled_ and self.owner.timers.pop(self.seq, None) is not None:
            self.owner.emit(Command("cancel_timer", self.owner.next_seq(), str(self.seq)))
        super().cancel()


class _Outsider:
    """Another workflow, as seen from inside one."""

    def __init__(self, owner: "Instance", workflow_id: str) -> None:
        self._owner = owner
        self._id = workflow_id

    async def signal(self, name: str, arg: object = None, *, args: Sequence[object] = ()) -> None:
        sent = tuple(args) if args else () if arg is None else (arg,)
        await self._owner.ask("signal", f"{self._id} {name}", sent)

    async def cancel(self) -> None:
        await self._owner.ask("cancel", self._id, ())


class _Info:
    """The little of `workflow.info()` that is asked for."""

    def __init__(self, owner: "Instance", workflow_id: str) -> None:
        self._owner = owner
        self.workflow_id = workflow_id
        self.run_id = workflow_id
        self.attempt = 1

    def get_current_history_length(self) -> int:
        return self._owner.length

    def is_continue_as_new_suggested(self) -> bool:
        return self._owner.length > 4_096


class Instance(TurnLoop):
    """One run of one workflow in one process's memory."""

    def __init__(
        self, cls: type[Any], workflow_id: str, args: tuple[object, ...], seed: int
    ) -> None:
        super().__init__()
        setattr(self, "__temporal_workflow_runtime", self)  # where the SDK looks for it
        self._definition = workflow._Definition.must_from_class(cls)
        self._args = args
        self._info = _Info(self, workflow_id)
        self._random = random.Random(seed)
        self._seq = 0
        self._commands: list[Command] = []
        self._pending: dict[int, asyncio.Future[object]] = {}
        self._conditions: list[tuple[Callable[[], bool], asyncio.Future[object]]] = []
        self._handlers = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self.timers: dict[int, _Timer] = {}
        self.local: dict[int, Step] = {}  # local activities without an end
        self.now = 0
        self.length = 0
        self.bug: BaseException | None = None
        self.logger_details: dict[str, object] = {}
        self._object: Any = None
        self._cls = cls

    # The server's side

    def activate(self, batch: Batch) -> list[Command]:
        """Apply events, run until nothing moves, and return what the workflow asks for."""
        self.now, self.length, self._commands = batch.now, batch.length, []
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            if self._object is None:
                self._begin()
            self._apply_all(e for e in batch.events if not isinstance(e, Resolved))
            self._apply_all(e for e in batch.events if isinstance(e, Resolved))
            self._turn()
        finally:
            asyncio._set_running_loop(outer)
        return self._commands

    def _begin(self) -> None:
        takes = self._definition.name is not None and hasattr(
            self._cls.__init__, "__temporal_workflow_init"
        )
        self._object = self._cls(*self._args) if takes else self._cls()
        self._main = self.create_task(self._run())
        self._tasks.append(self._main)

    def _apply_all(self, events: Iterable[Event]) -> None:
        is_news = False
        for event in events:
            self._apply(event)
            is_news = True
        if is_news:
            self._turn()

    def _turn(self) -> None:
        while True:
            while self._ready:
                self._ready.popleft().run()
            waiting = []
            for is_true, future in self._conditions:
                if future.done():
                    continue
                if is_true():
                    future.set_result(None)
                else:
                    waiting.append((is_true, future))
            self._conditions = waiting
            if not self._ready:
                return

    async def _run(self) -> None:
        try:
            result = await self._object.run(*self._args)
        except ContinuedAsNew as again:
            self.emit(Command("continue_as_new", self.next_seq(), args=again.next_args))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is an end
            if is_cancelled_exception(error):
                self.emit(Command("cancelled", self.next_seq()))
            elif isinstance(error, FailureError):
                self.emit(Command("failed", self.next_seq(), result=error))
            else:
                self.bug = error
        else:
            self.emit(Command("completed", self.next_seq(), result=result))

    def _apply(self, event: Event) -> None:
        match event:
            case Resolved():
                self._resolve(event)
            case Signalled():
                handler = self._definition.signals[event.name]
                self._handle(handler.fn, event.args)
            case Updated():
                self._update(event)
            case CancelRequested():
                self.call_soon(self._main.cancel)  # it may not have begun yet

    def _resolve(self, event: Resolved) -> None:
        timer = self.timers.pop(event.seq, None)
        if timer is not None:
            self._ready.append(timer)
            return
        self.local.pop(event.seq, None)
        future = self._pending.pop(event.seq, None)
        if future is None or future.done():
            return
        if event.error is not None:
            future.set_exception(event.error)
        else:
            future.set_result(event.result)

    def _handle(self, handler: Callable[..., Any], args: tuple[object, ...]) -> None:
        async def run() -> None:
            try:
                answer = handler(self._object, *args)
                if asyncio.iscoroutine(answer):
                    await answer
            except Exception as error:  # noqa: BLE001 - a workflow must not raise these
                self.bug = error
            finally:
                self._handlers -= 1

        self._handlers += 1
        self._tasks.append(self.create_task(run()))

    def _update(self, event: Updated) -> None:
        definition = self._definition.updates[event.name]

        async def run() -> None:
            try:
                answer = definition.fn(self._object, *event.args)
                if asyncio.iscoroutine(answer):
                    answer = await answer
            except FailureError as error:
                self.emit(Command("update_failed", self.next_seq(), event.update_id, result=error))
            except Exception as error:  # noqa: BLE001 - a workflow must not raise these
                self.bug = error
            else:
                self.emit(Command("update_done", self.next_seq(), event.update_id, result=answer))
            finally:
                self._handlers -= 1

        try:
            if definition.validator is not None:
                definition.validator(self._object, *event.args)
        except Exception as error:  # noqa: BLE001 - a refusal is any exception
            self.emit(Command("update_refused", self.next_seq(), event.update_id, result=error))
            return
        context = copy_context()
        info = workflow.UpdateInfo(event.update_id, event.name)
        context.run(workflow._context._set_current_update_info, info)
        self._handlers += 1
        self._tasks.append(self.create_task(run(), context=context))

    # The workflow's side

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def emit(self, command: Command) -> None:
        self._commands.append(command)

    async def ask(self, kind: str, name: str, args: tuple[object, ...]) -> object:
        """Send a command and wait for its end."""
        seq, future = self.next_seq(), self.create_future()
        self._pending[seq] = future
        self.emit(Command(kind, seq, name, args=args))
        return await future

    def time(self) -> float:
        return self.now / MICROS

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: object, context: Any = None
    ) -> Call:
        timer = _Timer(self, callback, *args)
        timer.context = context
        timer.seq = self.next_seq()
        self.timers[timer.seq] = timer
        self.emit(Command("timer", timer.seq, delay=max(round(delay * MICROS), 0)))
        return timer

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: object, context: Any = None
    ) -> Call:
        return self.call_later(when - self.time(), callback, *args, context=context)

    def _start(self, step: Step) -> asyncio.Task[object]:
        seq, future = self.next_seq(), self.create_future()
        self._pending[seq] = future
        if step.is_local:
            self.local[seq] = step
        self.emit(Command("local" if step.is_local else "activity", seq, step.name, step=step))
        task = self.create_task(self._outcome(seq, step.name, future))
        self._tasks.append(task)
        return task

    async def _outcome(self, seq: int, name: str, future: "asyncio.Future[object]") -> object:
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if future.done():
                raise
            self._pending.pop(seq, None)
            self.local.pop(seq, None)
            self.emit(Command("cancel_activity", self.next_seq(), str(seq)))
            error = failed_step(name, seq)
            error.__cause__ = CancelledError("cancelled")
            raise error from error.__cause__

    def workflow_start_activity(self, activity: Any, *args: Any, **options: Any) -> Any:
        return self._start(_step(activity, args, options, is_local=False))

    def workflow_start_local_activity(self, activity: Any, *args: Any, **options: Any) -> Any:
        return self._start(_step(activity, args, options, is_local=True))

    async def workflow_start_child_workflow(
        self,
        child: Any,
        *args: Any,
        id: str,  # noqa: A002 - as the SDK calls it
        **options: Any,
    ) -> object:
        name = f"{child.__qualname__.split('.')[0]} {id}"
        try:
            return await self.ask("child", name, args)
        except asyncio.CancelledError:
            self.emit(Command("cancel", self.next_seq(), id))
            raise

    def workflow_get_external_workflow_handle(self, workflow_id: str, **options: Any) -> _Outsider:
        return _Outsider(self, workflow_id)

    async def workflow_wait_condition(
        self, fn: Callable[[], bool], *, timeout: float | None = None, **options: Any
    ) -> None:
        future = self.create_future()
        self._conditions.append((fn, future))
        await asyncio.wait_for(future, timeout)

    async def workflow_sleep(self, duration: float, **options: Any) -> None:
        await asyncio.sleep(duration)

    def workflow_continue_as_new(self, *args: Any, **options: Any) -> NoReturn:
        raise ContinuedAsNew(args)

    def workflow_all_handlers_finished(self) -> bool:
        return self._handlers == 0

    def workflow_time_ns(self) -> int:
        return self.now * 1000

    def workflow_random(self) -> random.Random:
        return self._random

    def workflow_info(self) -> _Info:
        return self._info

    def workflow_get_current_history_length(self) -> int:
        return self.length

    def workflow_upsert_search_attributes(self, attributes: object, **options: Any) -> None:
        pass

    def workflow_set_current_details(self, details: str) -> None:
        pass

    def workflow_patch(self, patch_id: str, **options: Any) -> bool:
        return True

    def workflow_is_replaying(self) -> bool:
        return False

    workflow_is_replaying_history_events = workflow_is_replaying


def replay(instance: Instance, history: Sequence[Batch]) -> None:
    """Bring a new instance to where a history ends."""
    for batch in history:
        marks = tuple(command.mark for command in instance.activate(batch))
        if marks != batch.marks:
            raise NondeterminismError(f"expected {batch.marks}, received {marks}")


def _step(fn: Any, args: tuple[object, ...], options: dict[str, Any], *, is_local: bool) -> Step:
    return Step(
        fn.__qualname__,
        args,
        is_local,
        _seconds(options["start_to_close_timeout"]),
        _seconds(options["schedule_to_close_timeout"]),
        None
        if options.get("heartbeat_timeout") is None
        else _seconds(options["heartbeat_timeout"]),
        options["retry_policy"],
    )


def _seconds(time: timedelta) -> float:
    return time / timedelta(seconds=1)
