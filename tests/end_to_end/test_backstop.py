"""The listener is frozen, and a stop is crossed: the worker itself takes the exit."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from storage.level_port import exit_levels, kept_levels
from storage.port import PositionRecord
from tests.chaos.crash_nursery import Child
from tests.chaos.crash_points import Rests
from tests.chaos.crash_scene import Scene
from tests.chaos.crash_stage import Lane
from tests.end_to_end.operator_acts import begin
from trading.types import ExitReason, Price

WITHIN_S = 60.0
ABOVE_ANY_BID = Price(Decimal("0.99"))
WHALE = 7_000


@contextmanager
def frozen(child: Child) -> Iterator[None]:
    """Let a process do nothing for a while."""
    os.kill(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(child.pid, signal.SIGCONT)


async def position_of(scene: Scene) -> PositionRecord:
    found = await scene.lane.store.list_open()
    (position,) = [each for each in found if each.token_id == scene.token]
    return position


async def cross_the_stop(scene: Scene) -> None:
    """Move the stop above the bid, which is as if the bid had fallen below the stop."""
    while True:
        position = await position_of(scene)
        before = kept_levels(exit_levels(position))
        after = replace(before, stop_loss_price=ABOVE_ANY_BID, take_profit_price=None)
        if await scene.lane.store.swap_levels(position.position_id, before, after):
            return


@pytest.mark.acceptance
async def test_an_unwatched_position_is_left_within_a_minute_of_its_price(
    lanes: Sequence[Lane],
) -> None:
    lane = lanes[0]
    scene = Scene(lane, WHALE)
    workers: list[Child] = []
    try:
        await begin(scene, Rests.NO, workers)
        with frozen(lane.nursery.find(lane.home / "ingest.log")):
            took_s = await _leave(scene, workers[-1])
        assert took_s <= WITHIN_S
        books = await scene.until_settled()
        assert await scene.problems(books) == []
    finally:
        for worker in workers:
            await worker.kill()


async def _leave(scene: Scene, worker: Child) -> float:
    """Cross the stop; return after how many seconds an exit began, which must be for it."""
    position = await position_of(scene)
    await cross_the_stop(scene)
    crossed = time.monotonic()

    async def is_left() -> bool:
        stored = await scene.lane.store.load_position(position.position_id)
        return stored is not None and stored.exit_epoch > 0

    await scene.until(is_left, worker, "an exit", WITHIN_S)
    took_s = time.monotonic() - crossed
    query = "SELECT exit_reason FROM positions WHERE position_id = :id"
    (row,) = await scene.lane.rows(query, id=position.position_id)
    assert row["exit_reason"] == ExitReason.STOP_LOSS
    events = await scene.lane.rows("SELECT type FROM events WHERE type = 'prices_unwatched'")
    assert events, "it was the backstop"
    return took_s
