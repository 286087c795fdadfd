"""Listen to one stream for ever: one that fails or ends is opened again, and counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import structlog

from exchange.port import ExchangeError
from ingest.health import FeedHealth

REOPEN_AFTER_S = 1.0

Event = TypeVar("Event")

log = structlog.get_logger()


def _always(event: object) -> bool:
    del event
    return True


async def listen(
    feed: str,
    open_stream: Callable[[], AsyncIterator[Event]],
    take: Callable[[Event], Awaitable[None]],
    health: FeedHealth,
    is_sign_of_life: Callable[[Event], bool] = _always,
) -> None:
    """Hand every event of a stream to `take` until cancelled.

    Streams reconnect by themselves; one that gives up for a reason of the market's is opened
    again after a second. Anything else is a bug and ends the listener.
    """
    while True:
        try:
            async for event in open_stream():
                if is_sign_of_life(event):
                    health.heard(feed)
                await take(event)
            log.warning("stream_ended", feed=feed)
        except* ExchangeError as errors:
            log.warning("stream_failed", feed=feed, error=_first_words(errors))
        health.failed(feed)
        await asyncio.sleep(REOPEN_AFTER_S)


def _first_words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
