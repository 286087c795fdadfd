"""A feed that is silent for more than 30 s raises one alarm, which ends when it is heard."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

import ingest.silence
from ingest.health import FeedHealth
from ingest.silence import SilenceWatch
from ingest.wanted import Wanted
from storage.feed_audit import list_silences
from storage.postgres import PostgresStore
from tests.fakes import FakeClock
from tests.ingest.desk import ShakyStore, until
from tests.storage.builders import NOW, WHALE
from trading.types import Wallet

FOLLOWED: Wanted[Wallet] = Wanted(frozenset({WHALE}))


class Desk:
    """A watch of two feeds by a clock that is set by hand."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.clock = FakeClock(NOW)
        self.health = FeedHealth(CollectorRegistry(), self.clock)
        self.watch = SilenceWatch(("chain", "rtds"), store, self.health, self.clock)
        for feed in ("chain", "rtds"):
            self.health.expect(feed)

    async def after(self, seconds: int, wallets: Wanted[Wallet] = FOLLOWED) -> list[str]:
        self.clock.advance(timedelta(seconds=seconds))
        await self.watch.look(wallets)
        return [silence.feed for silence in await list_silences(self.store)]


async def test_an_alarm_is_raised_after_thirty_seconds_and_ends_with_the_next_word(
    store: PostgresStore,
) -> None:
    desk = Desk(store)
    assert await desk.after(30) == []
    desk.health.heard("chain")
    assert await desk.after(1) == ["rtds"]
    assert await desk.after(20) == ["rtds"]
    desk.health.heard("rtds")
    assert await desk.after(20) == ["chain"]


async def test_nobody_is_expected_to_speak_while_no_wallet_is_followed(
    store: PostgresStore,
) -> None:
    desk = Desk(store)
    assert await desk.after(31) == ["chain", "rtds"]
    assert await desk.after(1, Wanted()) == []
    assert await desk.after(25, Wanted()) == []
    assert await desk.after(25) == []


async def test_an_alarm_that_cannot_be_written_is_written_later(store: PostgresStore) -> None:
    shaky = ShakyStore(store)
    shaky.away = {"begin_silence": 1}
    desk = Desk(cast("PostgresStore", shaky))
    desk.store = store
    assert await desk.after(31) == []
    assert await desk.after(1) == ["chain", "rtds"]


async def test_what_an_earlier_process_left_open_is_ended(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.silence, "LOOK_EVERY_S", 0.01)
    await store.begin_silence("rtds", NOW, NOW)
    task = asyncio.create_task(Desk(store).watch.run(FOLLOWED))

    async def ended() -> bool:
        return await list_silences(store) == []

    await until(ended)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
