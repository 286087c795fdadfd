"""Watch the prices of what we hold: marks into the cache and records, exits to their owners."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from exchange.port import (
    BookChange,
    MarketData,
    MarketEvent,
    MarketResolution,
    Quarantined,
    StreamReset,
)
from ingest.health import FeedHealth
from ingest.wanted import Wanted
from storage.port import (
    Bell,
    FactStore,
    Levels,
    Mark,
    PositionRecord,
    PositionStore,
    PriceCache,
    StorageUnavailableError,
)
from trading.exits import ExitLevels, ExitWatch, levels_at_entry, raise_trailing, read_exit
from trading.rules import ExitRules
from trading.types import (
    ConditionId,
    ExitReason,
    ExitRequest,
    OrderBook,
    PositionId,
    PositionState,
    TokenId,
)
from workflows import names

FEED = "prices"
CHECK_EVERY_S = 0.25
SAVE_EVERY_S = 0.5
POSITIONS_POLL = timedelta(seconds=1)
NUDGE_EVERY = timedelta(seconds=2)
RPC_TIMEOUT = timedelta(seconds=2)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WatchPorts:
    """What the watcher reads, writes and signals."""

    market_data: MarketData
    positions: PositionStore
    facts: FactStore
    cache: PriceCache
    bell: Bell
    temporal: Client
    health: FeedHealth


class PriceWatch:
    """Marks open positions in memory and tells a position's owner when it must go."""

    def __init__(self, ports: WatchPorts, rules: ExitRules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._tokens: Wanted[TokenId] = Wanted()
        self._positions: tuple[PositionRecord, ...] = ()
        self._books: dict[TokenId, OrderBook] = {}
        self._dirty: set[TokenId] = set()
        self._watches: dict[tuple[PositionId, int], ExitWatch] = defaultdict(ExitWatch)
        self._trailed_to: dict[PositionId, ExitLevels] = {}  # stored, perhaps not read back yet
        self._told: dict[tuple[PositionId, int], datetime] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._follow_positions())
            group.create_task(self._save_marks())
            group.create_task(self._check_exits())

    async def _listen(self) -> None:
        async for event in self._ports.market_data.stream_market(self._tokens):
            self._ports.health.heard(FEED)
            await self._take(event)

    async def _take(self, event: MarketEvent) -> None:
        match event:
            case BookChange(book=book):
                await self._mark(book)
            case MarketResolution(condition_id=condition_id):
                await self._tell_resolved(condition_id)
            case StreamReset():
                self._books.clear()  # what was missed makes them stale; snapshots follow
            case Quarantined():
                self._ports.health.refused(FEED)
                await self._ports.facts.quarantine(
                    event.feed, event.why, event.payload, self._clock()
                )
            case _:
                return  # last trades and tick sizes change no mark

    async def _mark(self, book: OrderBook) -> None:
        self._books[book.token_id] = book
        self._dirty.add(book.token_id)
        if book.bids:
            await self._ports.cache.put_mark(
                Mark(book.token_id, book.bids[0].price, book.received_at)
            )

    async def _follow_positions(self) -> None:
        """Keep the open positions and the watched tokens in step with the records."""
        while True:
            try:
                self._positions = tuple(await self._ports.positions.list_open())
            except StorageUnavailableError as error:
                log.warning("positions_not_read", error=str(error))
            held = frozenset(position.token_id for position in self._positions)
            self._tokens.replace(held)
            for token_id in self._books.keys() - held:
                del self._books[token_id]
            await self._nudge_ended()
            await self._ports.bell.wait("positions", "", POSITIONS_POLL)

    async def _save_marks(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            tokens, self._dirty = self._dirty, set()
            marks = self._fresh_marks(tokens)
            try:
                if marks:
                    await self._ports.positions.save_marks(marks)
            except StorageUnavailableError as error:
                self._dirty |= tokens
                log.warning("marks_not_saved", error=str(error))

    def _fresh_marks(self, tokens: set[TokenId]) -> Sequence[Mark]:
        books = (self._books[token_id] for token_id in tokens & self._books.keys())
        return [Mark(b.token_id, b.bids[0].price, b.received_at) for b in books if b.bids]

    async def _check_exits(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for position in self._positions:
                book = self._books.get(position.token_id)
                if position.state is PositionState.OPEN and book is not None:
                    await self._check(position, book)

    async def _check(self, position: PositionRecord, book: OrderBook) -> None:
        """Trail the stop, then ask whether a level has been crossed on two valid reads."""
        if position.avg_entry_price is None or position.size < book.min_size or not book.bids:
            return
        levels = await self._trailed(position, book)
        key = (position.position_id, position.exit_epoch)
        read = read_exit(book, position.size, self._clock(), self._rules)
        self._watches[key], reason = self._watches[key].observe(levels, read, self._rules)
        if reason is not None:
            await self._request_exit(position, reason)

    async def _trailed(self, position: PositionRecord, book: OrderBook) -> ExitLevels:
        """Return the levels after this bid; a higher water mark is stored at once."""
        levels = ExitLevels(
            position.stop_loss_price,
            position.take_profit_price,
            position.trailing_stop_price,
            position.high_water_price,
        )
        assert position.avg_entry_price is not None, "an open position has an entry price"
        if position.high_water_price is None:
            levels = levels_at_entry(position.avg_entry_price, book.tick_size, self._rules)
        trailed = raise_trailing(
            levels, position.avg_entry_price, book.bids[0].price, book.tick_size, self._rules
        )
        known = self._trailed_to.get(position.position_id)
        if known == trailed:
            return trailed
        if trailed != levels or position.high_water_price is None:
            kept = Levels(
                trailed.stop_loss,
                trailed.take_profit,
                trailed.trailing_stop,
                trailed.high_water,
            )
            await self._ports.positions.save_levels(position.position_id, kept, self._clock())
            self._trailed_to[position.position_id] = trailed
        return trailed

    async def _request_exit(self, position: PositionRecord, reason: ExitReason) -> None:
        key = (position.position_id, position.exit_epoch)
        if not self._may_tell(key):
            return
        why = f"two valid reads of the bid crossed the {reason.lower().replace('_', ' ')}"
        request = ExitRequest(reason, who="price watch", why=why)
        await self._signal(position.position_id, names.REQUEST_EXIT, request)
        log.info("exit_requested", position_id=position.position_id, reason=reason)

    async def _tell_resolved(self, condition_id: ConditionId) -> None:
        for position in self._positions:
            if position.condition_id == condition_id:
                await self._signal(position.position_id, names.FILLS_CHANGED)

    async def _nudge_ended(self) -> None:
        """Wake owners whose market's end has passed: its resolution may have gone unheard."""
        for position in self._positions:
            market = await self._ports.facts.load_market(position.token_id)
            ended = market is not None and market.ends_at is not None
            if market is None or not ended or position.state is not PositionState.OPEN:
                continue
            assert market.ends_at is not None, "an ended market has an end"
            if market.ends_at <= self._clock() and self._may_tell((position.position_id, -1)):
                await self._signal(position.position_id, names.FILLS_CHANGED)

    def _may_tell(self, key: tuple[PositionId, int]) -> bool:
        """Tell an owner the same thing at most every 2 s; it may just not have acted yet."""
        now = self._clock()
        told_at = self._told.get(key)
        if told_at is not None and now < told_at + NUDGE_EVERY:
            return False
        self._told[key] = now
        return True

    async def _signal(self, position_id: PositionId, signal: str, *args: ExitRequest) -> None:
        handle = self._ports.temporal.get_workflow_handle(names.position_workflow_id(position_id))
        try:
            await handle.signal(signal, args=args, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            log.warning("owner_not_reached", position_id=position_id, error=str(error))
