"""What a process of ours sees of records, server and bell, each call a journey."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from activities.records import PositionStart
from storage.port import StorageUnavailableError
from tests.simulation import exit_records, order_records, orphan_records, position_records
from tests.simulation.hazards import FREEZE_MAX
from tests.simulation.loop import MICROS
from tests.simulation.process import Process
from trading.types import ExitRequest, PositionId, SignalId
from workflows import names

if TYPE_CHECKING:
    from tests.simulation.world import World

SLOWLY = 0.15
"""Share of the ways to the database that take time, and on which things happen."""


class Journeys:
    """The way from a process to a part of the world and back, with what happens on it."""

    def __init__(self, world: "World", process: Process) -> None:
        self.world = world
        self.process = process

    async def stumble(self) -> None:
        """Die or stand still here, if the dice say so."""
        world, hazards = self.world, self.world.hazards
        if hazards.kill and world.rng.random() < hazards.kill:
            world.kill(self.process)
            await self.process.never()
        if hazards.freeze and world.rng.random() < hazards.freeze:
            world.freeze(self.process, world.rng.randrange(MICROS, FREEZE_MAX))
            await self.process.pause(1)

    async def travel(self, least: int, most: int) -> None:
        await self.stumble()
        await self.process.pause(least + int(self.world.rng.random() * (most - least)))


class Records:
    """The records as one process reaches them; made method by method from the tables' functions."""

    def __init__(self, world: "World", process: Process) -> None:
        self.world = world
        self.journeys = Journeys(world, process)
        self.tables = world.tables

    async def reach(self, dice: float) -> None:
        """Get to the database slowly, or not at all."""
        world = self.world
        hazards = world.hazards
        if dice < hazards.db_lost or world.loop.now < world.db_down_until:
            await self.journeys.travel(1_000, 20_000)
            raise StorageUnavailableError("expected an answer of the database, received none")
        if dice < hazards.db_lost + hazards.db_slow:
            await self.journeys.travel(10_000, MICROS)
        else:
            await self.journeys.travel(200, 4_000)

    async def come_back(self, dice: float) -> None:
        """Bring the answer home, or lose it."""
        if dice < self.world.hazards.db_unsure:
            raise StorageUnavailableError("expected an answer of the database, lost it")
        await self.journeys.travel(200, 4_000)


def _remote(function: Callable[..., object]) -> Callable[..., Awaitable[object]]:
    async def call(self: Records, *args: Any, **options: Any) -> object:
        world = self.world
        dice = world.rng.random()
        if dice < SLOWLY or world.loop.now < world.db_down_until:
            await self.reach(dice)
        answer = function(self.tables, *args, **options)
        dice = world.rng.random()
        if dice < SLOWLY:
            await self.come_back(dice)
        return answer

    return call


def _public(module: ModuleType) -> dict[str, Callable[..., object]]:
    return {
        name: member
        for name, member in vars(module).items()
        if callable(member) and getattr(member, "__module__", "") == module.__name__
    }


OPERATIONS = (
    _public(order_records)
    | _public(orphan_records)
    | _public(position_records)
    | _public(exit_records)
)
for _name, _function in OPERATIONS.items():
    setattr(Records, "fold" if _name == "fold_evidence" else _name, _remote(_function))


class Bell:
    """Wakes who waits in one process; a ring that nobody waited for is kept."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._process = process
        self._kept: set[tuple[str, str]] = set()
        self._waiting: dict[tuple[str, str], list[asyncio.Future[object]]] = {}

    async def wait(self, channel: str, key: str, timeout: timedelta) -> bool:
        place = (channel, key)
        if place in self._kept:
            self._kept.discard(place)
            return True
        loop = self._world.loop
        future = loop.create_future()
        self._waiting.setdefault(place, []).append(future)
        loop.after(timeout // timedelta(microseconds=1), self._process.wake, future, False)
        return bool(await future)

    def ring(self, channel: str, key: str) -> None:
        if self._process.is_dead or self._world.rng.random() < self._world.hazards.bell_deaf:
            return
        waiting = [f for f in self._waiting.pop((channel, key), ()) if not f.done()]
        if not waiting:
            self._kept.add((channel, key))
        for future in waiting:
            self._world.loop.call_soon(self._process.wake, future, True)


class Owners:
    """The server as one process asks it who runs."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._journeys = Journeys(world, process)

    async def running_trades(self, signal_ids: Collection[SignalId]) -> frozenset[SignalId]:
        await self._reach()
        server = self._world.server
        return frozenset(s for s in signal_ids if server.is_running(names.copy_trade_id(s)))

    async def running_positions(
        self, position_ids: Collection[PositionId]
    ) -> frozenset[PositionId]:
        await self._reach()
        name, server = names.position_workflow_id, self._world.server
        return frozenset(p for p in position_ids if server.is_running(name(p)))

    async def own_position(self, position_id: PositionId) -> None:
        await self._reach()
        workflow_id = names.position_workflow_id(position_id)
        self._world.server.start(workflow_id, "PositionWorkflow", (PositionStart(position_id),))

    async def ask_exit(self, position_id: PositionId, request: ExitRequest) -> bool:
        await self._reach()
        owner = names.position_workflow_id(position_id)
        return self._world.server.signal(owner, names.REQUEST_EXIT, request)

    async def _reach(self) -> None:
        await self._journeys.travel(500, 10_000)
        if self._world.loop.now < self._world.server.down_until:
            raise ConnectionError("expected an answer of the server, received none")
