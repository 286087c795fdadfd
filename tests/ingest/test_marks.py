import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

from ingest.marks import MarkBook
from storage.cache import RedisCache
from storage.port import Mark
from storage.postgres import PostgresStore
from storage.watch_port import MarkCache
from tests.beside import beside
from tests.ingest.desk import Ears, ShakyStore, book_of, until, utc_now
from tests.storage.builders import NO, WALLET, YES, bought, usd
from trading.types import TokenId


class StuckCache:
    """A cache that never answers."""

    async def put_mark(self, mark: Mark) -> None:
        await asyncio.Event().wait()

    async def put_marks(self, marks: Sequence[Mark]) -> None:
        await asyncio.Event().wait()

    async def get_mark(self, token_id: TokenId) -> Mark | None:
        return None


@asynccontextmanager
async def running(marks: MarkBook) -> AsyncIterator[None]:
    async with beside(marks.run()):
        yield


async def hold_some(store: PostgresStore) -> None:
    await store.record_deposit(usd(10_000), "bankroll", utc_now())
    assert await store.acquire_lease(WALLET, "us", utc_now()) == 1
    await bought(store)


async def test_a_mark_reaches_cache_and_records(
    store: PostgresStore, valkey_url: str, ears: Ears
) -> None:
    await hold_some(store)
    cache = RedisCache(valkey_url, utc_now)
    marks = MarkBook(cache, store, ears.health)

    async def cached() -> bool:
        marks.put(book_of("0.61"))
        return await cache.get_mark(YES) is not None

    async def saved() -> bool:
        [position] = await store.list_open()
        return str(position.mark_price) == "0.610000"

    async with running(marks):
        await until(cached)
        await until(saved)
    await cache.close()


async def test_a_stuck_cache_and_an_absent_database_only_delay_marks(
    store: PostgresStore, ears: Ears
) -> None:
    await hold_some(store)
    shaky = ShakyStore(store)
    shaky.away = {"save_marks": 1}
    marks = MarkBook(cast("MarkCache", StuckCache()), cast("PostgresStore", shaky), ears.health)

    async def saved() -> bool:
        [position] = await store.list_open()
        return str(position.mark_price) == "0.620000"

    async with running(marks):
        marks.put(book_of("0.61"))
        marks.put(book_of("0.62"))
        await until(saved)
    assert ears.failures("marks") == 1


def test_only_the_books_of_what_is_held_are_kept(store: PostgresStore, ears: Ears) -> None:
    marks = MarkBook(StuckCache(), store, ears.health)
    held = book_of("0.61")
    marks.put(held)
    marks.put(book_of("0.39", token_id=NO))
    marks.keep_only(frozenset({YES}))
    assert marks.find(YES) is held
    assert marks.find(NO) is None
    marks.clear(frozenset({NO}))
    assert marks.find(YES) is held
    marks.clear()
    assert marks.find(YES) is None
