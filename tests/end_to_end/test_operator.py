"""What a person does to a running trade, however, ends with equal books and nothing open."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.chaos.crash_points import Rests
from tests.chaos.crash_stage import Lane
from tests.end_to_end.operator_acts import (
    Act,
    Told,
    act_on,
    ask_for_exit_four_times,
    cancel_and_kill_worker,
    cancel_by_temporal,
    cancel_by_whalecopy,
    close_and_kill_worker,
    reset_then_cancel,
    terminate,
    terminate_position,
)

SWEPT_S = 60.0
OWNED_S = 30.0
FIRST_WHALE = 1_000


@dataclass(frozen=True, slots=True)
class Deed:
    """One act of a person on one entry."""

    name: str
    rests: Rests
    act: Act


# Each row is played one after the other on a lane of its own.
DEEDS = (
    (
        Deed("temporal cancel", Rests.PARTLY, cancel_by_temporal),
        Deed("whalecopy cancel", Rests.WHOLLY, cancel_by_whalecopy),
    ),
    (
        Deed("terminate", Rests.PARTLY, terminate),
        Deed("four exits", Rests.NO, ask_for_exit_four_times),
    ),
    (
        Deed("terminate position", Rests.NO, terminate_position),
        Deed("reset", Rests.WHOLLY, reset_then_cancel),
    ),
    (
        Deed("kill at clean-up", Rests.PARTLY, cancel_and_kill_worker),
        Deed("kill in an exit", Rests.NO, close_and_kill_worker),
    ),
)


@pytest.fixture(scope="session")
async def done(lanes: Sequence[Lane]) -> Mapping[str, Told]:
    """What became of every act."""
    told: dict[str, Told] = {}

    async def do(lane: Lane, row: int, deeds: Sequence[Deed]) -> None:
        for number, deed in enumerate(deeds, FIRST_WHALE + row * 10):
            told[deed.name] = await act_on(lane, number, deed.rests, deed.act)

    async with asyncio.TaskGroup() as group:
        for row, (lane, deeds) in enumerate(zip(lanes, DEEDS, strict=True)):
            group.create_task(do(lane, row, deeds))
    return told


def ended_well(told: Told) -> Told:
    assert not told.problems, "\n".join([*told.problems, told.log])
    return told


def test_a_trade_cancelled_in_temporal_keeps_what_it_bought(done: Mapping[str, Told]) -> None:
    told = ended_well(done["temporal cancel"])
    assert told.state == "PARTIAL"
    assert (told.orders, told.posts) == (1, 1)


def test_a_trade_cancelled_by_whalecopy_leaves_nothing(done: Mapping[str, Told]) -> None:
    told = ended_well(done["whalecopy cancel"])
    assert told.state == "CANCELLED"
    assert (told.orders, told.posts) == (1, 1)


def test_a_terminated_trade_is_settled_within_a_minute(done: Mapping[str, Told]) -> None:
    told = ended_well(done["terminate"])
    assert told.state == "PARTIAL"
    assert told.orders == 1
    assert told.seconds <= SWEPT_S


def test_a_trade_that_begins_again_sends_nothing_again(done: Mapping[str, Told]) -> None:
    told = ended_well(done["reset"])
    assert told.state == "CANCELLED"
    assert (told.orders, told.posts) == (1, 1)


def test_a_worker_killed_while_a_trade_is_cancelled_is_replaced(done: Mapping[str, Told]) -> None:
    told = ended_well(done["kill at clean-up"])
    assert told.state == "PARTIAL"
    assert told.orders == 1


def test_a_position_whose_workflow_was_terminated_is_owned_again(
    done: Mapping[str, Told],
) -> None:
    told = ended_well(done["terminate position"])
    assert told.state == "FILLED"
    assert told.seconds <= OWNED_S


def test_whoever_asks_at_once_the_position_is_left_by_one_exit(done: Mapping[str, Told]) -> None:
    told = ended_well(done["four exits"])
    assert told.exits == 1
    assert told.sold == told.bought > 0


def test_an_exit_whose_worker_was_killed_is_finished_by_the_next(done: Mapping[str, Told]) -> None:
    told = ended_well(done["kill in an exit"])
    assert told.exits == 1
    assert told.sold == told.bought > 0
    assert told.seconds <= OWNED_S
