"""The kill switch at random instants under load: the venue gets no entry a second later."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

import storage.orders
import storage.reserve
from exchange.polymarket.endpoints import VenueAccess
from storage.guard_port import KillSource
from tests.activities.kill_stand import Round, Stand, loaded, open_stand
from tests.exchange.venue_process import running_venue
from tests.servers import DatabaseServer
from trading.breakers import Standing
from trading.types import Side

SIGNALS_PER_S = 50
STANDS = 5
ROUNDS = 6
SOURCES = list(KillSource)


@pytest_asyncio.fixture(scope="module")
async def venue(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VenueAccess]:
    """The local venue as a process of its own, with a market that stays open for an hour."""
    home = tmp_path_factory.mktemp("venue")
    async with running_venue(home, "--speed", "0.015", "--bankroll", "1000000") as access:
        yield access


class Stands:
    """Opens wallets, each with records of its own."""

    def __init__(
        self, stack: AsyncExitStack, databases: DatabaseServer, template: str, home: Path
    ) -> None:
        self._stack = stack
        self._databases = databases
        self._template = template
        self._home = home

    async def open(self, venue: VenueAccess, count: int) -> Sequence[Stand]:
        return [await self._open(venue, SIGNALS_PER_S, n) for n in range(count)]

    async def _open(self, venue: VenueAccess, per_s: int, n: int) -> Stand:
        name = await self._databases.create(self._template)
        self._stack.push_async_callback(self._databases.drop, name)
        url, home = self._databases.url(name), self._home / f"home{n}"
        home.mkdir()
        opened = open_stand(venue, url, home, per_s, f"w{n}")
        return await self._stack.enter_async_context(opened)


@pytest.fixture
async def stands(
    database_server: DatabaseServer, migrated_template: str, tmp_path: Path
) -> AsyncIterator[Stands]:
    async with AsyncExitStack() as stack:
        yield Stands(stack, database_server, migrated_template, tmp_path)


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
    opened, began = await stands.open(venue, STANDS), time.monotonic()
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
    (stand,) = await stands.open(venue, 1)
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
