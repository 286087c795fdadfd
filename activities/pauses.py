"""Waits between two looks; a pause is an argument of whoever waits, so that tests need none."""

import asyncio
from datetime import timedelta


async def rest(time: timedelta) -> None:
    """Wait by the event loop's own clock."""
    await asyncio.sleep(time / timedelta(seconds=1))
