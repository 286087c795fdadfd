"""What every long-running process of ours does alike: its clock, its stop, its end."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn

PR_SET_DUMPABLE = 4  # of <linux/prctl.h>


BUILD = "0.1.0"
"""Which code this is; Temporal hears it from each worker."""


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


def protect(*, holds_a_key: bool) -> None:
    """Keep what is in this process's memory in it; more strictly where a person's key is."""
    leave_no_core()
    if holds_a_key:
        close_memory()


def leave_no_core() -> None:
    """Let a crash of this process leave no image of its memory on the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def close_memory() -> None:
    """Let no other process of this user read our memory and environment, nor trace us.

    Linux only; elsewhere the system decides. It takes debuggers and profilers away too, so only
    processes that hold a person's key ask for it.

    Raises:
        OSError: the kernel refused.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"expected the kernel to close our memory: {os.strerror(number)}")


def settle_memory() -> None:
    """Let the collector pass over all that stands now: call it when everything is loaded.

    A full collection walks through every module and class otherwise, 95,000 objects in the
    listener, and a frame that comes meanwhile waits for it.
    """
    gc.collect()
    gc.freeze()


def leave(code: int) -> NoReturn:
    """End at once, all flushed: a finalising interpreter may abort under the SDK's threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
