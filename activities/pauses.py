"""Waits between two looks; a pause is an argument of whoever waits, so that tests need none."""

import asyncio
from datetime import timedelta

from temporalio import activity


async def rest(time: timedelta) -> None:
    """Wait by the event loop's own clock."""
    await asyncio.sleep(time / timedelta(seconds=1))


async def rest_at_work(time: timedelta) -> None:
    """Wait like `rest`, inside an activity, and no longer when its worker begins to shut down."""
    try:
        async with asyncio.timeout(time / timedelta(seconds=1)):
            await activity.wait_for_worker_shutdown()
    except TimeoutError:
        return
