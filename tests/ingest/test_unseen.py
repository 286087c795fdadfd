import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from sqlalchemy import select

import ingest.shards
import ingest.unseen
from ingest.unseen import CLOSED_AGAIN_AFTER, UNSEEN_MAX, UnseenWatch
from storage.port import PositionRecord, StorageUnavailableError
from storage.postgres import PostgresStore
from storage.tables import events
from storage.watch_port import UnseenPrices, WatchStore
from tests.ingest.desk import Ears, book_of, until
from tests.ingest.test_exits import position
from tests.ingest.test_watch import Room
from tests.storage.builders import NO, NOW, WALLET, YES, bought, usd
from trading.types import PositionId, PositionState

SECOND = timedelta(seconds=1)


@dataclass
class Queue:
    """A review queue that keeps what it is told; it is away for the first few."""

    away: int = 0
    open: list[UnseenPrices] = field(default_factory=list)
    closed: int = 0

    async def open_unseen(self, unseen: UnseenPrices) -> bool:
        if self.away:
            self.away -= 1
            raise StorageUnavailableError("no database")
        self.open.append(unseen)
        return True

    async def close_unseen(self, now: datetime) -> bool:
        self.closed += 1
        return True


@dataclass
class Desk:
    """A watch for unseen prices of one position, with a time that is set."""

    ears: Ears
    now: datetime = NOW
    watched: Sequence[PositionRecord] | None = (position(),)
    queue: Queue = field(default_factory=Queue)
    store: PostgresStore | None = None
    looks: int = 0

    def look(self) -> Sequence[PositionRecord] | None:
        self.looks += 1
        return self.watched

    @asynccontextmanager
    async def running(self) -> AsyncIterator[UnseenWatch]:
        store = cast("WatchStore", self.store or self.queue)
        watch = UnseenWatch(store, lambda: self.now, self.ears.health)
        watch.keep_only(frozenset({YES}))
        task = asyncio.create_task(watch.run(self.look))
        try:
            yield watch
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def later(self, after: timedelta) -> None:
        """Let the time pass and two looks be taken."""
        self.now += after
        looks = self.looks

        async def looked() -> bool:
            return self.looks >= looks + 3  # the third begins when the second is over

        await until(looked)


@pytest.fixture
def desk(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A watch that looks all the time."""
    monkeypatch.setattr(ingest.unseen, "LOOK_EVERY_S", 0)
    return Desk(ears)


async def test_a_price_that_nobody_saw_for_a_minute_calls_a_person_once(desk: Desk) -> None:
    async with desk.running() as watch:
        watch.note(book_of("0.40", received_at=NOW + SECOND))
        await desk.later(UNSEEN_MAX + SECOND)
        assert desk.queue.open == []
        await desk.later(SECOND)
        await desk.later(SECOND)
    [told] = desk.queue.open
    assert (told.count, told.position_ids, told.since) == (1, (PositionId("p1"),), NOW + SECOND)


async def test_a_token_counts_from_when_it_is_first_watched(desk: Desk) -> None:
    async with desk.running():
        await desk.later(UNSEEN_MAX)
        assert desk.queue.open == []
        await desk.later(SECOND)
    assert desk.queue.open[0].since == NOW


async def test_when_every_price_is_seen_again_the_page_is_taken_back(desk: Desk) -> None:
    async with desk.running() as watch:
        await desk.later(UNSEEN_MAX + SECOND)
        assert (len(desk.queue.open), desk.queue.closed) == (1, 0)
        watch.note(book_of("0.40", received_at=desk.now))
        await desk.later(SECOND)
        assert desk.queue.closed == 1
        await desk.later(UNSEEN_MAX)
    assert len(desk.queue.open) == 2


async def test_what_an_earlier_process_told_stands_until_all_prices_are_seen(desk: Desk) -> None:
    other = replace(position(), position_id=PositionId("p2"), token_id=NO)
    desk.watched = (position(), other)
    async with desk.running() as watch:
        watch.keep_only(frozenset({YES, NO}))
        watch.note(book_of("0.40", received_at=NOW))
        await desk.later(SECOND)
        assert desk.queue.closed == 0
        watch.note(book_of("0.40", token_id=NO, received_at=NOW))
        await desk.later(SECOND)
    assert desk.queue.closed == 1


async def test_who_has_no_part_in_the_watch_tells_nothing(desk: Desk) -> None:
    desk.watched = None
    async with desk.running():
        await desk.later(UNSEEN_MAX * 2)
    assert (desk.queue.open, desk.queue.closed) == ([], 0)


async def test_of_two_listeners_one_calls_and_whoever_has_the_watch_takes_it_back(
    store: PostgresStore, desk: Desk, ears: Ears
) -> None:
    """The one that takes over finds the review that stands: one page for one fact."""
    other = Desk(ears)
    desk.store = other.store = store

    async def pages() -> int:
        query = select(events.c.event_id).where(events.c.severity == "PAGE")
        async with store.transaction() as connection:
            return len((await connection.execute(query)).all())

    async with desk.running():
        await desk.later(UNSEEN_MAX + SECOND)
        desk.watched, other.now = None, desk.now
        async with other.running() as second:
            await other.later(SECOND)
            assert len(await store.list_reviews(open_only=True, limit=9)) == 1
            await other.later(UNSEEN_MAX)
            assert await pages() == 1
            second.note(book_of("0.40", received_at=other.now))
            await other.later(SECOND)
            assert await store.list_reviews(open_only=True, limit=9) == []
        await desk.later(UNSEEN_MAX)
    assert await pages() == 1


async def test_what_a_listener_that_lost_the_watch_told_too_late_is_taken_back(desk: Desk) -> None:
    async with desk.running() as watch:
        watch.note(book_of("0.40", received_at=desk.now))
        await desk.later(SECOND)
        await desk.later(SECOND)
        assert desk.queue.closed == 1
        await desk.later(CLOSED_AGAIN_AFTER - 2 * SECOND)
        watch.note(book_of("0.40", received_at=desk.now + 3 * SECOND))
        await desk.later(3 * SECOND)
        assert desk.queue.closed == 2


async def test_what_is_resolved_or_forgotten_needs_no_price(desk: Desk) -> None:
    desk.watched = (replace(position(), state=PositionState.RESOLVED),)
    async with desk.running() as watch:
        await desk.later(UNSEEN_MAX * 2)
        watch.keep_only(frozenset())
        desk.watched = ()
        await desk.later(UNSEEN_MAX * 2)
    assert desk.queue.open == []


async def test_while_the_database_is_away_it_is_told_later(desk: Desk) -> None:
    desk.queue.away = 2
    async with desk.running():
        await desk.later(UNSEEN_MAX + SECOND)
        await desk.later(SECOND)
    assert len(desk.queue.open) == 1
    assert desk.ears.failures("unseen") == 2


async def test_who_may_have_lost_the_watch_calls_nobody(
    store: PostgresStore, ears: Ears, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records were away for longer than the lease: another may watch, and see every price."""
    for module, name, value in (
        (ingest.unseen, "UNSEEN_MAX", -SECOND),
        (ingest.unseen, "LOOK_EVERY_S", 0),
        (ingest.shards, "WATCH_LEASE", timedelta()),
    ):
        monkeypatch.setattr(module, name, value)
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    await store.acquire_lease(WALLET, "us", NOW)
    await bought(store)
    room = Room(store, ears)

    async def is_watched() -> bool:
        return room.prices.wanted is not None and room.prices.wanted.current() == {YES}

    async with room.watching(database_url):
        await until(is_watched)
        for _ in range(20):
            await asyncio.sleep(0.01)
    assert await store.list_reviews(open_only=True, limit=9) == []
