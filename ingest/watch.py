"""Watch the prices of what we hold and tell a position's owner when it must go."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from temporalio.client import Client

from exchange.account import BookBatches
from exchange.port import (
    BookChange,
    MarketData,
    MarketEvent,
    MarketResolution,
    Quarantined,
    StreamReset,
)
from ingest.exits import ExitDesk
from ingest.health import FeedHealth
from ingest.holdings import Holdings, read_holdings
from ingest.listen import listen
from ingest.marks import MarkBook
from ingest.owner_line import OwnerLine
from ingest.second_reads import SecondReads
from ingest.shards import WatchShards
from ingest.stored import until_stored
from ingest.trails import Trails
from ingest.unseen import UnseenWatch
from ingest.wanted import Wanted
from storage.port import Bell, Event, FactStore, PositionRecord, StorageError
from storage.watch_port import MarkCache, WatchStore
from trading.rules import ExitRules
from trading.types import ConditionId, OrderBook, PositionId, TokenId

FEED = "prices"
POSITIONS_POLL = timedelta(seconds=2)
POSITIONS_PAUSE_S = 0.2
PAUSE_MAX_S = 2.0
READING_SHARE = 20
"""Between two looks at the positions: a burst of news is read once, and reading takes a twentieth
of the time at most, however many there are."""
DOUBTS_EVERY_S = 0.5
REFUSED_MAX = 100  # payloads that wait to be stored; more are only counted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WatchPorts:
    """What the watcher reads, writes and signals."""

    market_data: MarketData
    books: BookBatches
    positions: WatchStore
    facts: FactStore
    cache: MarkCache
    bell: Bell
    temporal: Client
    health: FeedHealth


class PriceWatch:
    """Marks open positions in memory and tells a position's owner when it must go.

    The task that hears prices waits for nobody: not for the cache, the database or Temporal. What
    a book means is seen in the turn in which it comes.
    """

    def __init__(
        self,
        ports: WatchPorts,
        rules: ExitRules,
        clock: Callable[[], datetime],
        holder: str,
    ) -> None:
        """Watch in the name of `holder`, which no other process has."""
        self._ports = ports
        self._clock = clock
        health = ports.health
        self._holdings = Holdings()
        self._ended: frozenset[PositionId] = frozenset()
        self._tokens: Wanted[TokenId] = Wanted()
        self._resolved: set[ConditionId] = set()
        self._refused: asyncio.Queue[Quarantined] = asyncio.Queue(REFUSED_MAX)
        self._desk = ExitDesk(rules)
        self._books = MarkBook(ports.cache, ports.positions, health)
        self._trails = Trails(self._desk, ports.positions, health)
        self._shards = WatchShards(ports.positions, holder, clock, health)
        self._seconds = SecondReads(ports.books, self._see, clock, health)
        self._owners = OwnerLine(ports.temporal, self._may_tell, clock, health)
        self._unseen = UnseenWatch(ports.positions, clock, health)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._shards.run(self._choose_tokens))
            group.create_task(self._listen())
            group.create_task(self._books.run())
            group.create_task(self._trails.run())
            group.create_task(self._seconds.run())
            group.create_task(self._owners.run())
            group.create_task(self._unseen.run(self._priced))
            group.create_task(self._keep_refused())
            group.create_task(self._follow_positions())
            group.create_task(self._tell_doubts())

    async def _listen(self) -> None:
        def open_stream() -> AsyncIterator[MarketEvent]:
            return self._ports.market_data.stream_market(self._tokens)

        await listen(FEED, open_stream, self._take, self._ports.health)

    async def _take(self, event: MarketEvent) -> None:
        match event:
            case BookChange(book=book):
                self._see(book)
            case MarketResolution(condition_id=condition_id):
                self._resolved.add(condition_id)
                self._tell_resolved()
            case StreamReset(token_ids=token_ids):
                self._books.clear(token_ids)  # what was missed makes them stale
            case Quarantined():
                self._ports.health.refused(FEED)
                if not self._refused.full():
                    self._refused.put_nowait(event)
            case _:
                return  # last trades change no mark; a tick size comes with the next book

    def _see(self, book: OrderBook) -> None:
        """Mark the positions of a token and hold their levels against its newest book."""
        self._books.put(book)
        self._unseen.note(book)
        if not self._shards.holds(book.token_id):
            return
        seen = self._desk.look(book, self._clock())
        for position, reason in seen.due:
            held_at = self._holdings.held.get(position.position_id)
            self._owners.request_exit(position, reason, held_at)
        for position_id in seen.moved:
            self._trails.moved(position_id)
        if seen.reread_at is not None:
            self._seconds.want(book.token_id, seen.reread_at)

    async def _keep_refused(self) -> None:
        while True:
            refused = await self._refused.get()
            write = self._ports.facts.quarantine
            await until_stored(
                lambda: write(refused.feed, refused.why, refused.payload, self._clock()),  # noqa: B023 - awaited here
                self._ports.health,
                "quarantine",
            )

    async def _follow_positions(self) -> None:
        """Keep the open positions and the watched tokens in step with the records."""
        while True:
            begun = time.perf_counter()
            try:
                self._holdings = await read_holdings(self._ports.positions)
                self._take_positions()
                self._tell_resolved()
                self._resolved.clear()  # it was nothing of ours
                await self._tell_ended()
            except StorageError as error:
                self._ports.health.failed("positions")
                log.warning("positions_not_read", error=str(error))
            took_s = time.perf_counter() - begun
            await asyncio.sleep(min(max(POSITIONS_PAUSE_S, took_s * READING_SHARE), PAUSE_MAX_S))
            await self._ports.bell.wait("positions", "", POSITIONS_POLL)

    def _take_positions(self) -> None:
        fresh = self._desk.follow(self._holdings.positions)
        self._choose_tokens()
        self._owners.keep_only(frozenset(p.position_id for p in self._holdings.positions))
        for book in filter(None, map(self._books.find, fresh)):
            self._see(book)

    def _choose_tokens(self) -> None:
        held = frozenset(position.token_id for position in self._watched() or ())
        self._tokens.replace(held)
        self._books.keep_only(held)
        self._seconds.keep_only(held)
        self._unseen.keep_only(held)

    def _watched(self) -> Sequence[PositionRecord] | None:
        """Return the positions that are ours to watch; None when we have no part in the watch."""
        if not self._shards.has_any:
            return None
        return [p for p in self._holdings.positions if self._shards.watches(p.token_id)]

    def _priced(self) -> Sequence[PositionRecord] | None:
        """Return those of them that must have a price: a market that has ended may have none.

        None also while another may have taken them over: one watcher calls a person, not two.
        """
        watched = self._watched()
        if watched is None or not self._shards.is_current:
            return None
        return [position for position in watched if position.position_id not in self._ended]

    def _tell_resolved(self) -> None:
        """Tell the owners of what was resolved; one that is not known yet, as soon as it is."""
        if not self._resolved:
            return
        for position in self._holdings.positions:
            if position.condition_id in self._resolved:
                self._owners.tell_resolved(position)
        self._resolved -= {position.condition_id for position in self._holdings.positions}

    async def _tell_ended(self) -> None:
        """Tell owners whose market's end has passed: its resolution may have gone unheard."""
        self._ended = await self._ports.positions.list_ended(self._clock())
        for position in self._holdings.positions if self._ended else ():
            if position.position_id in self._ended:
                self._owners.tell_ended(position)

    async def _tell_doubts(self) -> None:
        """Call a person to positions that may be falling behind books of no worth."""
        while True:
            await asyncio.sleep(DOUBTS_EVERY_S)
            for position in self._desk.doubts(self._clock()):
                if self._shards.holds(position.token_id):
                    await self._tell_doubt(position)

    async def _tell_doubt(self, position: PositionRecord) -> None:
        event = Event(
            type="exit_doubtful",
            severity="PAGE",
            title="a level may be crossed, but no book can be trusted: look at the market",
            at=self._clock(),
            ids={"position_id": position.position_id, "token_id": position.token_id},
        )
        record = self._ports.facts.record_event
        await until_stored(lambda: record(event), self._ports.health, "doubts")

    def _may_tell(self, position: PositionRecord) -> bool:
        """Tell whether a position is still open and ours to watch."""
        return self._desk.has(position.position_id) and self._shards.holds(position.token_id)
