import asyncio
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.pauses import rest, rest_at_work


async def test_a_pause_takes_its_time() -> None:
    await rest(timedelta(0))


async def test_a_pause_at_work_takes_its_time() -> None:
    await ActivityEnvironment().run(rest_at_work, timedelta(0))


async def test_a_pause_at_work_ends_with_its_worker() -> None:
    env = ActivityEnvironment()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(env.run(rest_at_work, timedelta(hours=1)))
        await asyncio.sleep(0)
        env.worker_shutdown()
