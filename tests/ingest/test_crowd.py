import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from ingest.crowd import CrowdControl
from ingest.pace import Pace
from tests.storage.builders import entry
from trading.rules import PaceRules
from trading.types import OrderHash, SignalId

LATE = timedelta(seconds=30)
OTHER = SignalId("another")
SENT = entry("1#1")


class Steps(ActivityInboundInterceptor):
    """The end of the chain: notes what is run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 - the framework's
        self.ran.append(input.fn.__name__)
        return f"answer of {input.fn.__name__}"


async def place_order(order_hash: OrderHash) -> None: ...
async def await_fill(order_hash: OrderHash) -> None: ...
async def record_fills(order_hash: OrderHash) -> None: ...


@pytest.fixture
def pace() -> Pace:
    pace = Pace(PaceRules(young_max=2, young_for=LATE, crowd=1, way_given_for=LATE))
    pace.sent(SENT)
    return pace


@pytest.fixture
def steps() -> Steps:
    return Steps()


def run(pace: Pace, steps: Steps, fn: Callable[..., object]) -> "asyncio.Task[object]":
    args: Sequence[object] = [SENT.order.order_hash]
    step = ExecuteActivityInput(fn, args, None, {})
    return asyncio.create_task(CrowdControl(pace).intercept_activity(steps).execute_activity(step))


async def test_what_was_learned_is_kept_before_a_placed_order_waits(
    pace: Pace, steps: Steps
) -> None:
    pace.begin(OTHER)
    placing = run(pace, steps, place_order)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert steps.ran == ["place_order"]
    assert not placing.done()
    pace.passed(OTHER)
    assert await asyncio.wait_for(placing, 5) == "answer of place_order"


async def test_fills_are_waited_for_once_the_crowd_is_gone(pace: Pace, steps: Steps) -> None:
    pace.begin(OTHER)
    waiting = run(pace, steps, await_fill)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert steps.ran == []
    pace.passed(OTHER)
    assert await asyncio.wait_for(waiting, 5) == "answer of await_fill"


async def test_other_steps_never_wait(pace: Pace, steps: Steps) -> None:
    pace.begin(OTHER)
    assert await asyncio.wait_for(run(pace, steps, record_fills), 5) == "answer of record_fills"
