import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import cast

import pytest
from sqlalchemy import func, select
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import ingest.listen
import ingest.owner_line
import ingest.shards
import ingest.trails
import ingest.watch
from exchange.port import (
    BookChange,
    LastTrade,
    MarketData,
    MarketEvent,
    MarketResolution,
    Quarantined,
    StreamReset,
    TokenSet,
    UnavailableError,
)
from ingest.watch import PriceWatch, WatchPorts
from storage.bell import PostgresBell
from storage.level_port import exit_levels, kept_levels
from storage.port import Levels, Mark, PositionRecord
from storage.postgres import PostgresStore
from storage.tables import events
from tests.beside import beside
from tests.ingest.desk import Ears, ShakyStore, book_of, count_quarantined, until, utc_now
from tests.storage.builders import MARKET, NOW, WALLET, YES, bought, market, price, sold, usd
from trading.rules import ExitRules
from trading.types import ExitReason, ExitRequest, OrderBook, PositionId, TokenId
from workflows import names

READS_SOON = ExitRules(
    reads_apart=timedelta(milliseconds=20), doubt_max=timedelta(milliseconds=100)
)


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and open streams again at once."""
    monkeypatch.setattr(ingest.watch, "POSITIONS_POLL", timedelta(milliseconds=50))
    monkeypatch.setattr(ingest.watch, "POSITIONS_PAUSE_S", 0.01)
    monkeypatch.setattr(ingest.watch, "READING_SHARE", 0)
    monkeypatch.setattr(ingest.watch, "DOUBTS_EVERY_S", 0.02)
    monkeypatch.setattr(ingest.shards, "RENEW_EVERY_S", 0.05)
    monkeypatch.setattr(ingest.owner_line, "RETRY_S", 0.01)
    monkeypatch.setattr(ingest.trails, "RETRY_S", 0.01)
    monkeypatch.setattr(ingest.listen, "REOPEN_AFTER_S", 0)


class NoCache:
    """A cache that keeps nothing."""

    async def put_mark(self, mark: Mark) -> None:
        return

    async def put_marks(self, marks: Sequence[Mark]) -> None:
        return

    async def get_mark(self, token_id: TokenId) -> Mark | None:
        return None


@dataclass
class Prices:
    """Market data that tells what it is told to, and answers with what it last told."""

    told: asyncio.Queue[MarketEvent | Exception] = field(default_factory=asyncio.Queue)
    wanted: TokenSet | None = None
    answer: OrderBook | None = None

    async def fetch_books(self, token_ids: Sequence[TokenId]) -> Sequence[OrderBook]:
        return [] if self.answer is None else [replace(self.answer, received_at=utc_now())]

    def tell(self, *events: MarketEvent | Exception) -> None:
        for event in events:
            self.told.put_nowait(event)

    async def stream_market(self, tokens: TokenSet) -> AsyncIterator[MarketEvent]:
        self.wanted = tokens
        while True:
            event = await self.told.get()
            if isinstance(event, Exception):
                raise event
            yield event


@dataclass
class Temporal:
    """A client that notes the signals it delivers; it is away for the first few."""

    away: list[Exception] = field(default_factory=list)
    delivered: list[tuple[str, str, tuple[ExitRequest, ...]]] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> "Handle":
        return Handle(self, workflow_id)


@dataclass
class Handle:
    """A handle of one workflow."""

    temporal: Temporal
    workflow_id: str

    async def signal(
        self, signal: str, *, args: tuple[ExitRequest, ...], rpc_timeout: timedelta
    ) -> None:
        if self.temporal.away:
            raise self.temporal.away.pop()
        self.temporal.delivered.append((self.workflow_id, signal, args))


@dataclass
class Room:
    """A watch with everything around it."""

    store: PostgresStore
    ears: Ears
    prices: Prices = field(default_factory=Prices)
    temporal: Temporal = field(default_factory=Temporal)

    @asynccontextmanager
    async def watching(self, database_url: str, holder: str = "a") -> AsyncIterator[None]:
        bell = PostgresBell(database_url)
        ports = WatchPorts(
            market_data=cast("MarketData", self.prices),
            books=self.prices,
            positions=self.store,
            facts=self.store,
            cache=NoCache(),
            bell=bell,
            temporal=cast("Client", self.temporal),
            health=self.ears.health,
        )
        try:
            async with beside(PriceWatch(ports, READS_SOON, utc_now, holder).run()):
                yield
        finally:
            await bell.close()

    async def tell_until_signalled(self, *bids: str) -> ExitRequest:
        """Tell books at these bids again and again until an exit is requested."""

        async def requested() -> bool:
            for bid in bids:
                self.prices.tell(BookChange(book_of(bid)))
            await asyncio.sleep(0.03)
            return any(signal == names.REQUEST_EXIT for _, signal, _ in self.temporal.delivered)

        await until(requested)
        return next(a[0] for _, s, a in self.temporal.delivered if s == names.REQUEST_EXIT)

    async def position(self) -> PositionRecord:
        [position] = await self.store.list_open()
        return position

    async def high_water_becomes(self, bid: str) -> None:
        async def hold() -> bool:
            self.prices.tell(BookChange(book_of(bid)))
            return (await self.position()).high_water_price == Decimal(bid)

        await until(hold)


@pytest.fixture
async def room(store: PostgresStore, ears: Ears) -> Room:
    """A watch over a position of 100 shares bought at 0.50."""
    await store.record_deposit(usd(10_000), "bankroll", NOW)
    assert await store.acquire_lease(WALLET, "us", NOW) == 1
    await bought(store)
    return Room(store, ears)


async def test_a_position_that_falls_through_its_stop_is_to_be_left(
    room: Room, database_url: str
) -> None:
    async with room.watching(database_url):
        request = await room.tell_until_signalled("0.40")
    assert (request.reason, request.who) == (ExitReason.STOP_LOSS, "price watch")
    workflow_id = names.position_workflow_id((await room.position()).position_id)
    assert room.temporal.delivered[0][0] == workflow_id


async def test_an_owner_is_told_at_most_every_two_seconds(room: Room, database_url: str) -> None:
    async with room.watching(database_url):
        await room.tell_until_signalled("0.40")
        for _ in range(10):
            await room.tell_until_signalled("0.40")
    assert len(room.temporal.delivered) == 1


async def test_a_stream_that_falls_and_is_quiet_is_confirmed_by_the_venue(
    room: Room, database_url: str
) -> None:
    async with room.watching(database_url):
        await room.high_water_becomes("0.52")
        room.prices.answer = book_of("0.40")
        room.prices.tell(BookChange(replace(book_of("0.40"), is_streamed=True)))
        request = await room.tell_until_signalled()
    assert request.reason is ExitReason.STOP_LOSS


async def test_a_stream_that_falls_where_the_venue_does_not_is_a_phantom(
    room: Room, database_url: str
) -> None:
    room.prices.answer = book_of("0.51")
    async with room.watching(database_url):
        await room.high_water_becomes("0.52")
        for _ in range(20):
            room.prices.tell(BookChange(replace(book_of("0.40"), is_streamed=True)))
            await asyncio.sleep(0.005)
    assert room.temporal.delivered == []


async def test_a_second_watcher_takes_over_what_the_first_gave_back(
    room: Room, database_url: str
) -> None:
    async with room.watching(database_url):
        await room.high_water_becomes("0.52")
    async with room.watching(database_url, "b"):
        await room.tell_until_signalled("0.40")
    assert set((await room.store.renew_watch("c", utc_now())).values()) == {3}


async def test_who_does_not_hold_the_watch_watches_nothing_and_asks_for_no_exit(
    room: Room, database_url: str
) -> None:
    await room.store.renew_watch("another", utc_now() + timedelta(hours=1))
    async with room.watching(database_url):
        for _ in range(20):
            room.prices.tell(BookChange(book_of("0.40")))
            await asyncio.sleep(0.01)
        assert room.prices.wanted is not None
        assert room.prices.wanted.current() == frozenset()
    assert room.temporal.delivered == []


async def test_a_fall_behind_books_of_no_worth_calls_a_person_once(
    room: Room, database_url: str
) -> None:
    async def called() -> bool:
        room.prices.tell(BookChange(book_of("0.02", size="1")))
        return await _count_pages(room.store) == 1

    async with room.watching(database_url):
        await room.high_water_becomes("0.52")
        await until(called)
        for _ in range(10):
            await called()
            await asyncio.sleep(0.01)
    assert await _count_pages(room.store) == 1
    assert room.temporal.delivered == []


async def test_levels_are_placed_and_trail_the_best_bid(room: Room, database_url: str) -> None:
    async with room.watching(database_url):
        await room.high_water_becomes("0.60")
        position = await room.position()
        assert position.trailing_stop_price == Decimal("0.57")
        assert position.stop_loss_price == Decimal("0.42")
        request = await room.tell_until_signalled("0.56")
    assert request.reason is ExitReason.TRAILING_STOP


async def test_a_level_that_a_person_moved_is_not_moved_back(room: Room, database_url: str) -> None:
    """The bid rises before the watch has read the position again."""
    position = await room.position()
    async with room.watching(database_url):
        await room.high_water_becomes("0.52")
        moved = Levels(price("0.30"), price("0.90"), None, price("0.52"))
        seen = kept_levels(exit_levels(await room.position()))
        assert await room.store.swap_levels(position.position_id, seen, moved)
        await room.high_water_becomes("0.53")
    assert (await room.position()).stop_loss_price == Decimal("0.30")


async def test_a_phantom_bid_trails_nothing(room: Room, database_url: str) -> None:
    """One share bid for at 0.90 is no depth for a hundred."""
    async with room.watching(database_url):
        await room.high_water_becomes("0.51")
        for _ in range(20):
            room.prices.tell(BookChange(book_of("0.90", size="1")))
            await asyncio.sleep(0.01)
        await room.high_water_becomes("0.52")
    assert (await room.position()).trailing_stop_price is None


async def test_prices_are_watched_while_the_database_or_temporal_is_away(
    room: Room, database_url: str
) -> None:
    shaky = ShakyStore(room.store)
    shaky.away = {"list_open_after": 1, "swap_levels": 2, "list_ended": 1, "renew_watch": 1}
    room.temporal.away = [
        RPCError("away", RPCStatusCode.UNAVAILABLE, b""),
        RuntimeError("Failed client connect"),
    ]
    real, room.store = room.store, cast("PostgresStore", shaky)
    async with room.watching(database_url):
        await room.tell_until_signalled("0.40")
    room.store = real
    assert room.ears.failures("owner") == 2
    assert room.ears.failures("positions") >= 1
    assert room.ears.failures("levels") == 2
    assert room.ears.failures("watch_lease") == 1


async def test_a_stream_that_fails_and_payloads_that_cannot_be_read_stop_nothing(
    room: Room, database_url: str
) -> None:
    room.prices.tell(
        Quarantined("prices", "no asset", "NO NEW ASSETS"),
        StreamReset(utc_now()),
        LastTrade(YES, price("0.5"), (await room.position()).size, utc_now()),
        UnavailableError("gone"),
    )
    async with room.watching(database_url):
        await room.tell_until_signalled("0.40")

        async def kept() -> bool:
            return await count_quarantined(room.store) == 1

        await until(kept)
    assert room.ears.failures("prices") == 1


async def test_the_owner_of_a_resolved_market_is_woken_until_it_is_reached(
    room: Room, database_url: str
) -> None:
    room.temporal.away = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]

    async def woken() -> bool:
        return any(signal == names.FILLS_CHANGED for _, signal, _ in room.temporal.delivered)

    async def watched() -> bool:
        wanted = room.prices.wanted
        return wanted is not None and wanted.current() == {YES}

    async with room.watching(database_url):
        await until(watched)
        room.prices.tell(MarketResolution(MARKET, utc_now()))
        await until(woken)
    assert room.ears.failures("owner") == 1


async def test_the_owner_is_woken_when_its_market_has_ended(room: Room, database_url: str) -> None:
    await room.store.save_market(replace(market(), ends_at=utc_now() - timedelta(1)), NOW)

    async def woken() -> bool:
        return [signal for _, signal, _ in room.temporal.delivered] == [names.FILLS_CHANGED]

    async with room.watching(database_url):
        await until(woken)


async def test_what_is_closed_is_forgotten(room: Room, database_url: str) -> None:
    position = await room.position()

    async def unwatched() -> bool:
        wanted = room.prices.wanted
        return wanted is not None and wanted.current() == frozenset()

    async with room.watching(database_url):
        await room.tell_until_signalled("0.40")
        await _close(room.store, position.position_id)
        await until(unwatched)


async def _close(store: PostgresStore, position_id: PositionId) -> None:
    position = await store.load_position(position_id)
    assert position is not None
    await sold(store, position)


async def _count_pages(store: PostgresStore) -> int:
    async with store.transaction() as connection:
        found = select(func.count()).where(events.c.type == "exit_doubtful")
        return int(await connection.scalar(found) or 0)
