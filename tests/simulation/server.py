"""The durable-execution server: histories, tasks, retries, timers; a tiny deterministic stand-in.

What it promises is what the real one promises: workflow progress is committed atomically or not at
all, every activity may run more than once, local activities run again when their task is lost.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from tests.simulation.durable import Instance, replay
from tests.simulation.history import (
    Batch,
    CancelRequested,
    Command,
    Event,
    Resolved,
    Signalled,
    Step,
    Updated,
)
from tests.simulation.loop import MICROS, VirtualLoop
from tests.simulation.process import Process
from tests.simulation.runs import (
    BUGS,
    Job,
    Ported,
    Run,
    Task,
    activity_context,
    delay_of,
    failure_of,
    ignore,
    is_final,
    run_locally,
)

TASK_TIMEOUT = 2 * MICROS
LONG = 3_600.0  # seconds; what may take longer has no timer here
ENDS = frozenset({"completed", "failed", "cancelled", "continue_as_new"})


class Server:
    """Keeps runs and hands out their tasks; processes do the work."""

    def __init__(
        self,
        loop: VirtualLoop,
        rng: random.Random,
        report: Callable[[str], None],
        epoch_micros: int,
    ) -> None:
        self._loop = loop
        self._rng = rng
        self._report = report
        self._epoch = epoch_micros
        self.runs: dict[str, Run] = {}  # the newest of each workflow
        self.classes: dict[str, type[Any]] = {}
        self.processes: list[Ported] = []
        self.down_until = 0
        self.stretch = 1  # of histories, so that they become long
        self.commits_halfway = 0.3
        self.trace: Callable[[str], None] | None = None

    # What clients ask for

    def start(
        self, workflow_id: str, cls_name: str, args: tuple[object, ...], *, only_once: bool = False
    ) -> bool:
        """Start a workflow; False when one of that id runs, or has run and may `only_once`."""
        known = self.runs.get(workflow_id)
        if known is not None and (only_once or not known.is_over):
            return False
        self._open(workflow_id, self.classes[cls_name], args)
        return True

    def signal(self, workflow_id: str, name: str, *args: object) -> bool:
        return self._tell(workflow_id, Signalled(name, args))

    def cancel(self, workflow_id: str) -> bool:
        return self._tell(workflow_id, CancelRequested())

    def update(self, workflow_id: str, name: str, *args: object) -> bool:
        return self._tell(workflow_id, Updated(f"u{self._rng.getrandbits(32)}", name, args))

    def terminate(self, workflow_id: str) -> bool:
        """End a workflow without asking it."""
        run = self.runs.get(workflow_id)
        if run is None or run.is_over:
            return False
        self._close(run, "terminated")
        return True

    def is_running(self, workflow_id: str) -> bool:
        return workflow_id in self.runs and not self.runs[workflow_id].is_over

    # Runs

    def _open(self, workflow_id: str, cls: type[Any], args: tuple[object, ...]) -> Run:
        run = Run(workflow_id, cls, args, self._rng.getrandbits(32))
        self.runs[workflow_id] = run
        self._wake(run)
        return run

    def _close(self, run: Run, ended_as: str) -> None:
        run.is_over, run.ended_as, run.kept = True, ended_as, None
        run.token += 1
        self._say(f"{run.workflow_id} {ended_as}")
        for timer in run.timers.values():
            timer.cancel()
        for job in run.jobs.values():
            job.is_over = True

    def _tell(self, workflow_id: str, event: Event) -> bool:
        run = self.runs.get(workflow_id)
        if run is None or run.is_over:
            return False
        self._push(run, event)
        return True

    def _push(self, run: Run, event: Event) -> None:
        if not run.is_over:
            run.inbox.append(event)
            self._wake(run)

    # Workflow tasks

    def _wake(self, run: Run, *, even_without_news: bool = False) -> None:
        has_work = even_without_news or not run.has_begun or bool(run.inbox)
        if run.is_over or run.is_busy or not has_work:
            return
        run.is_busy = True
        run.token += 1
        self._loop.after(self._latency(), self._hand_out, run, run.token)

    def _hand_out(self, run: Run, token: int) -> None:
        if run.is_over or run.token != token:
            return
        process = self._pick(run)
        if process is None or self._loop.now < self.down_until:
            self._loop.after(MICROS // 5, self._hand_out, run, token)
            return
        process.spawn(self._work(run, token, process))
        self._loop.after(TASK_TIMEOUT, self._time_out, run, token, process)

    def _pick(self, run: Run) -> Ported | None:
        alive = [p for p in self.processes if not p.is_dead]
        if run.kept is not None and run.kept[0] in alive:
            return run.kept[0]
        return self._rng.choice(alive) if alive else None

    def _time_out(self, run: Run, token: int, process: Ported) -> None:
        """Give a task to somebody else when whoever has it died or stands still."""
        if run.is_over or run.token != token or not run.is_busy:
            return
        if process.is_dead or process.is_frozen:
            self._lose(run)
        else:
            self._loop.after(TASK_TIMEOUT, self._time_out, run, token, process)

    def _lose(self, run: Run) -> None:
        run.is_busy, run.kept = False, None
        run.token += 1
        self._say(f"{run.workflow_id} task lost")
        self._wake(run, even_without_news=True)

    async def _work(self, run: Run, token: int, process: Ported) -> None:
        activity._Context.set(activity_context(ignore))
        await process.pause(self._latency())
        if run.token != token or run.is_over:
            return
        try:
            task = Task(run, token, process, self._instance(run, process), 0)
            await self._progress(task)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug
            self._report(f"I12 {run.workflow_id}: {error!r}")
            self._close(run, "stuck")

    def _instance(self, run: Run, process: Process) -> Instance:
        kept, run.kept = run.kept, None
        if kept is not None and kept[0] is process and self._rng.random() < 0.9:
            return kept[1]
        instance = Instance(run.cls, run.workflow_id, run.args, run.seed)  # type: ignore[abstract]
        replay(instance, run.history)
        return instance

    async def _progress(self, task: Task) -> None:
        """Activate, run local activities, activate again, until only the server can go on."""
        events = task.run.inbox[:]
        task.taken = len(events)
        self._activate(task, events)
        while task.instance.local and not self._is_ending(task):
            seq, step = next(iter(task.instance.local.items()))
            done = await run_locally(task.process, step, seq, self._is_final)
            self._activate(task, [done])
            if task.run.token == task.token and self._rng.random() < self.commits_halfway:
                if not await self._commit(task, is_last=False):
                    return
                events = task.run.inbox[:]
                task.taken = len(events)
                if events:
                    self._activate(task, events)
        await self._commit(task, is_last=True)

    def _is_ending(self, task: Task) -> bool:
        return any(command.kind in ENDS for command in task.commands)

    def _activate(self, task: Task, events: list[Event]) -> None:
        """Let the workflow react."""
        length = (task.run.length + 3 * len(task.batches)) * self.stretch
        now = self._epoch + self._loop.now
        commands = task.instance.activate(Batch(now, tuple(events), length))
        marks = tuple(command.mark for command in commands)
        task.batches.append(Batch(now, tuple(events), length, marks))
        if task.instance.bug is not None:
            bug = task.instance.bug
            self._report(f"I12 {task.run.workflow_id}: the workflow raised {bug!r}")
            task.instance.bug = None
        task.commands += [command for command in commands if command.kind != "local"]

    async def _commit(self, task: Task, *, is_last: bool) -> bool:
        """Make a task's progress durable, all of it or nothing."""
        await task.process.pause(self._latency())
        while self._loop.now < self.down_until:
            await task.process.pause(MICROS // 10)
        run = task.run
        if run.is_over or run.token != task.token:
            return False
        if self._is_ending(task) and len(run.inbox) > task.taken:
            self._lose(run)  # an end is refused while there is unread news
            return False
        run.has_begun = True
        run.history += task.batches
        del run.inbox[: task.taken]
        commands, task.commands, task.batches = task.commands, [], []
        if is_last:
            run.is_busy = False
            run.kept = (task.process, task.instance)
        for command in commands:
            self._obey(run, command)
        if is_last:
            self._wake(run)
        return True

    # Commands

    def _obey(self, run: Run, command: Command) -> None:
        self._say(f"{run.workflow_id} asks: {command.mark}")
        match command.kind:
            case "activity" | "cancel_activity":
                self._obey_step(run, command)
            case "timer" | "cancel_timer":
                self._obey_timer(run, command)
            case "child":
                self._loop.after(self._latency(), self._start_child, run, command)
            case "signal" | "cancel":
                self._loop.after(self._latency(), self._reach_out, run, command)
            case "update_done" | "update_failed" | "update_refused":
                run.updates[command.name] = command.kind
            case _:
                self._end(run, command)

    def _obey_step(self, run: Run, command: Command) -> None:
        if command.step is None:
            self._cancel_job(run.jobs.get(int(command.name)))
            return
        job = Job(run, command.seq, command.step, self._loop.now)
        run.jobs[command.seq] = job
        self._loop.after(self._latency(), self._try, job)

    def _obey_timer(self, run: Run, command: Command) -> None:
        if command.kind == "cancel_timer":
            run.timers[int(command.name)].cancel()
            return
        fired = Resolved(command.seq)
        run.timers[command.seq] = self._loop.after(command.delay, self._push, run, fired)

    def _end(self, run: Run, command: Command) -> None:
        if command.kind == "failed":
            self._report(f"I12 {run.workflow_id} failed: {command.result!r}")
        self._close(run, command.kind)
        if command.kind == "continue_as_new":
            self._open(run.workflow_id, run.cls, command.args)

    def _start_child(self, run: Run, command: Command) -> None:
        cls_name, workflow_id = command.name.split(" ")
        if self.start(workflow_id, cls_name, command.args):
            self._push(run, Resolved(command.seq))
            return
        refused = WorkflowAlreadyStartedError(workflow_id, cls_name)
        self._push(run, Resolved(command.seq, error=refused))

    def _reach_out(self, run: Run, command: Command) -> None:
        workflow_id, _, name = command.name.partition(" ")
        event = Signalled(name, command.args) if command.kind == "signal" else CancelRequested()
        if self._tell(workflow_id, event):
            self._push(run, Resolved(command.seq))
        else:
            missing = ApplicationError("expected a running workflow, found none", type="NotFound")
            self._push(run, Resolved(command.seq, error=missing))

    # Activities

    def _try(self, job: Job) -> None:
        if job.is_over or job.is_cancelled:
            return
        alive = [p for p in self.processes if not p.is_dead]
        if not alive or self._loop.now < self.down_until:
            self._loop.after(MICROS // 5, self._try, job)
            return
        job.attempt += 1
        job.live, job.beat_at = job.attempt, self._loop.now
        process = self._rng.choice(alive)
        process.spawn(self._perform(process, job, job.attempt))
        if job.step.start_to_close_s < LONG:
            micros = round(job.step.start_to_close_s * MICROS)
            self._loop.after(micros, self._expire, job, job.attempt, "start to close")
        if job.step.heartbeat_s is not None:
            micros = round(job.step.heartbeat_s * MICROS)
            self._loop.after(micros, self._listen, job, job.attempt, micros)

    async def _perform(self, process: Ported, job: Job, attempt: int) -> None:
        task = asyncio.current_task(self._loop)
        assert task is not None, "expected an activity to run in a task"
        activity._Context.set(activity_context(partial(self._beat, job, attempt, task)))
        await process.pause(self._latency())
        result: object = None
        failure: BaseException | None = None
        try:
            result = await process.steps[job.step.name](*job.step.args)
        except (asyncio.CancelledError, Exception) as error:  # noqa: BLE001 - told to the server
            failure = error
        await process.pause(self._latency())
        while self._loop.now < self.down_until:
            await process.pause(MICROS // 10)
        self._finish(job, attempt, result, failure)

    def _beat(self, job: Job, attempt: int, task: "asyncio.Task[Any]", *details: object) -> None:
        """Note that an attempt is alive; tell it to stop when nobody waits for it."""
        if self._loop.now < self.down_until:
            return
        if job.is_over or job.is_cancelled or job.live != attempt:
            task.cancel()
            return
        job.beat_at = self._loop.now

    def _listen(self, job: Job, attempt: int, within: int) -> None:
        if job.is_over or job.live != attempt:
            return
        if self._loop.now >= job.beat_at + within:
            self._expire(job, attempt, "heartbeat")
        else:
            self._loop.at(job.beat_at + within, self._listen, job, attempt, within)

    def _expire(self, job: Job, attempt: int, what: str) -> None:
        self._finish(job, attempt, None, TimeoutError(what))

    def _finish(
        self, job: Job, attempt: int, result: object, failure: BaseException | None
    ) -> None:
        if job.is_over or job.live != attempt or job.run.is_over:
            return
        if (
            failure is None
            or job.is_cancelled
            or self._is_final(job.step, failure, attempt, job.scheduled_at)
        ):
            job.is_over = True
            error = None if failure is None else failure_of(job.step, job.seq, failure)
            self._push(job.run, Resolved(job.seq, result, error))
            return
        job.live = 0
        self._say(f"{job.run.workflow_id} {job.step.name} fails: {failure!r}")
        self._loop.after(delay_of(job.step, attempt, failure), self._try, job)

    def _is_final(
        self, step: Step, error: BaseException, attempt: int, since: int | None = None
    ) -> bool:
        """Tell whether a failure is an end; one that can only be a bug is reported."""
        if isinstance(error, BUGS):
            self._report(f"bug in {step.name}: {error!r}")
        deadline = None if since is None else since + round(step.schedule_to_close_s * MICROS)
        is_late = deadline is not None and self._loop.now >= deadline
        return is_late or is_final(step, error, attempt)

    def _cancel_job(self, job: Job | None) -> None:
        if job is not None:
            job.is_cancelled = True

    def _latency(self) -> int:
        return 200 + int(self._rng.random() * 8_000)

    def _say(self, text: str) -> None:
        if self.trace is not None:
            self.trace(text)
