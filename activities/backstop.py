"""Watch the prices of what we hold while nobody else does, so that every exit is taken."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from activities.asking import ExitAsker
from activities.commands import EventBook
from activities.evidence import tell_alive
from exchange.account import BookBatches
from exchange.port import ExchangeError
from storage.level_port import LevelStore, exit_levels, kept_levels
from storage.port import Event, Mark, PositionRecord
from trading.exits import ExitLevels, ExitRead, ExitWatch, read_exit
from trading.levels import Rise, follow_bid
from trading.rules import ExitRules, ReconcileRules
from trading.types import (
    ExitReason,
    ExitRequest,
    OrderBook,
    PositionId,
    PositionState,
    Price,
    TokenId,
)

WHO = "backstop"


class WatchRecord(Protocol):
    """Knows whether anybody watches prices."""

    async def last_watched(self) -> datetime | None:
        """Return when somebody last watched all that we hold; None: nobody ever did."""


@dataclass(frozen=True, slots=True)
class BackstopPorts:
    """What the backstop reads, marks and asks."""

    watchers: WatchRecord
    books: BookBatches
    positions: LevelStore
    owners: ExitAsker
    events: EventBook


@dataclass(frozen=True, slots=True)
class BackstopRules:
    """When it steps in, and when a position must go."""

    reconcile: ReconcileRules
    exits: ExitRules


class Backstop:
    """Marks all open positions in one turn, and asks for the exits that two reads agree on."""

    name = "backstop"

    def __init__(
        self, ports: BackstopPorts, rules: BackstopRules, clock: Callable[[], datetime]
    ) -> None:
        self._ports = ports
        self._rules = rules
        self._clock = clock
        self._began_at = clock()
        self._watches: dict[tuple[PositionId, int], ExitWatch] = defaultdict(ExitWatch)
        self._rises: dict[PositionId, Rise] = defaultdict(Rise)
        self._unwatched_since: datetime | None = None

    @property
    def every(self) -> timedelta:
        """Return the pause until the next turn."""
        return self._rules.reconcile.look_every

    async def turn(self) -> None:
        """Look whether anybody watches; while nobody does, read all books and check all levels."""
        watched_at = await self._ports.watchers.last_watched() or self._began_at
        if self._clock() - watched_at <= self._rules.reconcile.unwatched_for:
            await self._stand_down()
            return
        found = await self._ports.positions.list_open()
        held = [position for position in found if position.state is PositionState.OPEN]
        if held:
            await self._step_in(watched_at)
        books = await self._read({position.token_id for position in held})
        marks = [Mark(b.token_id, b.bids[0].price, b.received_at) for b in books.values() if b.bids]
        await self._ports.positions.save_marks(marks)
        for position in held:
            if position.token_id in books:
                await self._check(position, books[position.token_id])

    async def _read(self, tokens: Iterable[TokenId]) -> dict[TokenId, OrderBook]:
        """Read books by the batch; what cannot be read now is read at the next turn."""
        wanted, size = sorted(tokens), self._rules.reconcile.books_batch
        books: dict[TokenId, OrderBook] = {}
        for start in range(0, len(wanted), size):
            tell_alive()
            batch: Sequence[OrderBook]
            try:
                batch = await self._ports.books.fetch_books(wanted[start : start + size])
            except ExchangeError:
                continue
            books |= {book.token_id: book for book in batch}
        return books

    async def _check(self, position: PositionRecord, book: OrderBook) -> None:
        """Let the levels follow the bid, and ask for the exit once two valid reads agree on it."""
        entry = position.avg_entry_price
        if entry is None or position.size < book.min_size:
            return  # nothing that could be sold
        read = read_exit(book, position.size, self._clock(), self._rules.exits)
        if read.fault:
            return
        levels = await self._followed(position, entry, book, read)
        key = (position.position_id, position.exit_epoch)
        watch, reason = self._watches[key].observe(levels, read, self._rules.exits)
        self._watches[key] = watch
        if reason is not None:
            await self._ask(position, reason)

    async def _followed(
        self, position: PositionRecord, entry: Price, book: OrderBook, read: ExitRead
    ) -> ExitLevels:
        """Return the levels after a bid; they are stored unless somebody moved them meanwhile."""
        rules, levels = self._rules.exits, exit_levels(position)
        high = levels.high_water or entry
        rise, lasting = self._rises[position.position_id].observe(high, read, rules)
        self._rises[position.position_id] = rise
        followed = follow_bid(levels, entry, lasting, book.tick_size, rules)
        before, after = kept_levels(levels), kept_levels(followed)
        if before == after:
            return levels
        swapped = await self._ports.positions.swap_levels(position.position_id, before, after)
        return followed if swapped else levels

    async def _ask(self, position: PositionRecord, reason: ExitReason) -> None:
        crossed = reason.lower().replace("_", " ")
        why = f"nobody watches prices, and two valid reads of the bid crossed the {crossed}"
        await self._ports.owners.ask_exit(
            position.position_id, ExitRequest(reason, who=WHO, why=why)
        )

    async def _step_in(self, watched_at: datetime) -> None:
        if self._unwatched_since is not None:
            return
        self._unwatched_since = watched_at
        title = f"nobody watches prices since {watched_at:%H:%M:%S} UTC: they are polled instead"
        event = Event("prices_unwatched", "PAGE", title, self._clock())
        await self._ports.events.record_event_once(f"unwatched/{watched_at.isoformat()}", event)

    async def _stand_down(self) -> None:
        """Leave the prices to those who watch them again."""
        if self._unwatched_since is None:
            return
        since = self._unwatched_since
        self._unwatched_since = None
        self._watches.clear()
        self._rises.clear()
        title = f"prices are watched again; nobody did since {since:%H:%M:%S} UTC"
        event = Event("prices_watched", "INFO", title, self._clock())
        await self._ports.events.record_event_once(f"watched/{since.isoformat()}", event)
