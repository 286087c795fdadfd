"""The stand-in keeps the promises of the server it stands in for, and no more."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from tests.simulation.loop import MICROS, VirtualLoop
from tests.simulation.runs import Ported
from tests.simulation.server import Server

PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3)
SHORT = timedelta(seconds=5)
turns: list[str] = []  # what a workflow that does not replay has seen of the world


class Steps:
    """Notes that it was asked, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures = 0
        self.pause: Callable[[int], Awaitable[None]] | None = None

    @activity.defn
    async def work(self, name: str) -> str:
        self.asked.append(name)
        if self.pause is not None:
            await self.pause(MICROS)
        if self.failures:
            self.failures -= 1
            raise ApplicationError("not yet")
        return name.upper()


async def _far(name: str) -> str:
    return await workflow.execute_activity_method(
        Steps.work,
        name,
        start_to_close_timeout=SHORT,
        schedule_to_close_timeout=timedelta(minutes=1),
        retry_policy=PATIENT,
    )


async def _near(name: str) -> str:
    return await workflow.execute_local_activity_method(
        Steps.work,
        name,
        start_to_close_timeout=SHORT,
        schedule_to_close_timeout=timedelta(minutes=1),
        retry_policy=PATIENT,
    )


@workflow.defn(sandboxed=False)
class Worker:
    """Does three steps, waits to be let go, and answers."""

    def __init__(self) -> None:
        self.is_free = False
        self.done: list[str] = []

    @workflow.run
    async def run(self, name: str) -> str:
        self.done.append(await _near(f"{name}1"))
        self.done.append(await _far(f"{name}2"))
        await workflow.sleep(3)
        await workflow.wait_condition(lambda: self.is_free)
        return "-".join(self.done)

    @workflow.signal
    def let_go(self) -> None:
        self.is_free = True


@workflow.defn(sandboxed=False)
class Fickle:
    """Takes another way every time it is played."""

    @workflow.run
    async def run(self, name: str) -> str:
        turns.append(name)
        if len(turns) % 2:
            return await _far(name)
        await workflow.sleep(1)
        return name


class Stage:
    """A server with workers that can be killed."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()  # type: ignore[abstract]
        self.reports: list[str] = []
        self.server = Server(self.loop, random.Random(1), self.reports.append, 0)
        self.server.classes = {cls.__name__: cls for cls in (Worker, Fickle)}
        self.steps = Steps()

    def open(self) -> Ported:
        process = Ported(self.loop, "w", 1)
        process.steps = {"Steps.work": self.steps.work}
        self.steps.pause = process.pause
        self.server.processes = [process]
        return process

    def run(self, seconds: float) -> None:
        self.loop.run_until(self.loop.now + round(seconds * MICROS))

    @property
    def ended_as(self) -> str:
        return self.server.runs["w"].ended_as


def test_a_workflow_does_its_steps_and_hears_signals() -> None:
    stage = Stage()
    stage.open()
    assert stage.server.start("w", "Worker", ("a",))
    assert not stage.server.start("w", "Worker", ("a",))
    stage.run(20)
    assert stage.server.is_running("w")
    assert stage.server.signal("w", "let_go")
    stage.run(1)
    assert stage.ended_as == "completed"
    assert stage.steps.asked == ["a1", "a2"]
    assert not stage.server.signal("w", "let_go")


@pytest.mark.parametrize("after_s", [0.5, 1.5, 4.0])
def test_what_a_killed_process_began_is_done_again_by_another_one(after_s: float) -> None:
    stage = Stage()
    process = stage.open()
    stage.server.start("w", "Worker", ("a",))
    stage.run(after_s)
    process.kill()
    stage.open()
    stage.server.signal("w", "let_go")
    stage.run(40)
    assert stage.ended_as == "completed"
    assert set(stage.steps.asked) == {"a1", "a2"}
    assert stage.reports == []


def test_a_step_is_tried_again_as_often_as_its_policy_says() -> None:
    stage = Stage()
    stage.open()
    stage.steps.failures = 2
    stage.server.start("w", "Worker", ("a",))
    stage.run(30)
    assert stage.steps.asked == ["a1", "a1", "a1", "a2"]
    stage.steps.failures = 3
    stage.server.start("v", "Worker", ("b",))
    stage.run(60)
    assert stage.server.runs["v"].ended_as == "failed"
    assert "ActivityError" in stage.reports[0]


def test_a_workflow_that_takes_another_way_on_replay_is_reported() -> None:
    turns.clear()
    stage = Stage()
    process = stage.open()
    stage.server.start("w", "Fickle", ("a",))
    stage.run(0.5)
    process.kill()
    stage.open()
    stage.run(30)
    assert any("NondeterminismError" in report for report in stage.reports)
