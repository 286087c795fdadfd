"""Strikes as planned: SIGKILL, SIGSTOP, an immediate stop; what was struck comes back by itself."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.chaos.kill_plan import Kill, KillKind
from tests.chaos.stage import INGEST, WORKERS, Scene

FLUSH_BELOW = 0.5


class Killer:
    """Carries out a plan of kills and counts what was really struck."""

    def __init__(self, scene: Scene, plan: Sequence[Kill]) -> None:
        self._scene = scene
        self._plan = plan
        self.struck: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    async def run(self, started_s: float) -> None:
        """Strike until the plan is over; times count from `started_s` of the loop's clock."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as thaws:
            for kill in self._plan:
                await asyncio.sleep(max(0.0, started_s + kill.at_s - loop.time()))
                if await self._strike(kill, thaws):
                    self.struck[kill.kind] += 1
                else:
                    self.missed[kill.kind] += 1

    async def _strike(self, kill: Kill, thaws: asyncio.TaskGroup) -> bool:
        match kill.kind:
            case KillKind.TEMPORAL:
                return self._signal("temporal", signal.SIGKILL)
            case KillKind.POSTGRES:
                return self._signal("postgres", signal.SIGQUIT)  # "immediate": no checkpoint
            case KillKind.VALKEY if kill.die < FLUSH_BELOW:
                return await _flush(self._scene.addresses.redis_url)
            case KillKind.VALKEY:
                return self._signal("valkey", signal.SIGKILL)
            case _:
                return self._strike_children(kill, thaws)

    def _strike_children(self, kill: Kill, thaws: asyncio.TaskGroup) -> bool:
        nursery = self._scene.nursery
        worker = WORKERS[int(kill.die * len(WORKERS))]
        if kill.kind is KillKind.BOTH_WORKERS:
            return None not in [nursery.kill(name) for name in WORKERS]
        if kill.kind is KillKind.FREEZE:
            pid = nursery.kill(worker, signal.SIGSTOP)
            if pid is not None:
                thaws.create_task(_thaw(pid, kill.lasts_s))
            return pid is not None
        return nursery.kill(INGEST if kill.kind is KillKind.INGEST else worker) is not None

    def _signal(self, name: str, number: signal.Signals) -> bool:
        pid = self._scene.stack.pids.get(name)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False


async def _thaw(pid: int, lasts_s: float) -> None:
    await asyncio.sleep(lasts_s)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def _flush(redis_url: str) -> bool:
    client = Redis.from_url(redis_url)
    try:
        await client.flushall()
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
    return True
