"""Marks in Redis: kept for a second, believed for a second, missed without harm."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.port import Mark
from trading.types import Price, TokenId

KEPT_FOR = timedelta(seconds=1)
ANSWER_WITHIN_S = 0.5

log = structlog.get_logger()


class RedisCache:
    """Keeps the newest mark of each token.

    The time of the mark travels inside: one that is older than a second is no mark, however it
    came to be there. When Redis is away, nothing is kept and nothing is found.
    """

    def __init__(self, redis_url: str, clock: Callable[[], datetime]) -> None:
        self._redis = Redis.from_url(
            redis_url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S
        )
        self._clock = clock

    async def put_mark(self, mark: Mark) -> None:
        """Keep a token's mark for a second."""
        await self.put_marks([mark])

    async def put_marks(self, marks: Sequence[Mark]) -> None:
        """Keep each token's mark for a second, all in one round trip."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for mark in marks:
                    words = json.dumps({"price": str(mark.price), "at": mark.at.isoformat()})
                    pipe.set(_key(mark.token_id), words, px=KEPT_FOR)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("marks_not_kept", marks=len(marks), error=str(error))
        _end_if_cancelled()

    async def get_mark(self, token_id: TokenId) -> Mark | None:
        """Return a token's mark, or None when it is older than a second or gone."""
        try:
            words = await self._redis.get(_key(token_id))
        except (RedisError, OSError) as error:
            log.warning("mark_not_read", token_id=token_id, error=str(error))
            return None
        mark = _read(token_id, words) if words is not None else None
        if mark is None or self._clock() - mark.at > KEPT_FOR:
            return None
        return mark

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _end_if_cancelled() -> None:
    """Raise the cancellation that the driver took for one of its own timeouts."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _key(token_id: TokenId) -> str:
    return f"mark:{token_id}"


def _read(token_id: TokenId, words: bytes | str) -> Mark | None:
    """Parse what Redis returned; whatever is not a mark, somebody else put there."""
    try:
        fields: dict[str, str] = json.loads(words)
        price, at = Decimal(fields["price"]), datetime.fromisoformat(fields["at"])
        is_sane = 0 <= price <= 1 and at.tzinfo is not None
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return None
    return Mark(token_id, Price(price), at.astimezone(UTC)) if is_sane else None
