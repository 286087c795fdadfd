"""What every long-running process of ours does alike: its clock, its stop, its end."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn


def utc_now() -> datetime:
    """Return the wall clock as aware UTC."""
    return datetime.now(UTC)


async def until_stopped(*work: Coroutine[Any, Any, None]) -> None:
    """Run until one fails or the process is asked to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in work]
        await stop.wait()
        for task in tasks:
            task.cancel()


def leave(code: int) -> NoReturn:
    """End at once, all flushed: a finalising interpreter may abort under the SDK's threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
