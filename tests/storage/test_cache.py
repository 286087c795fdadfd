import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from redis.asyncio import Redis

from storage.cache import RedisCache
from storage.port import Mark
from tests.storage.builders import NO, NOW, YES, price
from trading.types import TokenId

MARK = Mark(YES, price("0.55"), NOW)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(valkey_url: str, clock: Clock) -> AsyncIterator[RedisCache]:
    cache = RedisCache(valkey_url, clock)
    yield cache
    await cache.close()


async def test_a_mark_is_kept_and_found(cache: RedisCache) -> None:
    await cache.put_mark(MARK)
    assert await cache.get_mark(YES) == MARK
    assert await cache.get_mark(NO) is None


async def test_a_mark_is_believed_for_a_second(cache: RedisCache, clock: Clock) -> None:
    await cache.put_mark(MARK)
    clock.now = NOW + timedelta(seconds=1)
    assert await cache.get_mark(YES) == MARK
    clock.now += timedelta(microseconds=1)
    assert await cache.get_mark(YES) is None


async def test_redis_drops_it_after_a_second(cache: RedisCache, valkey_url: str) -> None:
    await cache.put_mark(MARK)
    redis = Redis.from_url(valkey_url)
    left = await redis.pttl(f"mark:{YES}")
    await redis.aclose()
    assert 0 < left <= 1000


@pytest.mark.parametrize(
    "words",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        '{"price": "NaN", "at": "2026-11-22T12:00:00+00:00"}',
        '{"price": "7", "at": "2026-11-22T12:00:00+00:00"}',
        '{"price": "0.5", "at": "2026-11-22T12:00:00"}',
        '{"price": "x", "at": "2026-11-22T12:00:00+00:00"}',
        '{"price": "0.5", "at": "yesterday"}',
    ],
)
async def test_what_is_no_mark_is_not_found(cache: RedisCache, valkey_url: str, words: str) -> None:
    redis = Redis.from_url(valkey_url)
    await redis.set(f"mark:{YES}", words)
    await redis.aclose()
    assert await cache.get_mark(YES) is None


async def test_without_redis_nothing_is_kept_and_nothing_is_found(clock: Clock) -> None:
    cache = RedisCache("redis://127.0.0.1:1", clock)
    await cache.put_mark(MARK)
    assert await cache.get_mark(YES) is None
    await cache.close()


async def test_marks_are_kept_together(cache: RedisCache) -> None:
    await cache.put_marks([MARK, replace(MARK, token_id=NO)])
    await cache.put_marks([])
    assert await cache.get_mark(YES) == MARK
    assert await cache.get_mark(NO) is not None


async def test_a_writer_that_is_cancelled_ends(cache: RedisCache) -> None:
    """Whatever the driver makes of a cancellation in the middle of its talk."""
    written = [0]

    async def write() -> None:
        while True:
            await cache.put_marks([replace(MARK, token_id=TokenId(str(n))) for n in range(20)])
            written[0] += 1

    rng = Random(1)
    for _ in range(50):
        task = asyncio.create_task(write())
        await asyncio.sleep(rng.random() / 100)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done
        assert task.cancelled()
    assert written[0] > 0
