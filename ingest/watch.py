"""Watch the prices of what we hold and tell a position's owner when it must go."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
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
from ingest.listen import listen
from ingest.marks import MarkBook
from ingest.stored import until_stored
from ingest.wanted import Wanted
from storage.port import (
    Bell,
    FactStore,
    Levels,
    PositionRecord,
    PositionStore,
    PriceCache,
    StorageError,
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
POSITIONS_POLL = timedelta(seconds=1)
NUDGE_EVERY = timedelta(seconds=2)
RPC_TIMEOUT = timedelta(seconds=2)
REFUSED_MAX = 100  # payloads that wait to be stored; more are only counted
NO_EXIT = -1  # stands for the exit epoch where an owner is told of something else

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
    """Marks open positions in memory and tells a position's owner when it must go.

    The task that hears prices waits for nobody: not for the cache, the database or Temporal.
    """

    def __init__(self, ports: WatchPorts, rules: ExitRules, clock: Callable[[], datetime]) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._tokens: Wanted[TokenId] = Wanted()
        self._positions: tuple[PositionRecord, ...] = ()
        self._books = MarkBook(ports.cache, ports.positions, ports.health)
        self._refused: asyncio.Queue[Quarantined] = asyncio.Queue(REFUSED_MAX)
        self._resolved: set[ConditionId] = set()
        self._watches: dict[tuple[PositionId, int], ExitWatch] = defaultdict(ExitWatch)
        self._trailed_to: dict[PositionId, ExitLevels] = {}  # stored, perhaps not read back yet
        self._told: dict[tuple[PositionId, int], datetime] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._books.run())
            group.create_task(self._keep_refused())
            group.create_task(self._follow_positions())
            group.create_task(self._check_exits())

    async def _listen(self) -> None:
        def open_stream() -> AsyncIterator[MarketEvent]:
            return self._ports.market_data.stream_market(self._tokens)

        await listen(FEED, open_stream, self._take, self._ports.health)

    async def _take(self, event: MarketEvent) -> None:
        match event:
            case BookChange(book=book):
                self._books.put(book)
            case MarketResolution(condition_id=condition_id):
                self._resolved.add(condition_id)
            case StreamReset():
                self._books.clear()  # what was missed makes them stale; snapshots follow
            case Quarantined():
                self._ports.health.refused(FEED)
                if not self._refused.full():
                    self._refused.put_nowait(event)
            case _:
                return  # last trades and tick sizes change no mark

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
            try:
                self._positions = tuple(await self._ports.positions.list_open())
                self._forget_closed()
                await self._nudge_resolved()
                await self._nudge_ended()
            except StorageError as error:
                self._ports.health.failed("positions")
                log.warning("positions_not_read", error=str(error))
            await self._ports.bell.wait("positions", "", POSITIONS_POLL)

    def _forget_closed(self) -> None:
        held = frozenset(position.token_id for position in self._positions)
        self._tokens.replace(held)
        self._books.keep_only(held)
        open_ids = {position.position_id for position in self._positions}
        for key in [key for key in self._watches if key[0] not in open_ids]:
            del self._watches[key]
        for key in [key for key in self._told if key[0] not in open_ids]:
            del self._told[key]
        for position_id in self._trailed_to.keys() - open_ids:
            del self._trailed_to[position_id]
        self._resolved &= {position.condition_id for position in self._positions}

    async def _check_exits(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for position in self._positions:
                book = self._books.find(position.token_id)
                if position.state is PositionState.OPEN and book is not None:
                    await self._check(position, book)

    async def _check(self, position: PositionRecord, book: OrderBook) -> None:
        """Trail the stop, then ask whether a level has been crossed on two valid reads."""
        if position.avg_entry_price is None or position.size < book.min_size or not book.bids:
            return
        read = read_exit(book, position.size, self._clock(), self._rules)
        if read.fault:
            return  # it triggers nothing, and a phantom bid must not trail the stop
        levels = await self._trailed(position, book)
        key = (position.position_id, position.exit_epoch)
        self._watches[key], reason = self._watches[key].observe(levels, read, self._rules)
        if reason is not None:
            await self._request_exit(position, reason)

    async def _trailed(self, position: PositionRecord, book: OrderBook) -> ExitLevels:
        """Return the levels after this bid; a higher water mark is stored at once."""
        trailed = self._raised(position, book)
        known = self._trailed_to.get(position.position_id)
        if known == trailed or trailed == _levels_of(position):
            return trailed
        try:
            # A person may have moved a level since the position was read: theirs stands.
            newest = await self._ports.positions.load_position(position.position_id)
            trailed = self._raised(newest or position, book)
            await self._ports.positions.save_levels(
                position.position_id, _stored(trailed), self._clock()
            )
        except StorageError as error:
            self._ports.health.failed("levels")
            log.warning("levels_not_saved", position_id=position.position_id, error=str(error))
        else:
            self._trailed_to[position.position_id] = trailed
        return trailed

    def _raised(self, position: PositionRecord, book: OrderBook) -> ExitLevels:
        entry = position.avg_entry_price
        assert entry is not None, "an open position has an entry price"
        levels = _levels_of(position)
        if position.high_water_price is None:
            levels = levels_at_entry(entry, book.tick_size, self._rules)
        return raise_trailing(levels, entry, book.bids[0].price, book.tick_size, self._rules)

    async def _request_exit(self, position: PositionRecord, reason: ExitReason) -> None:
        key = (position.position_id, position.exit_epoch)
        if not self._may_tell(key):
            return
        why = f"two valid reads of the bid crossed the {reason.lower().replace('_', ' ')}"
        request = ExitRequest(reason, who="price watch", why=why)
        if await self._signal(position.position_id, names.REQUEST_EXIT, request):
            log.info("exit_requested", position_id=position.position_id, reason=reason)

    async def _nudge_resolved(self) -> None:
        """Wake the owners of what was resolved, until they are reached."""
        reached = set(self._resolved)
        for position in self._positions:
            if position.condition_id not in self._resolved:
                continue
            if not await self._signal(position.position_id, names.FILLS_CHANGED):
                reached.discard(position.condition_id)
        self._resolved -= reached

    async def _nudge_ended(self) -> None:
        """Wake owners whose market's end has passed: its resolution may have gone unheard."""
        for position in self._positions:
            if position.state is not PositionState.OPEN:
                continue
            market = await self._ports.facts.load_market(position.token_id)
            if market is None or market.ends_at is None or market.ends_at > self._clock():
                continue
            if self._may_tell((position.position_id, NO_EXIT)):
                await self._signal(position.position_id, names.FILLS_CHANGED)

    def _may_tell(self, key: tuple[PositionId, int]) -> bool:
        """Tell an owner the same thing at most every 2 s; it may just not have acted yet."""
        now = self._clock()
        told_at = self._told.get(key)
        if told_at is not None and now < told_at + NUDGE_EVERY:
            return False
        self._told[key] = now
        return True

    async def _signal(self, position_id: PositionId, signal: str, *args: ExitRequest) -> bool:
        handle = self._ports.temporal.get_workflow_handle(names.position_workflow_id(position_id))
        try:
            await handle.signal(signal, args=args, rpc_timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError) as error:  # RuntimeError: Temporal was never reached yet
            self._ports.health.failed("owner")
            log.warning("owner_not_reached", position_id=position_id, error=str(error))
            return False
        return True


def _levels_of(position: PositionRecord) -> ExitLevels:
    return ExitLevels(
        position.stop_loss_price,
        position.take_profit_price,
        position.trailing_stop_price,
        position.high_water_price,
    )


def _stored(levels: ExitLevels) -> Levels:
    return Levels(levels.stop_loss, levels.take_profit, levels.trailing_stop, levels.high_water)
