"""Write until it is written: a database that is away is waited for, a refusal is final."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ingest.health import FeedHealth
from storage.port import StorageError, StorageUnavailableError

PAUSE_S = 0.2

T = TypeVar("T")

log = structlog.get_logger()


async def until_stored(
    write: Callable[[], Awaitable[T]], health: FeedHealth, what: str
) -> T | None:
    """Repeat a write while the database is away; return None when it refuses.

    A refusal is about this one record (a number too large, text it cannot hold): it is counted
    and told, and what comes after it goes on.
    """
    while True:
        try:
            return await write()
        except StorageUnavailableError as error:
            health.failed(what)
            log.warning("write_repeated", what=what, error=str(error))
            await asyncio.sleep(PAUSE_S)
        except StorageError as error:
            health.failed(what)
            log.error("write_refused", what=what, error=str(error))  # noqa: TRY400 - no bug of ours
            return None
