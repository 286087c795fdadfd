"""The kill switch at random instants under load: the venue gets no entry a second later."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence

import pytest

import storage.orders
import storage.reserve
from exchange.polymarket.endpoints import VenueAccess
from storage.guard_port import KillSource
from tests.activities.kill_stand import Round, Stand, loaded
from tests.activities.stands import Stands
from trading.breakers import Standing
from trading.types import Side

SIGNALS_PER_S = 50
STANDS = 5
ROUNDS = 6
SOURCES = list(KillSource)


async def pulled(stand: Stand, rounds: int, seed: int) -> list[Round]:
    """Pull each source in turn, at random instants."""
    rng = random.Random(seed)
    await stand.hold_something()
    async with loaded(stand):
        return [await stand.round(SOURCES[n % len(SOURCES)], rng) for n in range(rounds)]


def faults(rounds: Sequence[Round]) -> dict[str, int]:
    """Return what must be nothing."""
    return {
        "late entries": sum(each.late for each in rounds),
        "resting after two seconds": sum(each.rests_after for each in rounds),
        "exits that were held": sum(not each.exit_was_sent for each in rounds),
    }


NOTHING = {"late entries": 0, "resting after two seconds": 0, "exits that were held": 0}


async def run(stands: Stands, venue: VenueAccess, rounds: int, seed: int) -> None:
    opened = [await stands.open(venue, f"w{n}", SIGNALS_PER_S) for n in range(STANDS)]
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(pulled(stand, rounds, seed + n)) for n, stand in enumerate(opened)
        ]
    flat = [each for task in tasks for each in task.result()]
    sent = sum(stand.sent for stand in opened)
    worst, slowest = max(r.last_ms for r in flat), max(r.cleared_ms for r in flat)
    told = sum(stand.told for stand in opened)
    rate = told / len(opened) / (time.monotonic() - began)
    figures = f"{len(flat)} pulls, {told} signals, {rate:.0f}/s each, {sent} entries sent"
    after = f"the last {worst} ms after a pull; no entry rests {slowest} ms after any"
    sys.stdout.write(f"{figures}, {after}\n")
    assert {r.source for r in flat} == set(SOURCES)
    assert sent >= len(flat), "expected entries to be sent between the pulls"
    assert faults(flat) == NOTHING, f"seed {seed}"


async def test_thirty_pulls_under_fifty_signals_a_second_let_no_entry_through(
    stands: Stands, venue: VenueAccess
) -> None:
    await run(stands, venue, ROUNDS, seed=random.randrange(10**6))


@pytest.mark.acceptance
@pytest.mark.parametrize("part", range(10))
async def test_a_thousand_pulls_let_no_entry_through(
    stands: Stands, venue: VenueAccess, part: int
) -> None:
    await run(stands, venue, 20, seed=1000 * part)


# The harness must notice what it is there for


async def test_a_flag_cached_for_ten_seconds_and_exits_that_are_held_are_noticed(
    stands: Stands, venue: VenueAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = await stands.open(venue, "w0", SIGNALS_PER_S)
    await stand.hold_something()

    async def cached(*_: object) -> Standing:
        return Standing()  # as it was before the pull

    async def no_halt(*_: object) -> str:
        return ""

    monkeypatch.setattr(storage.reserve, "load_standing", cached)
    monkeypatch.setattr(storage.orders, "find_halt", no_halt)
    stand.orders = stand.senders(holds(lambda side: side is Side.SELL))
    async with loaded(stand):
        found = await stand.round(KillSource.COMMAND, random.Random(1))
    told = faults([found])
    assert told["late entries"] > 0
    assert told["exits that were held"] == 1


def holds(answer: Callable[[Side], bool]) -> "Callable[[Side], asyncio.Future[bool]]":
    def brake(side: Side) -> "asyncio.Future[bool]":
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        told.set_result(answer(side))
        return told

    return brake
