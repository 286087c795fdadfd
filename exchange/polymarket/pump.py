"""Turns a task that emits events into an iterator that its reader may leave at any time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

EVENTS_MAX = 1000
"""Events that may wait for their reader; then the socket waits, and the venue cuts it off."""

Event = TypeVar("Event")
Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Ended:
    """The producer ended, which it never does but by a bug."""

    error: BaseException | None


async def pump(produce: Callable[[Emit[Event]], Awaitable[None]]) -> AsyncIterator[Event]:
    """Run `produce` beside the reader and yield what it emits; raise what it raised."""
    queue: asyncio.Queue[Event | _Ended] = asyncio.Queue(EVENTS_MAX)

    async def run() -> None:
        error: BaseException | None = None
        try:
            await produce(queue.put)
        except Exception as caught:  # noqa: BLE001 - handed to the reader, who raises it
            error = caught
        await queue.put(_Ended(error))

    task = asyncio.create_task(run())
    try:
        while True:
            item = await queue.get()
            if isinstance(item, _Ended):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
