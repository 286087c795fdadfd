"""Runs, their activities and tasks, as the server keeps them."""

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from temporalio import activity
from temporalio.common import _CompositeEvent
from temporalio.exceptions import ApplicationError

from tests.simulation.durable import Instance
from tests.simulation.history import Batch, Command, Event, Resolved, Step, failed_step
from tests.simulation.loop import MICROS
from tests.simulation.process import Process


class Ported(Process):
    """A process with our activities in it, by the names under which they are registered."""

    steps: dict[str, Callable[..., Awaitable[object]]]


BUGS = (AssertionError, TypeError, KeyError, AttributeError, ValueError)


@dataclass(slots=True)
class Job:
    """One activity of a run, through all its attempts."""

    run: "Run"
    seq: int
    step: Step
    scheduled_at: int
    attempt: int = 0
    live: int = 0  # the attempt that is listened to; 0 between two of them
    is_over: bool = False
    is_cancelled: bool = False
    beat_at: int = 0


@dataclass(slots=True)
class Run:
    """One run of a workflow."""

    workflow_id: str
    cls: type[Any]
    args: tuple[object, ...]
    seed: int
    history: list[Batch] = field(default_factory=list)
    inbox: list[Event] = field(default_factory=list)
    has_begun: bool = False
    is_over: bool = False
    token: int = 0  # of the newest workflow task
    is_busy: bool = False
    kept: tuple[Ported, Instance] | None = None
    jobs: dict[int, Job] = field(default_factory=dict)
    timers: dict[int, Any] = field(default_factory=dict)
    updates: dict[str, str] = field(default_factory=dict)
    ended_as: str = ""

    @property
    def length(self) -> int:
        return 3 * sum(1 + len(batch.events) for batch in self.history)


@dataclass(slots=True)
class Task:
    """A workflow task under way: what it has read and what has come of it so far."""

    run: Run
    token: int
    process: Ported
    instance: Instance
    taken: int
    batches: list[Batch] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


async def run_locally(
    process: Ported, step: Step, seq: int, is_end: Callable[[Step, BaseException, int], bool]
) -> Resolved:
    """Run a local activity until it has an end, more slowly after each failure."""
    pause = round(step.retry.initial_interval.total_seconds() * MICROS)
    longest = step.retry.maximum_interval or timedelta(seconds=20)
    for attempt in itertools.count(1):
        try:
            return Resolved(seq, await process.steps[step.name](*step.args))
        except Exception as error:  # noqa: BLE001 - retried, as the server does
            if is_end(step, error, attempt):
                return Resolved(seq, error=failure_of(step, seq, error))
        await process.pause(pause)
        pause = min(pause * 2, round(longest.total_seconds() * MICROS))
    raise AssertionError("expected to count for ever")


def is_final(step: Step, error: BaseException, attempt: int) -> bool:
    """Tell whether an attempt's failure is not tried again."""
    if isinstance(error, asyncio.CancelledError):
        return True
    if isinstance(error, ApplicationError) and error.non_retryable:
        return True
    return 0 < step.retry.maximum_attempts <= attempt


def delay_of(step: Step, attempt: int, error: BaseException) -> int:
    if isinstance(error, ApplicationError) and error.next_retry_delay is not None:
        return round(error.next_retry_delay.total_seconds() * MICROS)
    policy = step.retry
    wait = policy.initial_interval.total_seconds() * policy.backoff_coefficient ** (attempt - 1)
    longest = policy.maximum_interval
    return round(min(wait, longest.total_seconds() if longest else wait) * MICROS)


def failure_of(step: Step, seq: int, cause: BaseException) -> BaseException:
    error = failed_step(step.name, seq)
    error.__cause__ = cause
    return error


def activity_context(heartbeat: Callable[..., None]) -> activity._Context:
    nothing = cast(Any, None)
    return activity._Context(
        info=nothing,
        heartbeat=heartbeat,
        cancelled_event=nothing,
        worker_shutdown_event=_CompositeEvent(threading.Event(), None),  # killed, never asked
        shield_thread_cancel_exception=None,
        payload_converter_class_or_instance=nothing,
        runtime_metric_meter=None,
        client=None,
        cancellation_details=nothing,
    )


def ignore(*details: object) -> None:
    """Take no note of a heartbeat."""
