"""The public record is asked for in turns and goes on after a restart; nothing is doubled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from exchange.activity import Activity
from exchange.port import FillEvent, Quarantined, StreamReset, UnavailableError, WireError
from ingest.activity import CURSOR, ActivityFeed, PollRules
from ingest.health import SILENCE_MAX, FeedHealth
from ingest.wanted import Wanted
from storage.postgres import PostgresStore
from tests.fakes import FakeClock
from tests.ingest.desk import Ears, utc_now
from tests.storage.builders import NO, NOW, WHALE, YES, later, market, shares, whale_fill
from tests.storage.test_holdings import OTHER, move
from trading.holdings import HeldToken, MoveKind
from trading.types import Source, Wallet, WhaleFill

LIMIT_S = 20.0
QUICK = PollRules(
    busy_every=timedelta(milliseconds=20),
    idle_every=timedelta(milliseconds=40),
    between=timedelta(milliseconds=1),
    backoff_first=timedelta(milliseconds=5),
    backoff_max=timedelta(milliseconds=20),
)
REFUSED = Quarantined("data_api", "expected a size", "{}")


def told(tx: str = "0x0d") -> WhaleFill:
    return whale_fill(source=Source.DATA_API, log_index=None, block_number=None, tx=tx)


@dataclass
class FakeRecord:
    """Answers what it is given; an error stands for as long as it is there."""

    activity: Activity = field(default_factory=Activity)
    held: Sequence[HeldToken] = ()
    error: Exception | None = None
    asked: list[tuple[Wallet, datetime]] = field(default_factory=list)
    held_asked: list[Wallet] = field(default_factory=list)

    async def fetch_activity(self, wallet: Wallet, since: datetime) -> Activity:
        self.asked.append((wallet, since))
        if self.error is not None:
            raise self.error
        answer, self.activity = self.activity, replace(self.activity, fills=())
        return answer

    async def fetch_held(self, wallet: Wallet) -> Sequence[HeldToken]:
        self.held_asked.append(wallet)
        return self.held


def feed_of(
    record: FakeRecord,
    store: PostgresStore,
    ears: Ears,
    clock: Callable[[], datetime] = utc_now,
    rules: PollRules = QUICK,
) -> ActivityFeed:
    return ActivityFeed(record, (store, store), ears.health, clock, rules)


async def next_of(events: AsyncIterator[FillEvent]) -> FillEvent:
    return await asyncio.wait_for(anext(events), LIMIT_S)


async def asked_again(record: FakeRecord, times: int = 1) -> None:
    """Return once it was asked so many times more."""
    wanted = len(record.asked) + times
    async with asyncio.timeout(LIMIT_S):
        while len(record.asked) < wanted:  # noqa: ASYNC110 - a fake sets no event
            await asyncio.sleep(0.005)


class Reader:
    """Reads a feed to its end in a task of its own."""

    def __init__(self, feed: ActivityFeed, wallets: Wanted[Wallet]) -> None:
        self.seen: list[FillEvent] = []
        self._feed = feed
        self._wallets = wallets
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Reader":
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _read(self) -> None:
        async for event in self._feed.stream_fills(self._wallets):
            self.seen.append(event)


async def test_trades_are_fills_and_moves_go_into_the_records(
    store: PostgresStore, ears: Ears
) -> None:
    await store.save_market(market(), NOW)
    record = FakeRecord(Activity((told(),), (move(MoveKind.SPLIT, "40"),), (REFUSED,)))
    feed = feed_of(record, store, ears)
    assert feed.name == "data_api"
    async with Reader(feed, Wanted(frozenset({WHALE}))) as reader:
        await asked_again(record, 4)
    assert [type(e) for e in reader.seen] == [Quarantined, WhaleFill, StreamReset]
    assert await store.whale_holding(WHALE, NO, later(3600)) == 40
    assert "data_api" not in ears.health.silent()


async def test_a_whale_begins_with_what_it_holds_and_is_asked_for_with_overlap(
    store: PostgresStore, ears: Ears
) -> None:
    clock = FakeClock(NOW)
    record = FakeRecord(held=[HeldToken(WHALE, YES, shares("500"), NOW)])
    events = feed_of(record, store, ears, clock).stream_fills(Wanted(frozenset({WHALE})))
    assert isinstance(await next_of(events), StreamReset)
    assert record.asked == [(WHALE, NOW - QUICK.overlap)]
    assert record.held_asked == [WHALE]
    assert await store.whale_holding(WHALE, YES, later(1)) == 500
    assert await store.load_cursor(CURSOR + WHALE) == NOW.isoformat()


async def test_a_restart_goes_on_from_where_it_was(store: PostgresStore, ears: Ears) -> None:
    ended = NOW - timedelta(minutes=30)
    await store.save_cursor(CURSOR + WHALE, ended.isoformat(), ended)
    record = FakeRecord()
    events = feed_of(record, store, ears, FakeClock(NOW)).stream_fills(Wanted(frozenset({WHALE})))
    await next_of(events)
    assert record.asked == [(WHALE, ended - QUICK.overlap)]
    assert record.held_asked == []


async def test_after_a_long_absence_holdings_are_looked_at_again(
    store: PostgresStore, ears: Ears
) -> None:
    ended = NOW - timedelta(hours=2)
    await store.save_cursor(CURSOR + WHALE, ended.isoformat(), ended)
    record = FakeRecord()
    events = feed_of(record, store, ears, FakeClock(NOW)).stream_fills(Wanted(frozenset({WHALE})))
    await next_of(events)
    assert record.held_asked == [WHALE]
    assert record.asked == [(WHALE, ended - QUICK.overlap)]


async def test_a_conversion_asks_for_the_holdings_anew(store: PostgresStore, ears: Ears) -> None:
    record = FakeRecord(Activity(moves=(move(MoveKind.CONVERSION),)))
    async with Reader(feed_of(record, store, ears), Wanted(frozenset({WHALE}))):
        await asked_again(record, 4)
    assert record.held_asked == [WHALE, WHALE]


async def test_a_whale_that_is_followed_later_is_asked_for_at_once(
    store: PostgresStore, ears: Ears
) -> None:
    record = FakeRecord()
    slow = replace(QUICK, idle_every=timedelta(hours=1))
    wallets: Wanted[Wallet] = Wanted(frozenset({WHALE}))
    async with Reader(feed_of(record, store, ears, rules=slow), wallets):
        await asked_again(record)
        wallets.replace(frozenset({OTHER}))
        await asked_again(record)
        wallets.replace(frozenset({OTHER, WHALE}))
        await asked_again(record)
    assert [wallet for wallet, _ in record.asked] == [WHALE, OTHER, WHALE]
    assert record.asked[2][1] > record.asked[0][1]


async def test_while_the_record_does_not_answer_nothing_counts_as_known(
    store: PostgresStore, ears: Ears
) -> None:
    record = FakeRecord(error=UnavailableError("HTTP 503"))
    async with Reader(feed_of(record, store, ears), Wanted(frozenset({WHALE}))) as reader:
        await asked_again(record, 3)
        assert await store.load_cursor(CURSOR + WHALE) is None
        record.error = None
        record.activity = Activity((told(),))
        await asked_again(record, 3)
    assert [type(event) for event in reader.seen] == [WhaleFill, StreamReset]
    assert ears.failures("data_api") >= 3


async def test_an_answer_that_cannot_be_read_is_kept_and_asked_for_again(
    store: PostgresStore, ears: Ears
) -> None:
    record = FakeRecord(error=WireError("expected a page"))
    async with Reader(feed_of(record, store, ears), Wanted(frozenset({WHALE}))) as reader:
        await asked_again(record, 2)
        assert await store.load_cursor(CURSOR + WHALE) is None
        record.error = None
        await asked_again(record, 2)
    assert isinstance(reader.seen[0], Quarantined)
    assert {since for _, since in record.asked[:3]} == {record.asked[0][1]}


async def test_a_row_that_is_refused_is_told_once(store: PostgresStore, ears: Ears) -> None:
    record = FakeRecord(Activity(refused=(REFUSED, replace(REFUSED, payload="[]"))))
    async with Reader(feed_of(record, store, ears), Wanted(frozenset({WHALE}))) as reader:
        await asked_again(record, 4)
    assert len([event for event in reader.seen if isinstance(event, Quarantined)]) == 2


async def test_an_active_whale_is_asked_for_more_often(store: PostgresStore, ears: Ears) -> None:
    clock = FakeClock(NOW)
    rules = replace(QUICK, busy_every=timedelta(seconds=5), idle_every=timedelta(seconds=15))
    record = FakeRecord(Activity((told(),)))
    wallets = Wanted(frozenset({WHALE}))
    async with Reader(feed_of(record, store, ears, clock, rules), wallets):
        await asked_again(record)
        clock.advance(timedelta(seconds=7))
        wallets.replace(frozenset({WHALE, OTHER}))
        await asked_again(record, 2)
        clock.advance(timedelta(seconds=7))
        wallets.replace(frozenset({WHALE}))
        await asked_again(record)
    assert [wallet for wallet, _ in record.asked].count(WHALE) == 3
    assert [wallet for wallet, _ in record.asked].count(OTHER) == 1


async def test_while_a_fast_feed_is_silent_everybody_is_asked_for_more_often(
    store: PostgresStore,
) -> None:
    clock = FakeClock(NOW)
    health = FeedHealth(CollectorRegistry(), clock)
    health.heard("chain")
    clock.advance(SILENCE_MAX + timedelta(seconds=1))
    rules = replace(QUICK, busy_every=timedelta(seconds=5), idle_every=timedelta(seconds=15))
    record = FakeRecord()
    feed = ActivityFeed(record, (store, store), health, clock, rules)
    wallets = Wanted(frozenset({WHALE}))
    async with Reader(feed, wallets):
        await asked_again(record)
        clock.advance(timedelta(seconds=7))
        wallets.replace(frozenset({WHALE, OTHER}))
        await asked_again(record, 2)
    assert [wallet for wallet, _ in record.asked].count(WHALE) == 2
